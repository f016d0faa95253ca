/* SPDX-License-Identifier: ISC */
/* The Authenticated Received Chain (RFC 8617), validated.  No I/O. */
#include "common/auth/arc.h"

#include "common/auth/dkim_private.h"
#include "common/auth/tags.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The three fields of a set. */
enum part { RESULTS, MESSAGE, SEAL, PARTS };

static const char *const part_names[PARTS] = { "ARC-Authentication-Results",
	"ARC-Message-Signature", "ARC-Seal" };

struct set {
	const struct field *fields[PARTS];
	struct span results; /* after "i=N;" */
	struct dkim_signature seal;
	bool sealed; /* its signature is good */
};

struct arc {
	struct section section;
	struct bodies bodies;
	struct set *sets;
	unsigned count;
	struct dkim_signature message; /* of the newest set */
	int body;
	bool message_good;
	bool settled; /* the result is known */
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

/* ---- structure ---- */

/* The number of an ARC-Authentication-Results; 0: none.  *rest: after it. */
static unsigned
results_instance(const struct field *f, struct span *rest)
{
	struct span all = { f->value, f->value_len }, name, value;
	uint64_t number;

	rest->at = f->value;
	rest->len = 0;
	const char *end = memchr(all.at, ';', all.len);
	if (end == NULL) {
		return 0;
	}
	size_t len = (size_t)(end - all.at);
	*rest = (struct span){ end + 1, all.len - len - 1 };
	struct tags t = { all.at, end };
	struct tag tag;
	if (tags_next(&t, &tag) != TAGS_TAG) {
		return 0;
	}
	name = tag.name;
	value = tag.value;
	return name.len == 1 && *name.at == 'i' &&
	               tags_number(value, &number) && number <= ARC_SETS
	           ? (unsigned)number
	           : 0;
}

static unsigned
signature_instance(const struct field *f)
{
	struct span value;
	uint64_t number;

	return tags_find(f->value, f->value_len, "i", &value) &&
	               tags_number(value, &number) && number <= ARC_SETS
	           ? (unsigned)number
	           : 0;
}

/* Puts a field into its set.  false: that is none, or has one. */
static bool
place(struct arc *a, enum part part, const struct field *f)
{
	struct span results = { NULL, 0 };
	unsigned i = part == RESULTS ? results_instance(f, &results)
	                             : signature_instance(f);

	if (i == 0 || a->sets[i].fields[part] != NULL) {
		return false;
	}
	a->sets[i].fields[part] = f;
	if (part == RESULTS) {
		a->sets[i].results = results;
	}
	a->count = i > a->count ? i : a->count;
	return true;
}

/* True if the field says that of the chain before it. */
static bool
says(const struct field *seal, const char *word)
{
	struct span value;

	return tags_find(seal->value, seal->value_len, "cv", &value) &&
	       tags_is(value, word);
}

/* Sorts the fields into sets; false: the chain is broken, or there is none. */
static bool
collect(struct arc *a)
{
	bool good = true;
	size_t found = 0;

	for (size_t i = 0; i < a->section.count; i++) {
		for (enum part p = RESULTS; p < PARTS; p++) {
			if (header_is(&a->section.fields[i], part_names[p])) {
				found++;
				good =
				    place(a, p, &a->section.fields[i]) && good;
			}
		}
	}
	if (found == 0) {
		conclude(a, ARC_NONE, "");
		return false;
	}
	for (unsigned i = 1; i <= a->count; i++) {
		for (enum part p = RESULTS; p < PARTS; p++) {
			good = good && a->sets[i].fields[p] != NULL;
		}
	}
	if (!good) {
		conclude(a, ARC_FAIL, "the sets are not complete");
	}
	return good;
}

/* Reads the signatures; false: the chain is broken. */
static bool
read_sets(struct arc *a, time_t now)
{
	const char *why = NULL;

	if (says(a->sets[a->count].fields[SEAL], "fail")) {
		conclude(a, ARC_FAIL, "the chain was broken before");
		return false;
	}
	for (unsigned i = 1; i <= a->count; i++) {
		struct set *s = &a->sets[i];
		if (!says(s->fields[SEAL], i == 1 ? "none" : "pass")) {
			conclude(a, ARC_FAIL, "a seal has a wrong tag cv");
			return false;
		}
		if (dkim_signature_read(&s->seal, s->fields[SEAL],
			DKIM_ARC_SEAL, now, &why) != DKIM_NONE) {
			conclude(a, ARC_FAIL, why);
			return false;
		}
	}
	if (dkim_signature_read(&a->message, a->sets[a->count].fields[MESSAGE],
		DKIM_ARC_MESSAGE, now, &why) != DKIM_NONE) {
		conclude(a, ARC_FAIL, why);
		return false;
	}
	a->body = bodies_want(&a->bodies, a->message.body, a->message.limit);
	if (a->body == -1) {
		conclude(a, ARC_TEMPERROR, "no hashes are available");
	}
	return a->body != -1;
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
	a->sets = calloc(ARC_SETS + 1, sizeof(*a->sets));
	if (a->sets == NULL) {
		arc_close(a);
		return NULL;
	}
	if (collect(a) && !read_sets(a, now)) {
		bodies_close(&a->bodies);
	}
	return a;
}

void
arc_close(struct arc *a)
{
	if (a != NULL) {
		bodies_close(&a->bodies);
		section_close(&a->section);
		free(a->sets);
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

void
arc_body_end(struct arc *a)
{
	bodies_end(&a->bodies);
	a->ended = true;
	if (a->settled) {
		return;
	}
	const struct body_hash *h = &a->bodies.all[a->body];
	if ((a->message.limit != UINT64_MAX &&
		h->canon.octets < a->message.limit) ||
	    memcmp(h->digest, a->message.hash, CRYPTO_SHA256) != 0) {
		conclude(a, ARC_FAIL, "body hash did not verify");
	}
}

/* ---- signatures ---- */

/* The first is of the newest ARC-Message-Signature, then the newest seal. */
size_t
arc_questions(const struct arc *a)
{
	return a->settled ? 0 : 1 + a->count;
}

static unsigned
seal_of(const struct arc *a, size_t i)
{
	return a->count + 1 - (unsigned)i;
}

static const struct dkim_signature *
signature_of(const struct arc *a, size_t i)
{
	return i == 0 ? &a->message : &a->sets[seal_of(a, i)].seal;
}

bool
arc_question(const struct arc *a, size_t i, char name[DKIM_QUESTION])
{
	return a->ended && !a->settled && i <= a->count &&
	       dkim_signature_question(signature_of(a, i), name) == 0;
}

/* What a seal is of: all sets up to its own, and itself without its b. */
static int
seal_hash(const struct arc *a, unsigned last, uint8_t digest[CRYPTO_SHA256])
{
	struct crypto_hash *hash = crypto_hash_open();

	if (hash == NULL) {
		return -1;
	}
	struct canon_sink sink = section_sink(hash);
	for (unsigned i = 1; i <= last; i++) {
		const struct set *s = &a->sets[i];
		canon_field(CANON_RELAXED, s->fields[RESULTS], &sink);
		canon_field(CANON_RELAXED, s->fields[MESSAGE], &sink);
		if (i < last) {
			canon_field(CANON_RELAXED, s->fields[SEAL], &sink);
		} else {
			canon_signature(CANON_RELAXED, s->fields[SEAL], &sink);
		}
	}
	crypto_hash_result(hash, digest);
	crypto_hash_close(hash);
	return 0;
}

static enum public_key_result
check(struct arc *a, size_t i, const struct dkim_key *key)
{
	const struct dkim_signature *s = signature_of(a, i);
	uint8_t digest[CRYPTO_SHA256];
	int done = i == 0 ? section_hash(&a->section, s, digest)
	                  : seal_hash(a, seal_of(a, i), digest);

	return done == -1 ? PUBLIC_KEY_UNAVAILABLE
	                  : public_key_check(s->key, key->octets, key->len,
				digest, s->octets, s->len);
}

static bool
is_complete(const struct arc *a)
{
	bool all = a->message_good;

	for (unsigned i = 1; i <= a->count; i++) {
		all = all && a->sets[i].sealed;
	}
	return all;
}

void
arc_answer(struct arc *a, size_t i, enum dkim_lookup status,
    const struct span *records, size_t count)
{
	struct dkim_key key;

	if (!a->ended || a->settled || i > a->count) {
		return;
	}
	if (status == DKIM_LOOKUP_TEMPORARY) {
		conclude(a, ARC_TEMPERROR, "key not available now");
		return;
	}
	const char *why =
	    dkim_key_read(records, status == DKIM_LOOKUP_OK ? count : 0,
		signature_of(a, i)->key, &key);
	enum public_key_result r =
	    why == NULL ? check(a, i, &key) : PUBLIC_KEY_UNREADABLE;
	if (r == PUBLIC_KEY_UNAVAILABLE) {
		conclude(a, ARC_TEMPERROR, "no hashes are available");
	} else if (r != PUBLIC_KEY_GOOD) {
		conclude(a, ARC_FAIL,
		    why != NULL ? why
		    : i == 0    ? "the message's signature did not verify"
				: "a seal did not verify");
	} else if (i == 0) {
		a->message_good = true;
	} else {
		a->sets[seal_of(a, i)].sealed = true;
	}
	if (is_complete(a)) {
		conclude(a, ARC_PASS, "");
	}
}

/* ---- the result ---- */

void
arc_report(const struct arc *a, struct arc_report *r)
{
	*r = (struct arc_report){ .result =
				      a->settled ? a->result : ARC_TEMPERROR,
		.sets = a->count };
	snprintf(r->reason, sizeof(r->reason), "%s",
	    a->settled ? a->reason : "key not available now");
}

const char *
arc_sealer(const struct arc *a, unsigned i)
{
	return i >= 1 && i <= a->count ? a->sets[i].seal.domain : "";
}

struct span
arc_results(const struct arc *a, unsigned i)
{
	return i >= 1 && i <= a->count ? a->sets[i].results
	                               : (struct span){ NULL, 0 };
}
