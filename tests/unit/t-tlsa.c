/* SPDX-License-Identifier: ISC */
/*
 * TLSA records (RFC 6698, 7671, 7672): which count, and what they match.
 * Guards against a record that is taken for another: one of a usage that SMTP
 * has not, a digest that was cut, a weaker digest beside a stronger one.
 */
#include "common/tls/tlsa.h"

#include "common/tls/crypto.h"
#include "tests/unit/tap.h"

#include <string.h>

static const uint8_t der[] = "a certificate", key[] = "its key";
static const struct tlsa_certificate certificate = {
	.der = der,
	.der_len = sizeof(der),
	.key = key,
	.key_len = sizeof(key),
};

enum what { NOTHING, ITS_KEY, ITS_DER, OTHER };

struct record {
	uint8_t usage, selector, matching;
	enum what what;
	int more; /* octets after it, or, if negative, that are cut off */
};

static const struct {
	const char *name;
	struct record records[3];
	size_t n, usable;
	bool exists, server, anchor; /* matches for such usages */
} cases[] = {
	{ "none", { { 0 } }, 0, 0, false, false, false },
	{ "the key's SHA-256", { { 3, 1, 1, ITS_KEY, 0 } }, 1, 1, true, true,
	    false },
	{ "the key's SHA-512", { { 3, 1, 2, ITS_KEY, 0 } }, 1, 1, true, true,
	    false },
	{ "the key", { { 3, 1, 0, ITS_KEY, 0 } }, 1, 1, true, true, false },
	{ "the certificate", { { 3, 0, 0, ITS_DER, 0 } }, 1, 1, true, true,
	    false },
	{ "the certificate of an authority", { { 2, 0, 1, ITS_DER, 0 } }, 1, 1,
	    true, false, true },
	{ "the key for the certificate", { { 3, 0, 1, ITS_KEY, 0 } }, 1, 1,
	    true, false, false },
	{ "the certificate for the key", { { 3, 1, 1, ITS_DER, 0 } }, 1, 1,
	    true, false, false },
	{ "another key", { { 3, 1, 1, OTHER, 0 } }, 1, 1, true, false, false },
	{ "more than the key", { { 3, 1, 0, ITS_KEY, 1 } }, 1, 1, true, false,
	    false },
	{ "less than the key", { { 3, 1, 0, ITS_KEY, -1 } }, 1, 1, true, false,
	    false },
	{ "usage 0", { { 0, 1, 1, ITS_KEY, 0 } }, 1, 0, true, false, false },
	{ "usage 1", { { 1, 1, 1, ITS_KEY, 0 } }, 1, 0, true, false, false },
	{ "usage 255", { { 255, 1, 1, ITS_KEY, 0 } }, 1, 0, true, false,
	    false },
	{ "selector 2", { { 3, 2, 1, ITS_KEY, 0 } }, 1, 0, true, false, false },
	{ "matching type 3", { { 3, 1, 3, ITS_KEY, 0 } }, 1, 0, true, false,
	    false },
	{ "a digest that was cut", { { 3, 1, 1, ITS_KEY, -1 } }, 1, 0, true,
	    false, false },
	{ "a digest with more after it", { { 3, 1, 2, ITS_KEY, 1 } }, 1, 0,
	    true, false, false },
	{ "no data", { { 3, 1, 0, NOTHING, 0 } }, 1, 0, true, false, false },
	{ "one of two", { { 3, 1, 1, OTHER, 0 }, { 3, 1, 1, ITS_KEY, 0 } }, 2,
	    2, true, true, false },
	{ "one that cannot be used beside it",
	    { { 0, 1, 1, OTHER, 0 }, { 3, 1, 1, ITS_KEY, 0 } }, 2, 1, true,
	    true, false },
	{ "a stronger digest that does not match",
	    { { 3, 1, 1, ITS_KEY, 0 }, { 3, 1, 2, OTHER, 0 } }, 2, 2, true,
	    false, false },
	{ "a weaker one that does not match",
	    { { 3, 1, 1, OTHER, 0 }, { 3, 1, 2, ITS_KEY, 0 } }, 2, 2, true,
	    true, false },
	{ "a stronger one that cannot be used",
	    { { 3, 1, 1, ITS_KEY, 0 }, { 3, 1, 2, OTHER, -1 } }, 2, 1, true,
	    true, false },
	{ "a stronger one of another selector",
	    { { 3, 1, 1, ITS_KEY, 0 }, { 3, 0, 2, OTHER, 0 } }, 2, 2, true,
	    true, false },
	{ "a stronger one of another usage",
	    { { 3, 1, 1, ITS_KEY, 0 }, { 2, 1, 2, OTHER, 0 } }, 2, 2, true,
	    true, false },
	{ "the key as it is beside a digest",
	    { { 3, 1, 0, ITS_KEY, 0 }, { 3, 1, 2, OTHER, 0 } }, 2, 2, true,
	    true, false },
};

/* Writes the data of a record; its length. */
static size_t
write_record(const struct record *r, uint8_t *out)
{
	static const uint8_t other[] = "something else";
	const uint8_t *data = r->what == ITS_KEY   ? key
	                      : r->what == ITS_DER ? der
	                                           : other;
	size_t len = r->what == ITS_KEY   ? sizeof(key)
	             : r->what == ITS_DER ? sizeof(der)
	             : r->what == OTHER   ? sizeof(other)
	                                  : 0;

	out[0] = r->usage;
	out[1] = r->selector;
	out[2] = r->matching;
	if (r->matching == 1) {
		crypto_sha256(data, len, out + 3);
		len = CRYPTO_SHA256;
	} else if (r->matching == 2) {
		crypto_sha512(data, len, out + 3);
		len = CRYPTO_SHA512;
	} else {
		memcpy(out + 3, data, len);
	}
	out[3 + len] = 0;
	return (size_t)((int)(3 + len) + r->more);
}

static void
test_cases(void)
{
	static struct tlsa_set set;
	uint8_t data[128];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&set, 0, sizeof(set));
		for (size_t k = 0; k < cases[i].n; k++) {
			size_t len = write_record(&cases[i].records[k], data);
			(void)tlsa_add(&set, (char *)data, len);
		}
		bool good = set.count == cases[i].usable &&
		            tlsa_exists(&set) == cases[i].exists &&
		            tlsa_matches(&set, TLSA_SERVER, &certificate) ==
		                cases[i].server &&
		            tlsa_matches(&set, TLSA_ANCHOR, &certificate) ==
		                cases[i].anchor;
		ok(good, "%s", cases[i].name);
	}
}

static void
test_room(void)
{
	static struct tlsa_set set;
	static char big[TLSA_OCTETS + 4] = { 3, 1, 0 };
	char small[] = { 3, 1, 0, 'x' };

	(void)tlsa_add(&set, small, 0);
	(void)tlsa_add(&set, small, 2);
	ok(set.count == 0 && tlsa_exists(&set), "too short");
	(void)tlsa_add(&set, big, sizeof(big));
	ok(set.count == 0, "more than fits");
	(void)tlsa_add(&set, big, sizeof(big) - 1);
	ok(set.count == 1, "all that fits");
	(void)tlsa_add(&set, small, sizeof(small));
	ok(set.count == 1, "and no octet more");
	memset(&set, 0, sizeof(set));
	for (int i = 0; i < TLSA_RECORDS + 1; i++) {
		(void)tlsa_add(&set, small, sizeof(small));
	}
	ok(set.count == TLSA_RECORDS && set.unusable, "too many");
}

int
main(void)
{
	test_cases();
	test_room();
	return tap_done();
}
