/* SPDX-License-Identifier: ISC */
/* JSON lines of the log: bounded, UTF-8, and strings and objects that end. */
#include "common/log/log_json.h"
#include "common/text/utf8.h"

#include "tests/fuzz/fuzz.h"

static void
must_be_json(const char *line, size_t len)
{
	size_t depth = 0, used;
	bool string = false;

	for (size_t i = 0; i < len; i += used) {
		MUST(utf8_is_text(utf8_next(line + i, len - i, &used)));
		if (string && line[i] == '\\') {
			MUST(strchr("\"\\u", line[++i]) != NULL);
		} else if (line[i] == '"') {
			string = !string;
		} else if (!string) {
			MUST(strchr("{}:,-.", line[i]) != NULL ||
			     (line[i] >= '0' && line[i] <= '9'));
			depth += line[i] == '{';
			depth -= line[i] == '}';
			MUST(depth > 0 || i + 1 == len);
		}
	}
	MUST(!string && depth == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), line[LOG_JSON + 1];
	struct log_entry e = { .program = "p", .level = "info", .text = text };
	const char *end = text + strlen(text);
	struct log_fields f;

	log_fields(text, &f);
	MUST(f.count <= LOG_FIELDS);
	for (size_t i = 0; i < f.count; i++) {
		const struct log_field *field = &f.fields[i];
		MUST(field->value.text + field->value.len <= end);
		MUST(field->key.len > 0);
	}
	size_t len = log_json(&e, line);
	MUST(len <= LOG_JSON && strlen(line) == len);
	must_be_json(line, len);
	free(text);
	return 0;
}
