/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_TESTS_UNIT_T_DNS_H
#define RESTANTE_TESTS_UNIT_T_DNS_H

#include "tests/unit/t-scratch.h"

#include <arpa/nameser.h>

/* DNS answers by hand. */

static inline void
put(struct bytes *b, unsigned value, size_t octets)
{
	for (size_t i = octets; i-- > 0;) {
		const char c = (char)(i < 4 ? value >> 8 * i : 0);
		bytes_add(b, &c, 1);
	}
}

/* "mx.example.org" as labels; "@12" is a pointer to there, "" the root. */
static inline void
put_name(struct bytes *b, const char *name)
{
	while (*name != '\0' && *name != '@') {
		size_t n = strcspn(name, ".@");
		put(b, (unsigned)n, 1);
		bytes_add(b, name, n);
		name += n + (name[n] == '.');
	}
	if (*name == '@') {
		put(b, 0xc000 | (unsigned)strtoul(name + 1, NULL, 10), 2);
	} else {
		put(b, 0, 1);
	}
}

/* A header and a question, which lies at octet 12. */
static inline void
put_start(
    struct bytes *b, const char *name, int type, int rcode, unsigned answers)
{
	b->len = 0;
	put(b, 0x1234, 2);
	put(b, 0x8180 | (unsigned)rcode, 2);
	put(b, 1, 2);
	put(b, answers, 2);
	put(b, 0, 4);
	put_name(b, name);
	put(b, (unsigned)type, 2);
	put(b, ns_c_in, 2);
}

/* The start of a record, whose data follows; its length is as said. */
static inline void
put_record(struct bytes *b, const char *owner, int type, unsigned len)
{
	put_name(b, owner);
	put(b, (unsigned)type, 2);
	put(b, ns_c_in, 2);
	put(b, 300, 4);
	put(b, len, 2);
}

/* A record of a name, with numbers in front of it. */
static inline void
put_pointing(struct bytes *b, const char *owner, int type, int preference,
    const char *name)
{
	put_record(b, owner, type, 0);
	size_t at = b->len;
	if (type == ns_t_mx) {
		put(b, (unsigned)preference, 2);
	}
	put_name(b, name);
	size_t len = b->len - at;
	b->data[at - 2] = (char)(len >> 8);
	b->data[at - 1] = (char)len;
}

#endif
