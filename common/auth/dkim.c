/* SPDX-License-Identifier: ISC */
/* DKIM signatures, verified.  No I/O. */
#include "common/auth/dkim.h"

#include "common/auth/dkim_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNED = 5 }; /* places that are for the author's domain first */

struct check {
	struct dkim_signature signature;
	enum dkim_result result; /* DKIM_NONE: not known yet */
	char reason[DKIM_REASON];
	int body; /* the number of its hash */
	bool testing;
};

struct dkim {
	struct section section;
	struct bodies bodies;
	struct check checks[DKIM_MOST];
	size_t count, seen;
	bool ended; /* the body */
};

/* ---- which ---- */

static bool
is_signature(const struct field *f)
{
	return header_is(f, "DKIM-Signature");
}

static bool
is_aligned(const struct field *f, const char *author)
{
	char domain[DKIM_DOMAIN];

	return author[0] != '\0' && dkim_signature_domain(f, domain) &&
	       (dkim_is_below(domain, author) || dkim_is_below(author, domain));
}

/* Marks the fields to look at in section.used; how many. */
static size_t
choose(struct dkim *d, const char *author)
{
	struct section *s = &d->section;
	size_t chosen = 0;

	for (size_t i = 0; i < s->count; i++) {
		if (is_signature(&s->fields[i])) {
			d->seen++;
			if (chosen < ALIGNED &&
			    is_aligned(&s->fields[i], author)) {
				s->used[i] = true;
				chosen++;
			}
		}
	}
	for (size_t i = 0; i < s->count && chosen < DKIM_MOST; i++) {
		if (is_signature(&s->fields[i]) && !s->used[i]) {
			s->used[i] = true;
			chosen++;
		}
	}
	return chosen;
}

/* ---- the machine ---- */

static void
conclude(struct check *c, enum dkim_result result, const char *why)
{
	c->result = result;
	snprintf(c->reason, sizeof(c->reason), "%s", why);
}

static void
begin(struct dkim *d, const struct field *f, time_t now)
{
	struct check *c = &d->checks[d->count++];
	const char *why;

	enum dkim_result r =
	    dkim_signature_read(&c->signature, f, DKIM_SIGNATURE, now, &why);
	if (r != DKIM_NONE) {
		conclude(c, r, why);
		return;
	}
	c->body =
	    bodies_want(&d->bodies, c->signature.body, c->signature.limit);
	if (c->body == -1) {
		conclude(c, DKIM_POLICY, "too many different tags l");
	}
}

/* The section is not looked at: what there is of it still tells how many. */
static void
refuse_section(struct dkim *d, const char *header, size_t len)
{
	const char *at = header, *end = header + len;
	struct field f;

	while (header_next(&at, end, &f)) {
		if (!is_signature(&f)) {
			continue;
		}
		d->seen++;
		if (d->count < DKIM_MOST) {
			conclude(&d->checks[d->count++], DKIM_NEUTRAL,
			    "the header section is too long");
		}
	}
}

struct dkim *
dkim_open(const char *header, size_t len, const char *author, time_t now)
{
	struct dkim *d = calloc(1, sizeof(*d));

	if (d == NULL) {
		return NULL;
	}
	if (section_open(&d->section, header, len) == -1) {
		if (errno != E2BIG) {
			free(d);
			return NULL;
		}
		refuse_section(d, header, len);
		return d;
	}
	(void)choose(d, author);
	for (size_t i = 0; i < d->section.count; i++) {
		if (d->section.used[i]) {
			begin(d, &d->section.fields[i], now);
		}
	}
	return d;
}

void
dkim_close(struct dkim *d)
{
	if (d != NULL) {
		section_close(&d->section);
		free(d);
	}
}

size_t
dkim_count(const struct dkim *d)
{
	return d->count;
}

size_t
dkim_seen(const struct dkim *d)
{
	return d->seen;
}

bool
dkim_idle(const struct dkim *d)
{
	return d->bodies.count == 0;
}

void
dkim_body(struct dkim *d, const char *data, size_t len)
{
	bodies_feed(&d->bodies, data, len);
}

void
dkim_body_end(struct dkim *d)
{
	bodies_end(&d->bodies);
	d->ended = true;
	for (size_t i = 0; i < d->count; i++) {
		struct check *c = &d->checks[i];
		if (c->result != DKIM_NONE) {
			continue;
		}
		const struct body_hash *h = &d->bodies.all[c->body];
		if (c->signature.limit != UINT64_MAX &&
		    h->canon.octets < c->signature.limit) {
			conclude(c, DKIM_PERMERROR,
			    "tag l is more than the body has");
		} else if (memcmp(h->digest, c->signature.hash,
			       CRYPTO_SHA256) != 0) {
			conclude(c, DKIM_FAIL, "body hash did not verify");
		}
	}
}

bool
dkim_question(const struct dkim *d, size_t i, char name[DKIM_QUESTION])
{
	return d->ended && i < d->count && d->checks[i].result == DKIM_NONE &&
	       dkim_signature_question(&d->checks[i].signature, name) == 0;
}

/* It is a signature of what it says; but of all of it? */
static void
pass(const struct dkim *d, struct check *c)
{
	uint64_t octets = d->bodies.all[c->body].canon.octets;

	if (c->signature.limit < octets) {
		c->result = DKIM_POLICY;
		snprintf(c->reason, sizeof(c->reason),
		    "%" PRIu64 " octets of the body are not signed",
		    octets - c->signature.limit);
		return;
	}
	conclude(c, DKIM_PASS, c->testing ? "testing" : "");
}

static void
verify(struct dkim *d, struct check *c, const struct dkim_key *key)
{
	const struct dkim_signature *s = &c->signature;
	uint8_t digest[CRYPTO_SHA256];

	section_hash(&d->section, s, digest);
	switch (public_key_check(
	    s->key, key->octets, key->len, digest, s->octets, s->len)) {
	case PUBLIC_KEY_GOOD:
		pass(d, c);
		break;
	case PUBLIC_KEY_BAD:
		conclude(c, DKIM_FAIL, "signature did not verify");
		break;
	case PUBLIC_KEY_UNREADABLE:
		conclude(c, DKIM_PERMERROR, "the key is malformed");
		break;
	case PUBLIC_KEY_WEAK:
		conclude(c, DKIM_POLICY, "weak key: less than 1024 bits");
		break;
	case PUBLIC_KEY_LARGE:
		conclude(c, DKIM_POLICY, "the key has more than 8192 bits");
		break;
	case PUBLIC_KEY_UNAVAILABLE:
		conclude(c, DKIM_TEMPERROR, "keys cannot be used now");
		break;
	}
}

void
dkim_answer(struct dkim *d, size_t i, enum dkim_lookup status,
    const struct span *records, size_t count)
{
	struct check *c = &d->checks[i];
	struct dkim_key key;

	if (!d->ended || i >= d->count || c->result != DKIM_NONE) {
		return;
	}
	if (status == DKIM_LOOKUP_TEMPORARY) {
		conclude(c, DKIM_TEMPERROR, "key not available now");
		return;
	}
	const char *why = dkim_key_read(records,
	    status == DKIM_LOOKUP_OK ? count : 0, c->signature.key, &key);
	if (why == NULL && key.strict && c->signature.below) {
		why = "the key is for its own domain alone";
	}
	if (why != NULL) {
		conclude(c, DKIM_PERMERROR, why);
		return;
	}
	c->testing = key.testing;
	verify(d, c, &key);
}

void
dkim_report(const struct dkim *d, size_t i, struct dkim_report *r)
{
	const struct check *c = &d->checks[i];
	bool open = c->result == DKIM_NONE;

	*r = (struct dkim_report){
		.result = open ? DKIM_TEMPERROR : c->result,
		.domain = c->signature.domain,
		.selector = c->signature.selector,
		.algorithm = c->signature.algorithm,
		.start = c->signature.start,
		.testing = c->testing,
	};
	snprintf(r->reason, sizeof(r->reason), "%s",
	    open ? "key not available now" : c->reason);
}
