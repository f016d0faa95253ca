/* SPDX-License-Identifier: ISC */
/* XML: it ends, its elements do, and each has an end that is its own. */
#include "common/text/xml.h"

#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size > 0 ? size : 1);
	char open[XML_DEPTH][XML_NAME];
	unsigned depth = 0;
	size_t events = 0;
	enum xml_event event;

	MUST(text != NULL);
	memcpy(text, data, size);
	struct xml x = { .at = text, .end = text + size };
	while ((event = xml_next(&x)) < XML_DONE) {
		MUST(++events <= size);
		if (event == XML_START) {
			MUST(x.depth == depth + 1);
			memcpy(open[depth++], x.names[x.depth - 1], XML_NAME);
		} else {
			MUST(x.depth == depth);
			MUST(strcmp(open[--depth], x.names[x.depth - 1]) == 0);
			MUST(strlen(x.text) < XML_TEXT);
		}
	}
	MUST(event == XML_WRONG ? x.why != NULL : depth == 0);
	free(text);
	return 0;
}
