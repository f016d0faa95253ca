/* SPDX-License-Identifier: ISC */
#include "common/io/json.h"

#include "common/text/utf8.h"

#include <inttypes.h>
#include <string.h>

void
json_string(FILE *out, const char *text)
{
	size_t len = strlen(text);

	putc('"', out);
	for (size_t used; len > 0; text += used, len -= used) {
		int32_t c = utf8_next(text, len, &used);
		if (c == -1) {
			fputs("\\ufffd", out);
		} else if (c == '"' || c == '\\') {
			fprintf(out, "\\%c", (char)c);
		} else if (c < 0x10000 && !utf8_is_text(c)) {
			fprintf(out, "\\u%04" PRIx32, (uint32_t)c);
		} else {
			fwrite(text, 1, used, out);
		}
	}
	putc('"', out);
}

void
json_member(FILE *out, const char *name, const char *text)
{
	fprintf(out, ",\"%s\":", name);
	json_string(out, text);
}

void
json_number(FILE *out, const char *name, int64_t value)
{
	fprintf(out, ",\"%s\":%" PRId64, name, value);
}
