/* SPDX-License-Identifier: ISC */
/* Parameters: what was written is read again; rubbish is read within bounds. */
#include "common/mime/param.h"

#include "common/mime/charset.h"
#include "tests/fuzz/fuzz.h"

static void
round_trip(char *text, size_t size, bool words)
{
	size_t room = PARAM_ENCODED(8, size);
	char *code = malloc(room + 16), *back = malloc(3 * (room + 16));

	MUST(code != NULL && back != NULL);
	memcpy(code, "a/b", 3);
	ssize_t n = words ? param_encode_words(
				"filename", text, size, "\r\n", code + 3, room)
	                  : param_encode(
				"filename", text, size, "\r\n", code + 3, room);
	MUST(n > 0);
	for (const char *line = code; line != NULL;) {
		const char *lf = strchr(line, '\n');
		MUST((lf == NULL ? strlen(line) : (size_t)(lf - line)) <= 77);
		line = lf == NULL ? NULL : lf + 1;
	}
	ssize_t m =
	    param_text(code, (size_t)n + 3, "FileName", back, 3 * (room + 16));
	MUST(m == -1 ? size > 500 : charset_is_utf8(back, (size_t)m));
	bool edge = size == 0 || text[0] == ' ' || text[size - 1] == ' ';
	if (charset_is_utf8(text, size) && size < 500 && !edge) {
		MUST(m == (ssize_t)size && memcmp(back, text, size) == 0);
	}
	free(back);
	free(code);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	char *value = malloc(3 * size + 1);
	char type[PARAM_TYPE];

	MUST(value != NULL);
	MUST(param_type(text, size, type) == (type[0] != '\0'));
	MUST(param_get(text, size, "boundary", value, size + 1) <=
	     (ssize_t)size);
	ssize_t n = param_text(text, size, "filename", value, 3 * size + 1);
	MUST(n == -1 || charset_is_utf8(value, (size_t)n));
	for (size_t i = 0; i < size; i++) {
		if ((text[i] >= 0 && text[i] < ' ') || text[i] == 0x7f) {
			text[i] = '_'; /* as it will come back */
		}
	}
	round_trip(text, size, false);
	round_trip(text, size, true);
	free(value);
	free(text);
	return 0;
}
