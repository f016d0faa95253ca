/* SPDX-License-Identifier: ISC */
/*
 * Authentication-Results: a field that somebody else wrote is read to its end
 * and no further; what we write is one field, which is ours, whatever is in it.
 */
#include "common/auth/results.h"

#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct field f;
	struct results r;

	if (header_split(text, size, &f)) {
		bool forged = results_is_forged(&f, "mx.example");
		MUST(forged || !results_is_ours(&f, "mx.example"));
		MUST(forged || !results_is_mark(&f));
	}
	results_begin(&r, "mx.example");
	results_add(&r, "spf", "fail", NULL, text);
	results_property(&r, "smtp.mailfrom", text);
	size_t len = results_end(&r);
	const char *at = r.text;
	MUST(len < RESULTS_SIZE && strlen(r.text) == len);
	MUST(header_next(&at, r.text + len, &f) && at == r.text + len);
	MUST(results_is_forged(&f, "MX.example"));
	MUST(!results_is_forged(&f, "other.example"));
	results_begin_spf(&r, "pass");
	results_key(&r, "helo", text);
	results_key(&r, "problem", text);
	len = results_end(&r);
	at = r.text;
	MUST(len < RESULTS_SIZE && strlen(r.text) == len);
	MUST(header_next(&at, r.text + len, &f) && at == r.text + len);
	free(text);
	return 0;
}
