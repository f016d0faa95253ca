/* SPDX-License-Identifier: ISC */
/* TLSA records of any answer: what is kept can be used, and lies within. */
#include "common/tls/tlsa.h"

#include "common/dns/dns.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t der[] = "certificate", key[] = "key";
	static const struct tlsa_certificate certificate = {
		.der = der,
		.der_len = sizeof(der),
		.key = key,
		.key_len = sizeof(key),
	};
	struct tlsa_set *set = calloc(1, sizeof(*set));

	MUST(set != NULL);
	enum dns_status status = dns_parse_each(data, size, 52, tlsa_add, set);
	MUST(status != DNS_OK || tlsa_exists(set));
	MUST(set->count <= TLSA_RECORDS && set->used <= sizeof(set->octets));
	for (size_t i = 0; i < set->count; i++) {
		const struct tlsa *t = &set->records[i];
		MUST(t->usage == TLSA_ANCHOR || t->usage == TLSA_SERVER);
		MUST(t->len > 0 && t->len <= set->used - t->at);
	}
	(void)tlsa_matches(set, TLSA_SERVER, &certificate);
	(void)tlsa_matches(set, TLSA_ANCHOR, &certificate);
	free(set);
	return 0;
}
