/* SPDX-License-Identifier: ISC */
/*
 * Evaluates the terms of SPF records (RFC 7208 sections 5 and 6).  The records
 * that include one another are a stack of frames; the uppermost one is read.  A
 * term whose domain has the macro %{p} waits until the client's names are
 * known, and is then read again.
 */
#include "common/auth/spf_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct spf_frame *
spf_top(struct spf *s)
{
	return &s->frame[s->depth - 1];
}

void
spf_finish(struct spf *s, enum spf_result result)
{
	s->state = SPF_AT_END;
	s->result = result;
}

void
spf_fault(struct spf *s, enum spf_result result, const char *why, ...)
{
	va_list ap;

	va_start(ap, why);
	vsnprintf(s->reason, sizeof(s->reason), why, ap);
	va_end(ap);
	for (char *p = s->reason; *p != '\0'; p++) {
		if (*p < ' ' || *p >= 0x7f) {
			*p = '?';
		}
	}
	spf_finish(s, result);
}

/* Wants an answer.  The name is s->ask.name already. */
void
spf_want(struct spf *s, enum spf_state state, enum ask_type type)
{
	if (s->questions == SPF_QUESTIONS && s->result == SPF_FAIL) {
		s->state = SPF_AT_END; /* without an explanation */
		return;
	}
	if (s->questions == SPF_QUESTIONS) {
		spf_fault(s, SPF_PERMERROR, "more than %d DNS lookups",
		    SPF_QUESTIONS);
		return;
	}
	s->questions++;
	s->state = state;
	s->ask.type = type;
}

void
spf_want_addresses(struct spf *s, enum spf_state state, const char *name)
{
	memcpy(s->ask.name, name, ASK_NAME);
	spf_want(s, state, s->v4 ? ASK_A : ASK_AAAA);
}

/* Reads the record of the frame's domain. */
void
spf_want_record(struct spf *s)
{
	memcpy(s->ask.name, spf_top(s)->domain, ASK_NAME);
	spf_want(s, SPF_AT_RECORD, ASK_TXT);
}

/* ---- the client's names (section 5.5), for ptr and %{p} ---- */

void
spf_want_pointers(struct spf *s)
{
	ask_reverse(s->address, s->ask.name);
	spf_want(s, SPF_AT_POINTERS, ASK_PTR);
}

/* ---- matching ---- */

static bool
has_prefix(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	return memcmp(a, b, whole) == 0 &&
	       (rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

/* True if the client is one of the addresses, or in their networks. */
bool
spf_is_among(const struct spf *s, const struct ask_answer *a, unsigned bits4,
    unsigned bits6)
{
	for (size_t i = 0; i < a->n; i++) {
		const uint8_t *r = (const uint8_t *)a->record[i].at;
		if (s->v4 && a->record[i].len == 4 &&
		    has_prefix(s->address + 12, r, bits4)) {
			return true;
		}
		if (!s->v4 && a->record[i].len == 16 &&
		    has_prefix(s->address, r, bits6)) {
			return true;
		}
	}
	return false;
}

static bool
is_in_network(const struct spf *s, const struct spf_term *t)
{
	if (s->v4 != (t->kind == SPF_IP4)) {
		return false;
	}
	return s->v4 ? has_prefix(s->address + 12, t->address + 12, t->bits4)
	             : has_prefix(s->address, t->address, t->bits6);
}

/* The term that is being evaluated. */
struct spf_term
spf_current(struct spf *s)
{
	struct span rest = spf_top(s)->rest;
	struct spf_term t;

	spf_record_next(&rest, &t);
	return t;
}

/* Goes on after the term. */
static void
pass_over(struct spf *s)
{
	struct spf_term t;

	spf_record_next(&spf_top(s)->rest, &t);
	spf_top(s)->counted = false;
}

/* ---- results ---- */

void
spf_conclude(struct spf *s)
{
	struct span text = spf_top(s)->explanation;

	if (s->result != SPF_FAIL || !s->explain || text.at == NULL) {
		s->state = SPF_AT_END;
	} else if (spf_macro_needs_pointers(text) && !s->pointers_known) {
		spf_want_pointers(s);
	} else if (spf_macro_domain(s, text, s->ask.name)) {
		spf_want(s, SPF_AT_EXPLANATION, ASK_TXT);
	} else {
		s->state = SPF_AT_END;
	}
}

/*
 * A record has led to a result: that of an included one makes its include match
 * or not (section 5.2), that of the first one is the result of all.
 */
static void
settle(struct spf *s, enum spf_result result)
{
	while (s->depth > 1) {
		if (result == SPF_TEMPERROR || result == SPF_PERMERROR) {
			break;
		}
		s->used = (size_t)(spf_top(s)->record.at - s->arena);
		s->depth--;
		if (result != SPF_PASS) {
			pass_over(s);
			return;
		}
		result = spf_current(s).qualifier;
	}
	spf_finish(s, result);
	spf_conclude(s);
}

void
spf_decide(struct spf *s, bool matches)
{
	if (matches) {
		settle(s, spf_current(s).qualifier);
	} else {
		pass_over(s);
	}
}

/* ---- terms ---- */

/* Counts a term that asks the DNS; false: there are too many. */
static bool
count_term(struct spf *s)
{
	if (spf_top(s)->counted) {
		return true;
	}
	spf_top(s)->counted = true;
	if (++s->terms > SPF_TERMS) {
		spf_fault(s, SPF_PERMERROR,
		    "more than %d terms that need DNS lookups", SPF_TERMS);
		return false;
	}
	return true;
}

/* Counts an answer without records; false: there are too many. */
bool
spf_count_void(struct spf *s, enum ask_status status)
{
	if (status != ASK_NO_NAME && status != ASK_NO_DATA) {
		return true;
	}
	if (++s->voids > SPF_VOIDS) {
		spf_fault(s, SPF_PERMERROR, "more than %d void DNS lookups",
		    SPF_VOIDS);
		return false;
	}
	return true;
}

/* Begins the record of another domain: in this one's place, or above it. */
static void
enter(struct spf *s, const char *domain, bool include)
{
	if (include && s->depth == SPF_DEPTH) {
		spf_fault(s, SPF_PERMERROR, "includes are too deep");
		return;
	}
	if (include) {
		s->depth++;
	} else {
		s->used = (size_t)(spf_top(s)->record.at - s->arena);
	}
	*spf_top(s) = (struct spf_frame){ .redirected = true,
		.record.at = s->arena + s->used };
	memcpy(spf_top(s)->domain, domain, ASK_NAME);
	spf_want_record(s);
}

/* What the terms of a record end in that do not match (section 4.7). */
static void
end_record(struct spf *s)
{
	struct span redirect = spf_top(s)->redirect;
	char name[ASK_NAME];

	if (redirect.at == NULL) {
		settle(s, SPF_NEUTRAL);
	} else if (!count_term(s)) {
		return;
	} else if (spf_macro_needs_pointers(redirect) && !s->pointers_known) {
		spf_want_pointers(s);
	} else if (spf_macro_domain(s, redirect, name)) {
		enter(s, name, false);
	} else {
		spf_fault(s, SPF_PERMERROR, "redirect leads to no domain");
	}
}

static void
match_pointer(struct spf *s, const char *domain)
{
	if (s->pointers_void && !spf_count_void(s, ASK_NO_DATA)) {
		return;
	}
	for (size_t i = 0; i < s->candidates; i++) {
		if (s->valid[i] && ask_is_below(s->candidate[i], domain)) {
			spf_decide(s, true);
			return;
		}
	}
	spf_decide(s, false);
}

/* Begins a term that asks the DNS about a name. */
static void
ask_about(struct spf *s, enum spf_kind kind, const char *name)
{
	switch (kind) {
	case SPF_INCLUDE:
		enter(s, name, true);
		break;
	case SPF_A:
		spf_want_addresses(s, SPF_AT_ADDRESS, name);
		break;
	case SPF_MX:
		memcpy(s->ask.name, name, ASK_NAME);
		spf_want(s, SPF_AT_EXCHANGERS, ASK_MX);
		break;
	case SPF_EXISTS:
		memcpy(s->ask.name, name, ASK_NAME);
		spf_want(s, SPF_AT_EXISTS, ASK_A);
		break;
	case SPF_PTR:
		match_pointer(s, name);
		break;
	case SPF_ALL:
	case SPF_IP4:
	case SPF_IP6:
	case SPF_REDIRECT:
	case SPF_EXP:
	case SPF_UNKNOWN:
		break; /* these ask nothing */
	}
}

/* Evaluates the next term of the uppermost record. */
void
spf_step(struct spf *s)
{
	struct span rest = spf_top(s)->rest;
	struct spf_term t;
	char name[ASK_NAME];

	if (spf_record_next(&rest, &t) != SPF_READ_TERM) {
		end_record(s);
		return;
	}
	switch (t.kind) {
	case SPF_ALL:
		spf_decide(s, true);
		return;
	case SPF_IP4:
	case SPF_IP6:
		spf_decide(s, is_in_network(s, &t));
		return;
	case SPF_REDIRECT:
	case SPF_EXP:
	case SPF_UNKNOWN:
		pass_over(s);
		return;
	case SPF_INCLUDE:
	case SPF_A:
	case SPF_MX:
	case SPF_PTR:
	case SPF_EXISTS:
		break;
	}
	if (!count_term(s)) {
		return;
	}
	if (!s->pointers_known &&
	    (t.kind == SPF_PTR || spf_macro_needs_pointers(t.domain))) {
		spf_want_pointers(s);
	} else if (t.domain.at == NULL) {
		memcpy(name, spf_top(s)->domain, ASK_NAME);
		ask_about(s, t.kind, name);
	} else if (spf_macro_domain(s, t.domain, name)) {
		ask_about(s, t.kind, name);
	} else if (t.kind == SPF_INCLUDE) {
		spf_fault(s, SPF_PERMERROR, "include leads to no domain");
	} else {
		spf_decide(s, false); /* such a name is in no DNS */
	}
}
