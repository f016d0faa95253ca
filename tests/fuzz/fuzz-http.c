/* SPDX-License-Identifier: ISC */
/* Answers of web servers: a body fits, and more octets change none that ended.
 */
#include "common/text/http.h"

#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

enum { BODY = 256 };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = { (const char *)data, size };
	struct http_answer a, b;
	char *body = malloc(BODY), *shorter = malloc(BODY);

	MUST(body != NULL && shorter != NULL);
	enum http_read r = http_read(text, false, &a, body, BODY);
	MUST(a.len <= BODY);
	for (size_t n = size / 2; n < size; n += 1 + size / 16) {
		text.len = n;
		enum http_read s = http_read(text, false, &b, shorter, BODY);
		MUST(s != HTTP_BAD || r == HTTP_BAD);
		if (s == HTTP_DONE && r == HTTP_DONE) {
			MUST(a.len == b.len &&
			     memcmp(body, shorter, a.len) == 0);
		}
	}
	free(body);
	free(shorter);
	return 0;
}
