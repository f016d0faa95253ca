/* SPDX-License-Identifier: ISC */
/* See the header. */
#include "common/job/resident.h"

#include "common/tls/crypto.h"

#include <string.h>

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
