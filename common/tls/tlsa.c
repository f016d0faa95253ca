/* SPDX-License-Identifier: ISC */
/* TLSA records: which count, and what they match. */
#include "common/tls/tlsa.h"

#include "common/tls/crypto.h"

#include <string.h>

enum { CERTIFICATE, KEY };             /* selectors, RFC 6698 section 2.1.2 */
enum { WHOLE, SHA256, SHA512, KINDS }; /* matching types, section 2.1.3 */
enum { HEAD = 3 };                     /* octets in front of the data */

/* True if SMTP can use a record with such numbers and such data. */
static bool
is_usable(const uint8_t head[HEAD], size_t len)
{
	static const size_t digests[KINDS] = {
		[SHA256] = CRYPTO_SHA256,
		[SHA512] = CRYPTO_SHA512,
	};

	return (head[0] == TLSA_ANCHOR || head[0] == TLSA_SERVER) &&
	       head[1] <= KEY && head[2] < KINDS && len > 0 &&
	       (head[2] == WHOLE || len == digests[head[2]]);
}

bool
tlsa_add(void *context, const char *data, size_t len)
{
	struct tlsa_set *set = context;
	uint8_t head[HEAD] = { 0 };

	if (len >= HEAD) {
		memcpy(head, data, HEAD);
		len -= HEAD;
	} else {
		len = 0;
	}
	if (!is_usable(head, len) || set->count == TLSA_RECORDS ||
	    len > sizeof(set->octets) - set->used) {
		set->unusable = true;
		return true;
	}
	memcpy(set->octets + set->used, data + HEAD, len);
	set->records[set->count++] = (struct tlsa){
		.usage = head[0],
		.selector = head[1],
		.matching = head[2],
		.at = set->used,
		.len = len,
	};
	set->used += len;
	return true;
}

bool
tlsa_exists(const struct tlsa_set *set)
{
	return set->count > 0 || set->unusable;
}

/* True if there is a stronger digest of the same usage and selector. */
static bool
is_outdone(const struct tlsa_set *set, const struct tlsa *record)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct tlsa *other = &set->records[i];
		if (other->usage == record->usage &&
		    other->selector == record->selector &&
		    other->matching > record->matching) {
			return record->matching != WHOLE;
		}
	}
	return false;
}

/* True if the record's data is that of the certificate or key. */
static bool
is_of(const struct tlsa_set *set, const struct tlsa *record,
    const struct tlsa_certificate *c)
{
	bool whole = record->selector == CERTIFICATE;
	const uint8_t *data = whole ? c->der : c->key;
	size_t len = whole ? c->der_len : c->key_len;
	uint8_t digest[CRYPTO_SHA512];

	if (record->matching == SHA256) {
		crypto_sha256(data, len, digest);
	} else if (record->matching == SHA512) {
		crypto_sha512(data, len, digest);
	}
	if (record->matching != WHOLE) {
		data = digest;
		len = record->len;
	}
	return record->len == len &&
	       memcmp(set->octets + record->at, data, len) == 0;
}

bool
tlsa_matches(const struct tlsa_set *set, enum tlsa_usage usage,
    const struct tlsa_certificate *c)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct tlsa *record = &set->records[i];
		if (record->usage == usage && !is_outdone(set, record) &&
		    is_of(set, record, c)) {
			return true;
		}
	}
	return false;
}
