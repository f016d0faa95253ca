/* SPDX-License-Identifier: ISC */
/* MTA-STS: what is read can be written and read again. */
#include "common/auth/sts.h"

#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = { (const char *)data, size };
	struct sts_policy policy;
	struct sts_known known, again;
	char id[STS_ID + 1], *out = malloc(STS_FILE);

	MUST(out != NULL);
	if (sts_record_read(text, id)) {
		MUST(sts_record_is(text) && id[0] != '\0');
	}
	if (sts_policy_read(text, &policy)) {
		MUST(policy.count <= STS_HOSTS && policy.max_age <= STS_AGE);
		MUST(policy.mode == STS_NONE || policy.count > 0);
		(void)sts_policy_has(&policy, "a.example");
	}
	if (sts_known_read(text, &known)) {
		size_t n = sts_known_write(&known, out, STS_FILE);
		MUST(n > 0 && sts_known_read((struct span){ out, n }, &again));
		MUST(strcmp(known.id, again.id) == 0 &&
		     known.fetched == again.fetched &&
		     known.policy.len == again.policy.len);
	}
	free(out);
	return 0;
}
