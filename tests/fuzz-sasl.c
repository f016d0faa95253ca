/* SPDX-License-Identifier: ISC */
/*
 * SASL: the first octet chooses a mechanism, LFs end the client's answers.
 * Whatever comes, a login that is complete is one that the server takes.
 */
#include "common/login.h"

#include "tests/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "PLAIN", "LOGIN", "CRAM-MD5" };
	enum sasl_result result = SASL_CONTINUE;
	struct sasl s;

	if (size == 0) {
		return 0;
	}
	MUST(sasl_start(&s, names[data[0] % 3], "mail.example.org"));
	if (!sasl_client_first(&s) || data[0] >= 128) {
		MUST(sasl_step(&s, NULL, 0) == SASL_CONTINUE);
	}
	data++;
	size--;
	while (result == SASL_CONTINUE && size > 0) {
		const uint8_t *lf = memchr(data, '\n', size);
		size_t n = lf == NULL ? size : (size_t)(lf - data);
		char *answer = malloc(n + 1);
		MUST(answer != NULL);
		memcpy(answer, data, n);
		char *exact = realloc(answer, n > 0 ? n : 1);
		MUST(exact != NULL);
		result = sasl_step(&s, exact, n);
		free(exact);
		MUST(strlen(s.prompt) < sizeof(s.prompt));
		n += lf != NULL;
		data += n;
		size -= n;
	}
	MUST(result != SASL_DONE || login_valid(&s.login, LOGIN_SIZE(0)));
	return 0;
}
