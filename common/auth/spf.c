/* SPDX-License-Identifier: ISC */
/*
 * Evaluates SPF (RFC 7208 section 4.6): takes answers of the DNS, and goes on
 * with the terms until there is something to be asked, or a result.
 */
#include "common/auth/spf.h"

#include "common/auth/spf_private.h"
#include "common/text/network.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

const char *
spf_word(enum spf_result result)
{
	static const char *const words[] = { "none", "neutral", "pass", "fail",
		"softfail", "temperror", "permerror" };

	return words[result];
}

/* Looks the next name up; when there is none, they are known. */
static void
next_pointer(struct spf *s)
{
	if (s->validating < s->candidates) {
		spf_want_addresses(
		    s, SPF_AT_POINTER, s->candidate[s->validating]);
	} else {
		s->pointers_known = true;
	}
}

static void
take_pointers(struct spf *s, const struct ask_answer *a)
{
	size_t n = a->n < SPF_POINTERS ? a->n : SPF_POINTERS;

	s->pointers_void = a->status == ASK_NO_NAME || a->status == ASK_NO_DATA;
	for (size_t i = 0; i < n; i++) {
		if (ask_name(a->record[i].at, a->record[i].len,
			s->candidate[s->candidates])) {
			s->candidates++;
		}
	}
	next_pointer(s);
}

/* ---- records ---- */

/* Checks the syntax of all terms, and notes the modifiers. */
static bool
check_record(struct spf *s, struct spf_frame *f)
{
	struct span rest = f->rest, before = rest;
	struct spf_term t;
	enum spf_read got;

	f->redirect = f->explanation = (struct span){ NULL, 0 };
	while ((got = spf_record_next(&rest, &t)) == SPF_READ_TERM) {
		struct span *once = t.kind == SPF_REDIRECT ? &f->redirect
		                    : t.kind == SPF_EXP    ? &f->explanation
		                                           : NULL;
		if (once != NULL && once->at != NULL) {
			spf_fault(s, SPF_PERMERROR, "%s has a modifier twice",
			    f->domain);
			return false;
		}
		if (once != NULL) {
			*once = t.domain;
		}
		before = rest;
	}
	if (got == SPF_READ_BAD) {
		while (before.len > 0 && before.at[0] == ' ') {
			before.at++;
			before.len--;
		}
		size_t len = (size_t)(rest.at - before.at);
		spf_fault(s, SPF_PERMERROR, "%.80s has an unusable term: %.*s",
		    f->domain, (int)(len < 60 ? len : 60), before.at);
	}
	return got == SPF_READ_END;
}

/* Chooses the record of SPF; how many there are. */
static size_t
choose(const struct ask_answer *a, struct span *chosen)
{
	struct span terms;
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++) {
		if (spf_record_is(a->record[i], &terms)) {
			*chosen = terms;
			n++;
		}
	}
	return n;
}

static bool
is_printable(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] < 0x20 || text.at[i] >= 0x7f) {
			return false;
		}
	}
	return true;
}

static void
take_record(struct spf *s, const struct ask_answer *a)
{
	struct spf_frame *f = spf_top(s);
	struct span terms = { NULL, 0 };
	size_t n = choose(a, &terms);

	if (a->status == ASK_FAILED) {
		spf_fault(s, SPF_TEMPERROR, "no answer about %s", f->domain);
	} else if (n == 0 && f->redirected) {
		spf_fault(s, SPF_PERMERROR, "%s has no SPF record", f->domain);
	} else if (n == 0) {
		spf_finish(s, SPF_NONE);
	} else if (n > 1) {
		spf_fault(
		    s, SPF_PERMERROR, "%s has %zu SPF records", f->domain, n);
	} else if (!is_printable(terms)) {
		spf_fault(s, SPF_PERMERROR, "the record of %s is not ASCII",
		    f->domain);
	} else if (terms.len > sizeof(s->arena) - s->used) {
		spf_fault(s, SPF_PERMERROR, "the record of %s is too long",
		    f->domain);
	} else {
		memcpy(s->arena + s->used, terms.at, terms.len);
		f->record = f->rest =
		    (struct span){ s->arena + s->used, terms.len };
		s->used += terms.len;
		f->counted = false;
		s->state = check_record(s, f) ? SPF_AT_RECORD : SPF_AT_END;
	}
}

/* ---- answers ---- */

/* True if the answer is one; else the evaluation ends, or the limit does. */
static bool
usable(struct spf *s, const struct ask_answer *a, bool counts)
{
	if (a->status == ASK_FAILED) {
		spf_fault(s, SPF_TEMPERROR, "no answer about %s", s->ask.name);
		return false;
	}
	return !counts || spf_count_void(s, a->status);
}

/* Looks the next exchanger up; when there is none, mx does not match. */
static void
next_exchanger(struct spf *s)
{
	if (s->next < s->names) {
		spf_want_addresses(s, SPF_AT_EXCHANGER, s->name[s->next++]);
	} else {
		spf_decide(s, false);
	}
}

static void
take_exchangers(struct spf *s, const struct ask_answer *a)
{
	if (a->n > SPF_EXCHANGERS) {
		spf_fault(s, SPF_PERMERROR, "%s has more than %d MX records",
		    s->ask.name, SPF_EXCHANGERS);
		return;
	}
	s->names = s->next = 0;
	for (size_t i = 0; i < a->n; i++) {
		if (ask_name(
			a->record[i].at, a->record[i].len, s->name[s->names])) {
			s->names++;
		}
	}
	next_exchanger(s);
}

/* Takes an explanation, if it is one, and ends with what was found before. */
static void
take_explanation(struct spf *s, const struct ask_answer *a)
{
	char *text = s->explanation;

	s->state = SPF_AT_END;
	if (a->n != 1 || !is_printable(a->record[0]) ||
	    !spf_macro_valid(a->record[0], true)) {
		return;
	}
	if (spf_macro_needs_pointers(a->record[0]) && !s->pointers_known) {
		spf_want_pointers(s); /* and then the explanation again */
		return;
	}
	if (!spf_macro_expand(s, a->record[0], text, sizeof(s->explanation)) ||
	    !is_printable((struct span){ text, strlen(text) })) {
		text[0] = '\0';
	}
}

/* Goes on until something is to be asked; false: there is a result. */
static bool
run(struct spf *s)
{
	while (s->state != SPF_AT_END) {
		unsigned asked = s->questions;
		if (s->result == SPF_FAIL) {
			spf_conclude(s);
		} else {
			spf_step(s);
		}
		if (s->questions != asked && s->state != SPF_AT_END) {
			return true;
		}
	}
	return false;
}

static void
take_addresses(struct spf *s, const struct ask_answer *a)
{
	struct spf_term t = spf_current(s);

	if (spf_is_among(s, a, t.bits4, t.bits6)) {
		spf_decide(s, true);
	} else if (s->state == SPF_AT_EXCHANGER) {
		next_exchanger(s);
	} else {
		spf_decide(s, false);
	}
}

static void
take(struct spf *s, const struct ask_answer *a)
{
	switch (s->state) {
	case SPF_AT_RECORD:
		take_record(s, a);
		break;
	case SPF_AT_ADDRESS:
	case SPF_AT_EXCHANGER:
		if (usable(s, a, s->state == SPF_AT_ADDRESS)) {
			take_addresses(s, a);
		}
		break;
	case SPF_AT_EXISTS:
		if (usable(s, a, true)) {
			spf_decide(s, a->n > 0);
		}
		break;
	case SPF_AT_EXCHANGERS:
		if (usable(s, a, true)) {
			take_exchangers(s, a);
		}
		break;
	case SPF_AT_POINTERS:
		take_pointers(s, a);
		break;
	case SPF_AT_POINTER:
		s->valid[s->validating++] = spf_is_among(s, a, 32, 128);
		next_pointer(s);
		break;
	case SPF_AT_EXPLANATION:
		take_explanation(s, a);
		break;
	case SPF_AT_END:
		break;
	}
}

bool
spf_answer(struct spf *s, const struct ask_answer *a)
{
	unsigned asked = s->questions;

	take(s, a);
	return (s->questions != asked && s->state != SPF_AT_END) || run(s);
}

bool
spf_denies_all(const struct spf *s)
{
	static const char all[] = "-all";
	struct span terms = s->frame[0].record;

	while (terms.len > 0 && terms.at[0] == ' ') {
		terms.at++;
		terms.len--;
	}
	while (terms.len > 0 && terms.at[terms.len - 1] == ' ') {
		terms.len--;
	}
	return s->result == SPF_FAIL && !s->frame[0].redirected &&
	       terms.len == strlen(all) &&
	       strncasecmp(terms.at, all, terms.len) == 0;
}

/* Takes the sender apart (section 4.3). */
static void
set_sender(struct spf *s, const struct spf_question *q)
{
	const char *at = strrchr(q->sender, '@');
	const char *domain = at == NULL ? q->sender : at + 1;
	size_t local = at == NULL ? 0 : (size_t)(at - q->sender);

	if (*domain == '\0') {
		domain = q->helo;
		local = 0;
	}
	if (local == 0 || local >= sizeof(s->local)) {
		snprintf(s->local, sizeof(s->local), "postmaster");
	} else {
		memcpy(s->local, q->sender, local);
		s->local[local] = '\0';
	}
	if (!ask_name(domain, strlen(domain), s->origin) ||
	    strchr(s->origin, '.') == NULL) {
		s->origin[0] = '\0';
	}
}

bool
spf_begin(struct spf *s, const struct spf_question *q)
{
	memset(s, 0, offsetof(struct spf, arena));
	memcpy(s->address, q->address, sizeof(s->address));
	s->v4 = network_is_v4(q->address);
	s->explain = q->explain;
	s->time = q->time;
	snprintf(s->helo, sizeof(s->helo), "%s", q->helo);
	snprintf(s->receiver, sizeof(s->receiver), "%s",
	    q->receiver == NULL || *q->receiver == '\0' ? "unknown"
							: q->receiver);
	set_sender(s, q);
	if (s->origin[0] == '\0' || s->origin[0] == '[') {
		spf_finish(s, SPF_NONE);
		return false;
	}
	s->depth = 1;
	memcpy(spf_top(s)->domain, s->origin, ASK_NAME);
	spf_top(s)->record.at = s->arena;
	spf_want_record(s);
	return true;
}
