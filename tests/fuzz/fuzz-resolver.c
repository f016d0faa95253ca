/* SPDX-License-Identifier: ISC */
/*
 * What the resolver says, message by message, and what it is sent: an answer
 * that is kept is one to the question, and a batch that is taken has names.
 */
#include "common/dns/resolver.h"

#include "tests/fuzz/fuzz.h"

enum { SERIAL = 5, COUNT = 3, LENGTH = 2 };

static void
answers(const uint8_t *data, size_t size)
{
	static struct dns_lookup lookups[COUNT] = { { "x.test", 16, 0, { 0 } },
		{ "Example.org", 1, 0, { 0 } }, { "", 6, 0, { 0 } } };
	struct resolver_progress p = { .serial = SERIAL, .count = COUNT };

	for (size_t i = 0; i < COUNT; i++) {
		lookups[i].len = 0;
	}
	/* Each has a length in front. */
	while (size >= LENGTH) {
		size_t n = (size_t)data[0] << 8 | data[1];
		data += LENGTH;
		size -= LENGTH;
		n = n < size ? n : size;
		uint8_t *exact = (uint8_t *)fuzz_text(data, n);
		size_t before = p.answered;
		enum resolver_word word = resolver_take(&p, lookups, exact, n);
		MUST(p.answered == before + (word == RESOLVER_TAKEN));
		free(exact);
		data += n;
		size -= n;
	}
	MUST(p.answered == (size_t)__builtin_popcount(p.bits));
	MUST(p.bits >> COUNT == 0);
	for (size_t i = 0; i < COUNT; i++) {
		const struct dns_lookup *l = &lookups[i];
		MUST(l->len <= sizeof(l->answer));
		MUST(l->len == 0 || (p.bits >> i & 1) != 0);
		MUST(l->len == 0 || dns_lookup_answered(l, l->answer, l->len));
	}
}

static void
questions(const uint8_t *data, size_t size)
{
	static struct resolver_greeting g;
	static struct resolver_batch b;

	memset(&g, 0, sizeof(g));
	memset(&b, 0, sizeof(b));
	memcpy(&g, data, size < sizeof(g) ? size : sizeof(g));
	memcpy(&b, data, size < sizeof(b) ? size : sizeof(b));
	MUST(!resolver_greeting_valid(&g, sizeof(g)) ||
	     strnlen(g.server, sizeof(g.server)) < sizeof(g.server));
	if (!resolver_batch_valid(&b, sizeof(b))) {
		return;
	}
	MUST(b.count > 0 && b.count <= DNS_LOOKUP_MOST);
	for (size_t i = 0; i < b.count; i++) {
		MUST(strnlen(b.questions[i].name, DNS_NAME) < DNS_NAME);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	answers(data, size);
	questions(data, size);
	return 0;
}
