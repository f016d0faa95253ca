/* SPDX-License-Identifier: ISC */
/*
 * SASL: the first octet chooses a mechanism (with 64, also bindings; with 128,
 * no initial response), LFs end the client's answers.
 * Whatever comes, a login that is complete is one that the server takes.
 */
#include "common/sasl/sasl.h"

#include "tests/fuzz/fuzz.h"

/* Workers that know everybody, and like every proof. */
static enum sasl_result
answer_for_workers(struct sasl *s, enum sasl_result result)
{
	const struct password_salt salt = { .iterations = UINT32_MAX,
		.size = PASSWORD_SALT };
	const uint8_t signature[PASSWORD_DIGEST] = { 0 };

	MUST((result != SASL_SALT && result != SASL_PROOF) ||
	     login_valid(&s->login, LOGIN_SIZE(0)));
	return result == SASL_NAME    ? sasl_name_is(s, "tim")
	       : result == SASL_SALT  ? sasl_salt(s, &salt)
	       : result == SASL_PROOF ? sasl_signature(s, signature)
	                              : result;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum sasl_result result = SASL_CONTINUE;
	struct sasl s;

	if (size == 0) {
		return 0;
	}
	MUST(sasl_start(
	    &s, sasl_name((data[0] & 0x3f) % MECHANISMS), "mail.example.org"));
	if ((data[0] & 0x40) != 0) {
		sasl_bind(&s, "tls-exporter", (const uint8_t *)"0123", 4);
	}
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
		result = answer_for_workers(&s, result);
		free(exact);
		MUST(strlen(s.prompt) < sizeof(s.prompt));
		n += lf != NULL;
		data += n;
		size -= n;
	}
	MUST(result != SASL_DONE || login_valid(&s.login, LOGIN_SIZE(0)));
	return 0;
}
