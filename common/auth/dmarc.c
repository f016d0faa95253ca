/* SPDX-License-Identifier: ISC */
/*
 * Evaluates DMARC (RFC 9989 section 4.10).  The answers so far are a table.
 * Each time the evaluation starts anew; where it meets a name that the table
 * does not have, it asks for that, and for the rest of the same walk.
 */
#include "common/auth/dmarc.h"

#include <stdio.h>
#include <string.h>

enum { JUMP = 7 }; /* labels at most after the first question of a walk */

static const char prefix[] = "_dmarc.";

/* ---- the table ---- */

static const struct dmarc_name *
find(const struct dmarc *d, const char *name)
{
	for (size_t i = 0; i < d->names; i++) {
		if (strcmp(d->name[i].name, name) == 0) {
			return &d->name[i];
		}
	}
	return NULL;
}

void
dmarc_answer(struct dmarc *d, const char *name, const struct ask_answer *a)
{
	size_t records = 0;

	if (find(d, name) != NULL || d->names == DMARC_NAMES) {
		return;
	}
	struct dmarc_name *n = &d->name[d->names++];
	*n = (struct dmarc_name){ .status = a->status };
	snprintf(n->name, sizeof(n->name), "%s", name);
	for (size_t i = 0; i < a->n; i++) {
		struct dmarc_record r;
		if (dmarc_record_read(a->record[i], &r)) {
			n->record = r;
			records++;
		}
	}
	n->has = records == 1; /* several are as good as none */
}

/* ---- the walk ---- */

/* What an evaluation wants to know. */
struct wants {
	struct ask *asks;
	size_t n;
};

static void
want(struct dmarc *d, struct wants *w, const char *name)
{
	if (find(d, name) != NULL || w->n == DMARC_STEPS) {
		return;
	}
	if (d->names + w->n >= DMARC_NAMES) {
		return; /* trouble(): it stays unknown */
	}
	w->asks[w->n].type = ASK_TXT;
	snprintf(w->asks[w->n].name, ASK_NAME, "%s", name);
	w->n++;
}

static size_t
labels_of(const char *name)
{
	size_t n = 1;

	for (; *name != '\0'; name++) {
		n += *name == '.';
	}
	return n;
}

/* The domains of a walk, the longest first; how many. */
static size_t
steps_of(const char *domain, const char *steps[DMARC_STEPS])
{
	size_t labels = labels_of(domain), n = 0;

	steps[n++] = domain;
	while (labels > 1 && n < DMARC_STEPS) {
		do {
			domain = strchr(domain, '.') + 1;
			labels--;
		} while (labels > JUMP);
		steps[n++] = domain;
	}
	return n;
}

/* Writes the name of a domain's record; false: it would be too long. */
static bool
record_name(const char *domain, char name[ASK_NAME])
{
	return snprintf(name, ASK_NAME, "%s%s", prefix, domain) < ASK_NAME;
}

/* What a walk has found. */
struct walk {
	bool unknown;                     /* something has to be asked first */
	bool failed;                      /* no answer */
	const struct dmarc_name *own;     /* of the domain itself */
	const struct dmarc_name *highest; /* of the organizational domain */
	const char *organization;
	const struct dmarc_name *suffix; /* psd=y, above the organization */
};

/* The domain one label longer than suffix, that domain is or is below. */
static const char *
below(const char *domain, const char *suffix)
{
	const char *p = domain + strlen(domain) - strlen(suffix);

	if (p - 1 <= domain) {
		return domain;
	}
	for (p -= 2; p > domain && p[-1] != '.'; p--) {
	}
	return p;
}

/* Takes the record of a step; true: the walk ends with it. */
static bool
take_step(struct walk *w, const char *domain, const char *step,
    const struct dmarc_name *n)
{
	if (step == domain) {
		w->own = n;
	}
	if (n->record.psd == 'n') {
		w->organization = step;
		w->highest = n;
		return true;
	}
	if (n->record.psd == 'y' && step != domain) {
		const char *organization = below(domain, step);
		if (w->highest == NULL || w->organization != organization) {
			w->highest = NULL;
		}
		w->organization = organization;
		w->suffix = n;
		return true;
	}
	if (n->record.psd == 'y') {
		w->organization = step;
		w->highest = n;
		return true;
	}
	w->organization = step; /* the shortest one so far */
	w->highest = n;
	return false;
}

static struct walk
walk(struct dmarc *d, struct wants *wants, const char *domain)
{
	struct walk w = { .organization = domain };
	const char *steps[DMARC_STEPS];
	char name[ASK_NAME];
	size_t n = steps_of(domain, steps);

	for (size_t i = 0; i < n; i++) {
		if (!record_name(steps[i], name)) {
			continue;
		}
		const struct dmarc_name *known = find(d, name);
		if (known == NULL) {
			w.unknown = true;
			for (size_t k = i; k < n; k++) {
				if (record_name(steps[k], name)) {
					want(d, wants, name);
				}
			}
			/* No room is left for it. */
			w.failed = wants->n == 0;
			return w;
		}
		if (known->status == ASK_FAILED) {
			w.failed = true;
			return w;
		}
		if (known->has && take_step(&w, domain, steps[i], known)) {
			break;
		}
	}
	return w;
}

/* ---- alignment (section 4.4) ---- */

enum aligned { ALIGNED, NOT_ALIGNED, UNKNOWN, FAILED };

static enum aligned
is_aligned(struct dmarc *d, struct wants *wants, const char *organization,
    const char *domain, bool strict)
{
	if (strcmp(domain, d->author) == 0) {
		return ALIGNED;
	}
	/* Names of one organization end in its name. */
	if (strict || !ask_is_below(domain, organization)) {
		return NOT_ALIGNED;
	}
	struct walk w = walk(d, wants, domain);
	return w.unknown && !w.failed                      ? UNKNOWN
	       : w.failed                                  ? FAILED
	       : strcmp(w.organization, organization) == 0 ? ALIGNED
	                                                   : NOT_ALIGNED;
}

/* Looks for an identifier that vouches for the author. */
static enum aligned
find_aligned(struct dmarc *d, struct wants *wants, const char *organization,
    const struct dmarc_record *r)
{
	enum aligned best = NOT_ALIGNED;

	for (size_t i = 0; i < d->identifiers; i++) {
		const struct dmarc_identifier *id = &d->identifier[i];
		enum aligned a = is_aligned(d, wants, organization, id->domain,
		    id->dkim ? r->strict_dkim : r->strict_spf);
		if (a == ALIGNED && !id->trouble) {
			return ALIGNED;
		}
		if (a == UNKNOWN) {
			best = UNKNOWN;
		} else if (a != NOT_ALIGNED && best != UNKNOWN) {
			best = FAILED; /* it could have been aligned */
		}
	}
	return best;
}

/* True if the two can be of one organization: that has two labels at least. */
static bool
may_be_one(const char *a, const char *b)
{
	const char *end = a + strlen(a);
	size_t dots = 0;

	while (end > a && dots < 2) {
		dots += *--end == '.';
	}
	return ask_is_below(b, dots < 2 ? end : end + 1);
}

/* Does that one vouch for the list, by its organization? */
static enum aligned
is_list_aligned(struct dmarc *d, struct wants *wants, const struct walk *list,
    const struct dmarc_identifier *id)
{
	if (list->failed) {
		return may_be_one(d->list, id->domain) ? FAILED : NOT_ALIGNED;
	}
	if (!ask_is_below(id->domain, list->organization)) {
		return NOT_ALIGNED;
	}
	struct walk w = walk(d, wants, id->domain);
	return w.unknown && !w.failed                            ? UNKNOWN
	       : w.failed                                        ? FAILED
	       : strcmp(w.organization, list->organization) != 0 ? NOT_ALIGNED
	       : id->trouble                                     ? FAILED
	                                                         : ALIGNED;
}

/* ALIGNED: the list's own organization is authenticated; UNKNOWN: ask first;
   FAILED: nobody can say. */
static enum aligned
is_list_vouched(struct dmarc *d, struct wants *wants)
{
	enum aligned best = NOT_ALIGNED;

	if (d->list[0] == '\0' || d->identifiers == 0) {
		return NOT_ALIGNED;
	}
	for (size_t i = 0; i < d->identifiers; i++) {
		const struct dmarc_identifier *id = &d->identifier[i];
		if (ask_is_below(d->list, id->domain)) {
			best = FAILED;
			if (!id->trouble) {
				return ALIGNED;
			}
		}
	}
	struct walk list = walk(d, wants, d->list);
	if (list.unknown && !list.failed) {
		return UNKNOWN;
	}
	for (size_t i = 0; i < d->identifiers; i++) {
		enum aligned a =
		    is_list_aligned(d, wants, &list, &d->identifier[i]);
		if (a == ALIGNED || a == UNKNOWN) {
			return a;
		}
		best = a == FAILED ? FAILED : best;
	}
	return best;
}

/* ---- policy ---- */

static enum dmarc_policy
soften(enum dmarc_policy policy)
{
	return policy == DMARC_REJECT ? DMARC_QUARANTINE : DMARC_NO_POLICY;
}

/* The policy that a record has for the author; false: ask first. */
static bool
set_policy(
    struct dmarc *d, struct wants *wants, const struct dmarc_name *n, bool own)
{
	const struct dmarc_record *r = &n->record;

	snprintf(d->policy_domain, sizeof(d->policy_domain), "%s",
	    n->name + sizeof(prefix) - 1);
	if (own) {
		d->published = r->p;
	} else if (r->sp == r->np) {
		d->published = r->sp;
	} else {
		const struct dmarc_name *itself = find(d, d->author);
		if (itself == NULL) {
			want(d, wants, d->author);
			if (wants->n > 0) {
				return false;
			}
		}
		d->published = itself != NULL && itself->status == ASK_NO_NAME
		                   ? r->np
		                   : r->sp;
	}
	d->apply = r->testing ? soften(d->published) : d->published;
	return true;
}

/* Comes to an outcome, or wants something. */
static void
evaluate(struct dmarc *d, struct wants *wants)
{
	struct walk w = walk(d, wants, d->author);

	d->policy_domain[0] = '\0';
	d->published = d->apply = DMARC_NO_POLICY;
	d->list_vouched = d->list_trouble = false;
	d->result = w.failed ? DMARC_TEMPERROR : DMARC_NONE;
	if (w.failed || w.unknown) {
		return;
	}
	const struct dmarc_name *n = w.own != NULL       ? w.own
	                             : w.highest != NULL ? w.highest
	                                                 : w.suffix;
	if (n == NULL || !set_policy(d, wants, n, n == w.own)) {
		return;
	}
	snprintf(
	    d->organization, sizeof(d->organization), "%s", w.organization);
	d->strict_dkim = n->record.strict_dkim;
	d->strict_spf = n->record.strict_spf;
	switch (find_aligned(d, wants, w.organization, &n->record)) {
	case ALIGNED:
		d->result = DMARC_PASS;
		wants->n = 0;
		return;
	case FAILED:
		d->result = DMARC_TEMPERROR;
		return;
	case UNKNOWN:
		return;
	case NOT_ALIGNED:
		d->result = DMARC_FAIL;
		break;
	}
	if (d->apply == DMARC_REJECT) {
		enum aligned list = is_list_vouched(d, wants);
		d->list_vouched = list == ALIGNED;
		d->list_trouble = list == FAILED;
	}
}

void
dmarc_begin(struct dmarc *d, const char *author)
{
	memset(d, 0, offsetof(struct dmarc, name));
	snprintf(d->author, sizeof(d->author), "%s", author);
}

size_t
dmarc_next(struct dmarc *d, struct ask asks[DMARC_STEPS])
{
	struct wants wants = { .asks = asks };

	evaluate(d, &wants);
	return wants.n;
}
