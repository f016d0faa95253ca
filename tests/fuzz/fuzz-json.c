/* SPDX-License-Identifier: ISC */
/* JSON: it ends, and what opens closes. */
#include "common/text/json_read.h"

#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size > 0 ? size : 1);
	unsigned open = 0;
	size_t events = 0;
	enum json_event event;

	MUST(text != NULL);
	memcpy(text, data, size);
	struct json j = { .at = text, .end = text + size };
	while ((event = json_next(&j)) < JSON_DONE) {
		MUST(++events <= size);
		MUST(j.depth > 0 && j.depth <= JSON_DEPTH);
		MUST(strlen(j.names[j.depth - 1]) < JSON_NAME);
		if (event == JSON_OPEN) {
			MUST(++open == j.depth);
		} else if (event == JSON_CLOSE) {
			MUST(open-- == j.depth);
		} else {
			MUST(j.depth == open + 1);
			MUST(strlen(j.text) < JSON_TEXT);
		}
	}
	MUST(event == JSON_WRONG ? j.why != NULL : open == 0);
	free(text);
	return 0;
}
