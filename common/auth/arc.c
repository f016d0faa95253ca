/* SPDX-License-Identifier: ISC */
/* The Authenticated Received Chain (RFC 8617), validated.  No I/O. */
#include "common/auth/arc.h"

#include "common/auth/arc_private.h"
#include "common/auth/results_read.h"
#include "common/auth/tags.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is found out about a set. */
struct check {
	struct dkim_signature message, seal;
	int body; /* -1: its ARC-Message-Signature is no good */
	bool intact, sealed;
};

struct arc {
	struct section section;
	struct bodies bodies;
	struct arc_sets sets;
	struct check *checks; /* from 1 on, as the sets */
	bool settled;         /* the result is known, and is not pass */
	enum arc_result result;
	char reason[DKIM_REASON];
	bool ended;
};

const char *
arc_result_name(enum arc_result result)
{
	static const char *const names[] = { "none", "pass", "fail",
		"temperror" };

	return names[result];
}

static void
conclude(struct arc *a, enum arc_result result, const char *why)
{
	if (!a->settled) {
		a->settled = true;
		a->result = result;
		snprintf(a->reason, sizeof(a->reason), "%s", why);
	}
}

/* ---- what the sets say ---- */

/* Reads the ARC-Message-Signature of a set; NULL, or why it is no good. */
static const char *
read_message(struct arc *a, unsigned i, time_t now)
{
	struct check *c = &a->checks[i];
	const char *why = NULL;

	c->body = -1;
	if (dkim_signature_read(&c->message,
		a->sets.sets[i].fields[ARC_MESSAGE], DKIM_ARC_MESSAGE, now,
		&why) != DKIM_NONE) {
		return why;
	}
	c->body = bodies_want(&a->bodies, c->message.body, c->message.limit);
	return c->body == -1 ? "too many different tags l" : NULL;
}

static const char *
read_seal(struct arc *a, unsigned i, time_t now)
{
	const struct field *f = a->sets.sets[i].fields[ARC_SEAL];
	const char *why = NULL;

	if (!arc_seal_says(f, i == 1 ? "none" : "pass")) {
		return "a seal has a wrong tag cv";
	}
	return dkim_signature_read(
		   &a->checks[i].seal, f, DKIM_ARC_SEAL, now, &why) == DKIM_NONE
	           ? NULL
	           : why;
}

/*
 * Reads the signatures.  The newest ARC-Message-Signature has to be good; that
 * an older one is not only tells when the message was changed.
 */
static void
read_sets(struct arc *a, time_t now)
{
	unsigned newest = a->sets.count;

	if (arc_seal_says(a->sets.sets[newest].fields[ARC_SEAL], "fail")) {
		conclude(a, ARC_FAIL, "the chain was broken before");
	}
	for (unsigned i = 1; i <= newest && !a->settled; i++) {
		const char *why = read_seal(a, i, now);
		if (why != NULL) {
			conclude(a, ARC_FAIL, why);
		}
	}
	for (unsigned i = newest; i >= 1 && !a->settled; i--) {
		const char *why = read_message(a, i, now);
		if (why != NULL && i == newest) {
			conclude(a, ARC_FAIL, why);
		}
	}
	if (a->settled) {
		a->bodies.count = 0; /* nobody asks for them any more */
	}
}

/* Finds the sets.  0, or -1: no memory. */
static int
find_sets(struct arc *a, time_t now)
{
	if (arc_sets_open(&a->sets, &a->section) == -1) {
		return -1;
	}
	if (!a->sets.found) {
		conclude(a, ARC_NONE, "");
		return 0;
	}
	if (!a->sets.complete) {
		conclude(a, ARC_FAIL, "the sets are not complete");
		return 0;
	}
	a->checks = calloc(a->sets.count + 1, sizeof(*a->checks));
	if (a->checks == NULL) {
		return -1;
	}
	read_sets(a, now);
	return 0;
}

struct arc *
arc_open(const char *header, size_t len, time_t now)
{
	struct arc *a = calloc(1, sizeof(*a));

	if (a == NULL) {
		return NULL;
	}
	if (section_open(&a->section, header, len) == -1) {
		if (errno != E2BIG) {
			free(a);
			return NULL;
		}
		conclude(a, ARC_NONE, "the header section is too long");
		return a;
	}
	if (find_sets(a, now) == -1) {
		arc_close(a);
		return NULL;
	}
	return a;
}

void
arc_close(struct arc *a)
{
	if (a != NULL) {
		section_close(&a->section);
		arc_sets_close(&a->sets);
		free(a->checks);
		free(a);
	}
}

/* ---- the body ---- */

bool
arc_idle(const struct arc *a)
{
	return a->settled;
}

void
arc_body(struct arc *a, const char *data, size_t len)
{
	bodies_feed(&a->bodies, data, len);
}

static bool
body_is_intact(const struct arc *a, const struct check *c)
{
	if (c->body == -1) {
		return false;
	}
	const struct body_hash *h = &a->bodies.all[c->body];
	return (c->message.limit == UINT64_MAX ||
		   h->canon.octets >= c->message.limit) &&
	       memcmp(h->digest, c->message.hash, CRYPTO_SHA256) == 0;
}

void
arc_body_end(struct arc *a)
{
	bodies_end(&a->bodies);
	a->ended = true;
	for (unsigned i = 1; i <= a->sets.count && !a->settled; i++) {
		struct check *c = &a->checks[i];
		if (!body_is_intact(a, c)) {
			c->body = -1;
			if (i == a->sets.count) {
				conclude(
				    a, ARC_FAIL, "body hash did not verify");
			}
		}
	}
}

/* ---- signatures ---- */

/*
 * One after the other: of the newest ARC-Message-Signature, of the seals from
 * the newest on, of the older ARC-Message-Signatures.
 */
struct one {
	unsigned set;
	bool seal;
	const struct dkim_signature *signature;
};

static struct one
find_one(const struct arc *a, size_t i)
{
	unsigned n = a->sets.count;
	struct one o = { .seal = i >= 1 && i <= n };

	o.set = i == 0 ? n : o.seal ? n + 1 - (unsigned)i : 2 * n - (unsigned)i;
	o.signature =
	    o.seal ? &a->checks[o.set].seal : &a->checks[o.set].message;
	return o;
}

size_t
arc_questions(const struct arc *a)
{
	return a->settled ? 0 : 2 * (size_t)a->sets.count;
}

bool
arc_question(const struct arc *a, size_t i, char name[DKIM_QUESTION])
{
	if (!a->ended || i >= arc_questions(a)) {
		return false;
	}
	struct one o = find_one(a, i);
	return (o.seal || a->checks[o.set].body != -1) &&
	       dkim_signature_question(o.signature, name) == 0;
}

static enum public_key_result
check(struct arc *a, const struct one *o, const struct dkim_key *key)
{
	const struct dkim_signature *s = o->signature;
	uint8_t digest[CRYPTO_SHA256];

	if (o->seal) {
		arc_seal_hash(&a->sets, 1, o->set, digest);
	} else {
		section_hash(&a->section, s, digest);
	}
	return public_key_check(
	    s->key, key->octets, key->len, digest, s->octets, s->len);
}

/* What one signature comes to; pass is what none of it is. */
static enum arc_result
judge(struct arc *a, const struct one *o, enum dkim_lookup status,
    const struct span *records, size_t count, const char **why)
{
	struct dkim_key key;

	if (status == DKIM_LOOKUP_TEMPORARY) {
		*why = "key not available now";
		return ARC_TEMPERROR;
	}
	*why = dkim_key_read(records, status == DKIM_LOOKUP_OK ? count : 0,
	    o->signature->key, &key);
	if (*why != NULL) {
		return ARC_FAIL;
	}
	switch (check(a, o, &key)) {
	case PUBLIC_KEY_GOOD:
		return ARC_PASS;
	case PUBLIC_KEY_UNAVAILABLE:
		*why = "keys cannot be used now";
		return ARC_TEMPERROR;
	case PUBLIC_KEY_BAD:
	case PUBLIC_KEY_UNREADABLE:
	case PUBLIC_KEY_WEAK:
	case PUBLIC_KEY_LARGE:
		break;
	}
	*why = o->seal ? "a seal did not verify"
	               : "the message's signature did not verify";
	return ARC_FAIL;
}

void
arc_answer(struct arc *a, size_t i, enum dkim_lookup status,
    const struct span *records, size_t count)
{
	const char *why;

	if (!a->ended || i >= arc_questions(a)) {
		return;
	}
	struct one o = find_one(a, i);
	struct check *c = &a->checks[o.set];
	if (!o.seal && c->body == -1) {
		return;
	}
	enum arc_result r = judge(a, &o, status, records, count, &why);
	if (r != ARC_PASS) {
		if (i <= a->sets.count) {
			conclude(a, r, why);
		}
	} else if (o.seal) {
		c->sealed = true;
	} else {
		c->intact = true;
	}
}

/* ---- the result ---- */

static bool
is_complete(const struct arc *a)
{
	bool all = a->checks[a->sets.count].intact;

	for (unsigned i = 1; i <= a->sets.count; i++) {
		all = all && a->checks[i].sealed;
	}
	return all;
}

/* From which set on the message is as it was sealed; 0: from the first. */
static unsigned
oldest_intact(const struct arc *a)
{
	unsigned i = a->sets.count;

	while (i > 1 && a->checks[i - 1].intact) {
		i--;
	}
	return i == 1 ? 0 : i;
}

void
arc_report(const struct arc *a, struct arc_report *r)
{
	*r = (struct arc_report){ .result = a->result, .sets = a->sets.count };
	snprintf(r->reason, sizeof(r->reason), "%s", a->reason);
	if (a->settled) {
		return;
	}
	if (is_complete(a)) {
		r->result = ARC_PASS;
		r->oldest = oldest_intact(a);
		return;
	}
	r->result = ARC_TEMPERROR;
	snprintf(r->reason, sizeof(r->reason), "key not available now");
}

const char *
arc_sealer(const struct arc *a, unsigned i)
{
	return a->checks != NULL && i >= 1 && i <= a->sets.count
	           ? a->checks[i].seal.domain
	           : "";
}

struct span
arc_results(const struct arc *a, unsigned i)
{
	return i >= 1 && i <= a->sets.count ? a->sets.sets[i].results
	                                    : (struct span){ NULL, 0 };
}

/*
 * True if the ARC-Message-Signature of a set is of From and of all of the body.
 * Anybody may write what it leaves out below what a trusted sealer found.
 */
static bool
is_of_all(const struct arc *a, unsigned i)
{
	const struct check *c = &a->checks[i];

	return tags_lists(c->message.names, "from") &&
	       (c->message.limit == UINT64_MAX ||
		   (c->body != -1 && c->message.limit >=
					 a->bodies.all[c->body].canon.octets));
}

bool
arc_vouches(const struct arc *a, const struct dmarc *d,
    bool (*trusts)(const void *context, const char *sealer),
    const void *context)
{
	struct arc_report r;
	struct span rest;

	arc_report(a, &r);
	for (unsigned i = r.result == ARC_PASS ? r.sets : 0; i > 0; i--) {
		if (!trusts(context, arc_sealer(a, i)) || !is_of_all(a, i)) {
			return false;
		}
		if (results_of_anybody(arc_results(a, i), &rest) &&
		    results_vouch(rest, d)) {
			return true;
		}
	}
	return false;
}
