/* SPDX-License-Identifier: ISC */
/* A new set of the Authenticated Received Chain (RFC 8617).  No I/O. */
#include "common/auth/arc_seal.h"

#include "common/auth/arc_private.h"
#include "common/auth/results_read.h"
#include "common/auth/tags.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RESULTS_MOST = 4096 }; /* octets of results that go into a set */

struct arc_seal {
	struct dkim_make *make;
	const struct dkim_make_key *key;
	struct arc_sets sets;
	unsigned instance;
	const char *status; /* tag cv; NULL: no set is to be added */
	const char *why;    /* then */
	time_t now;
	struct output texts[ARC_PARTS];
	struct field fields[ARC_PARTS];
};

/* ---- what was found when it came ---- */

/* What our results say of the chain then, or NULL. */
static const char *
found_status(struct span rest)
{
	static const char *const words[] = { "none", "pass", "fail" };
	struct results_item item;

	while (results_next(&rest, &item)) {
		for (size_t i = 0; i < 3; i++) {
			if (results_is(&item, "arc", words[i])) {
				return words[i];
			}
		}
	}
	return NULL;
}

/* Adds octets whose lines may end in LF. */
static void
add_lines(struct output *out, struct span s)
{
	while (s.len > 0 && is_space(s.at[s.len - 1])) {
		s.len--;
	}
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] == '\n') {
			output_text(out, "\r\n");
		} else if (s.at[i] != '\r') {
			output_add(out, &s.at[i], 1);
		}
	}
}

/* Puts all results that have our name into the field of the new set. */
static void
gather_results(struct arc_seal *s, const char *id)
{
	const struct section *section = dkim_make_section(s->make);
	struct output *out = &s->texts[ARC_RESULTS];
	char text[64];
	struct span rest;
	bool any = false;

	snprintf(text, sizeof(text), "%s: i=%u; ", arc_part_names[ARC_RESULTS],
	    s->instance);
	output_text(out, text);
	output_text(out, id);
	for (size_t i = 0; i < section->count; i++) {
		const struct field *f = &section->fields[i];
		struct span value = { f->value, f->value_len };
		if (!header_is(f, "Authentication-Results") ||
		    !results_of(value, id, &rest)) {
			continue;
		}
		any = true;
		add_lines(out, rest);
		s->status = s->status == NULL ? found_status(rest) : s->status;
	}
	output_text(out, "\r\n");
	if (s->status == NULL && !s->sets.found) {
		s->status = "none";
	}
	s->why = !any                      ? "nothing is known of how it came"
	         : s->status == NULL       ? "its chain was not looked at"
	         : out->len > RESULTS_MOST ? "its results are too long"
	                                   : NULL;
}

/* ---- whether to seal ---- */

static void
decide(struct arc_seal *s)
{
	const struct arc_sets *sets = &s->sets;
	bool fail = s->status != NULL && strcmp(s->status, "fail") == 0;

	if (s->why != NULL) {
		return;
	}
	const struct field *newest = sets->sets[sets->count].fields[ARC_SEAL];
	if (s->instance > ARC_SETS) {
		s->why = "its chain is as long as one may be";
	} else if (newest != NULL && arc_seal_says(newest, "fail")) {
		/* RFC 8617 section 5.1.2: nothing comes after that. */
		s->why = "its chain was broken before";
	} else if (!fail && (sets->found != (strcmp(s->status, "pass") == 0) ||
				!sets->complete)) {
		s->why = "its chain is another than when it came";
	}
}

struct arc_seal *
arc_seal_open(struct dkim_make *m, const char *id)
{
	struct arc_seal *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		return NULL;
	}
	s->make = m;
	if (arc_sets_open(&s->sets, dkim_make_section(m)) == -1) {
		free(s);
		return NULL;
	}
	s->instance = s->sets.count + 1;
	gather_results(s, id);
	decide(s);
	return s;
}

void
arc_seal_close(struct arc_seal *s)
{
	if (s != NULL) {
		for (enum arc_part p = 0; p < ARC_PARTS; p++) {
			output_free(&s->texts[p]);
		}
		arc_sets_close(&s->sets);
		free(s);
	}
}

bool
arc_seal_wanted(const struct arc_seal *s, const char **why)
{
	*why = s->why;
	return s->why == NULL;
}

unsigned
arc_seal_instance(const struct arc_seal *s)
{
	return s->instance;
}

const char *
arc_seal_status(const struct arc_seal *s)
{
	return s->status;
}

/* ---- the fields ---- */

/* Begins a field of the set with the tags that both signatures have. */
static struct output *
begin(struct arc_seal *s, enum arc_part part, const char *more)
{
	struct output *out = &s->texts[part];
	char text[64];

	output_clear(out);
	snprintf(text, sizeof(text), "%s: i=%u; ", arc_part_names[part],
	    s->instance);
	output_text(out, text);
	dkim_make_algorithm(s->key->kind, out);
	snprintf(
	    text, sizeof(text), "; t=%jd; %s;\r\n\td=", (intmax_t)s->now, more);
	output_text(out, text);
	output_text(out, s->key->domain);
	output_text(out, ";\r\n\ts=");
	output_text(out, s->key->selector);
	output_text(out, ";");
	return out;
}

/* The field of the new set is as far as it is written. */
static bool
place(struct arc_seal *s, enum arc_part part)
{
	const struct output *out = &s->texts[part];

	if (out->failed ||
	    !header_split(out->data, out->len, &s->fields[part])) {
		return false;
	}
	s->sets.sets[s->instance].fields[part] = &s->fields[part];
	return true;
}

bool
arc_seal_message(struct arc_seal *s, const struct dkim_make_key *key,
    time_t now, uint8_t digest[CRYPTO_SHA256])
{
	struct dkim_signature own = { .header = CANON_RELAXED };

	s->key = key;
	s->now = now;
	dkim_make_tags(
	    s->make, true, begin(s, ARC_MESSAGE, "c=relaxed/relaxed"));
	if (!place(s, ARC_MESSAGE)) {
		return false;
	}
	own.field = s->fields[ARC_MESSAGE];
	if (!tags_find(own.field.value, own.field.value_len, "h", &own.names)) {
		return false;
	}
	section_hash(dkim_make_section(s->make), &own, digest);
	return true;
}

bool
arc_seal_chain(struct arc_seal *s, const void *signature, size_t len,
    uint8_t digest[CRYPTO_SHA256])
{
	char status[16];

	dkim_make_octets(signature, len, &s->texts[ARC_MESSAGE]);
	snprintf(status, sizeof(status), "cv=%s", s->status);
	output_text(begin(s, ARC_SEAL, status), "\r\n\tb=");
	if (!place(s, ARC_RESULTS) || !place(s, ARC_MESSAGE) ||
	    !place(s, ARC_SEAL)) {
		return false;
	}
	/* RFC 8617 section 5.1.2: of a broken chain nothing is sealed. */
	unsigned first = strcmp(s->status, "fail") == 0 ? s->instance : 1;
	arc_seal_hash(&s->sets, first, s->instance, digest);
	return true;
}

void
arc_seal_fields(
    struct arc_seal *s, const void *signature, size_t len, struct output *out)
{
	dkim_make_octets(signature, len, &s->texts[ARC_SEAL]);
	for (int p = ARC_PARTS - 1; p >= 0; p--) {
		out->failed = out->failed || s->texts[p].failed;
		output_add(out, s->texts[p].data, s->texts[p].len);
	}
}
