/* SPDX-License-Identifier: ISC */
/* See the header. */
#include "common/job/resident.h"

#include "common/tls/crypto.h"

#include <string.h>

/*
 * One that has a mailbox open stays as its owner for a moment; one that has a
 * connection to a next hop stays as long as that is in use.
 */
const struct stay_rule stay_rules[REQUESTS] = {
	[REQUEST_DELIVER] = { .jobs = 16,
	    .at_once = 16,
	    .life = 5 * 1000,
	    .idle = 1000,
	    .strangers = true },
	[REQUEST_NEXT_HOP] = { .jobs = 10000,
	    .at_once = 64,
	    .life = 60 * 1000,
	    .idle = 5 * 1000,
	    .from_first = true },
};

uint64_t
resident_key(const uint8_t secret[RESIDENT_SECRET], const char *name)
{
	uint8_t mac[CRYPTO_SHA256];
	uint64_t key;

	crypto_hmac(CRYPTO_KIND_SHA256, secret, RESIDENT_SECRET, name,
	    strlen(name), mac);
	memcpy(&key, mac, sizeof(key));
	return key != 0 ? key : 1;
}
