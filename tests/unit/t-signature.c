/* SPDX-License-Identifier: ISC */
/*
 * What a session may ask the keeper of keys, and the certificates that this
 * sends: whatever else a process that was taken over may send is refused.
 */
#include "common/tls/signature.h"
#include "common/tls/tls.h"
#include "tests/unit/tap.h"

#include <string.h>

static void
test_questions(void)
{
	struct signature_question q = { .kind = SIGNATURE_ECDSA_SHA256,
		.size = 32 };

	ok(signature_valid(&q, sizeof(q)), "a hash of SHA-256");
	ok(!signature_valid(&q, sizeof(q) - 1), "too short");
	ok(!signature_valid(&q, sizeof(q) + 1), "too long");
	q.size = 31;
	ok(!signature_valid(&q, sizeof(q)), "half a hash");
	q.size = UINT32_MAX;
	ok(!signature_valid(&q, sizeof(q)), "more than there is");
	q.kind = SIGNATURE_ED25519;
	ok(!signature_valid(&q, sizeof(q)), "more data than there is");
	q.size = SIGNATURE_DATA;
	ok(signature_valid(&q, sizeof(q)), "data");
	q.kind = SIGNATURE_KINDS;
	ok(!signature_valid(&q, sizeof(q)), "a kind that is none");
	q.kind = UINT32_MAX;
	ok(!signature_valid(&q, sizeof(q)), "nor is that");
}

static void
test_hashes(void)
{
	static const size_t sizes[] = { 32, 48, 64, 32, 48, 64, 32, 48, 64, 0,
		0 };

	for (unsigned i = 0; i < SIGNATURE_KINDS; i++) {
		ok(signature_hash((enum signature_kind)i) == sizes[i],
		    "kind %u signs %zu octets", i, sizes[i]);
	}
}

static void
test_chains(void)
{
	static struct tls_chain c = {
		.count = 2, .size = 300, .sizes = { 100, 200 }
	};
	size_t octets = tls_chain_octets(&c);

	ok(tls_chain_valid(&c, octets), "two certificates");
	ok(!tls_chain_valid(&c, octets - 1), "not all of them");
	ok(!tls_chain_valid(&c, 3), "next to nothing");
	c.sizes[1] = 201;
	ok(!tls_chain_valid(&c, octets), "one that reaches too far");
	c.sizes[1] = UINT32_MAX;
	ok(!tls_chain_valid(&c, octets), "one that reaches much too far");
	c.count = 0;
	ok(!tls_chain_valid(&c, octets), "none");
	c.count = TLS_CHAIN + 1;
	ok(!tls_chain_valid(&c, octets), "too many");
}

int
main(void)
{
	test_questions();
	test_hashes();
	test_chains();
	return tap_done();
}
