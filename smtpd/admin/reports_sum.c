/* SPDX-License-Identifier: ISC */
/* Sums up reports. */
#include "smtpd/admin/reports_private.h"

#include "common/text/siphash.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

void
report_copy(char *out, size_t size, const char *text)
{
	size_t n = 0;

	for (; text[n] != '\0' && n + 1 < size; n++) {
		out[n] = text[n] > ' ' && text[n] < 0x7f ? text[n] : '?';
	}
	/* Keys are compared as octets. */
	memset(out + n, 0, size - n);
}

void
report_copy_word(char *out, size_t size, const char *text)
{
	report_copy(out, size, text);
	for (; *out != '\0'; out++) {
		*out = *out >= 'A' && *out <= 'Z' ? (char)(*out + 32) : *out;
	}
}

uint64_t
report_number(const char *text)
{
	uint64_t n = 0;

	for (; *text >= '0' && *text <= '9'; text++) {
		uint64_t digit = (uint64_t)(*text - '0');
		if (n > (INT64_MAX - digit) / 10) {
			return INT64_MAX;
		}
		n = n * 10 + digit;
	}
	return n;
}

void
report_problem(struct report_sum *s, const char *what, const char *why)
{
	if (s->nproblems < REPORT_PROBLEMS) {
		snprintf(s->problems[s->nproblems++], REPORT_WHY, "%s%s%s",
		    what, what[0] != '\0' ? ": " : "", why);
	} else {
		s->unsaid++;
	}
}

/* ---- what comes out of a sandbox ---- */

static bool
is_text(const char *text, size_t size)
{
	size_t n = strnlen(text, size);

	for (size_t i = 0; i < n; i++) {
		if (text[i] < ' ' || text[i] >= 0x7f) {
			return false;
		}
	}
	return n < size;
}

#define IS_TEXT(member) is_text(member, sizeof(member))

static bool
is_valid_row(const struct report_sum *s, const struct report_key *k)
{
	return k->domain < s->ndomains && IS_TEXT(k->source) &&
	       IS_TEXT(k->from) && IS_TEXT(k->done) && IS_TEXT(k->reason) &&
	       IS_TEXT(k->signer) && IS_TEXT(k->sender) && k->dkim <= 1 &&
	       k->spf <= 1 && k->sender_passes <= 1;
}

static bool
is_valid_domain(const struct report_domain *d)
{
	bool good =
	    IS_TEXT(d->name) && IS_TEXT(d->policy) && d->norgs <= REPORT_ORGS;

	for (size_t i = 0; good && i < d->norgs; i++) {
		good = IS_TEXT(d->orgs[i]);
	}
	return good;
}

bool
report_sum_valid(const struct report_sum *s)
{
	bool good = s->ndomains <= REPORT_DOMAINS && s->nrows <= REPORT_ROWS &&
	            s->ntls <= REPORT_TLS && s->nseen <= REPORT_SEEN &&
	            s->nproblems <= REPORT_PROBLEMS;

	for (size_t i = 0; good && i < s->ndomains; i++) {
		good = is_valid_domain(&s->domains[i]);
	}
	for (size_t i = 0; good && i < s->nrows; i++) {
		good = is_valid_row(s, &s->rows[i].key);
	}
	for (size_t i = 0; good && i < s->ntls; i++) {
		const struct report_tls_key *k = &s->tls[i].key;
		good = k->domain < s->ndomains && IS_TEXT(k->policy) &&
		       IS_TEXT(k->result) && IS_TEXT(k->host);
	}
	for (size_t i = 0; good && i < s->nproblems; i++) {
		good = IS_TEXT(s->problems[i]);
	}
	for (size_t i = 0; good && i < REPORT_SLOTS; i++) {
		good = s->slots[i] <= s->nrows;
	}
	return good;
}

/* ---- adding ---- */

/* Counts beyond what a number holds stay at its end. */
static void
count(uint64_t *sum, uint64_t more)
{
	*sum = more > UINT64_MAX - *sum ? UINT64_MAX : *sum + more;
}

/* True if it is new; remembers it, or that it came again.  Some number their
   reports anew for each domain, or each day. */
static bool
is_new(struct report_sum *s, const struct report_head *h)
{
	char text[3 * REPORT_NAME + 64];
	int n = snprintf(text, sizeof(text), "%s\n%s\n%s\n%" PRId64 " %" PRId64,
	    h->org, h->id, h->domain.name, h->domain.begin, h->domain.end);
	uint64_t hash = siphash(s->seed, text, (size_t)n);

	for (size_t i = 0; i < s->nseen; i++) {
		if (s->seen[i] == hash) {
			s->twice++;
			return false;
		}
	}
	if (s->nseen < REPORT_SEEN) {
		s->seen[s->nseen++] = hash;
	}
	return true;
}

static void
add_org(struct report_domain *d, const char *org)
{
	for (size_t i = 0; i < d->norgs; i++) {
		if (strcasecmp(d->orgs[i], org) == 0) {
			return;
		}
	}
	if (d->norgs < REPORT_ORGS) {
		memcpy(d->orgs[d->norgs++], org, REPORT_NAME);
	}
}

/* The domain of a report; NULL: it has no room. */
static struct report_domain *
find_domain(struct report_sum *s, const struct report_head *h)
{
	const struct report_domain *from = &h->domain;
	size_t i = 0;

	while (i < s->ndomains &&
	       strcasecmp(s->domains[i].name, from->name) != 0) {
		i++;
	}
	if (i == REPORT_DOMAINS) {
		report_problem(s, from->name, "too many domains before it");
		return NULL;
	}
	struct report_domain *d = &s->domains[i];
	if (i == s->ndomains) {
		s->ndomains++;
		*d = *from;
		d->reports = d->passed = d->failed = d->norgs = 0;
		d->tls_reports = d->tls_good = d->tls_failed = 0;
	}
	if (from->end >= d->end) {
		d->end = from->end;
		if (from->policy[0] != '\0') {
			memcpy(d->policy, from->policy, sizeof(d->policy));
		}
	}
	d->begin = from->begin < d->begin ? from->begin : d->begin;
	add_org(d, h->org);
	return d;
}

int
report_sum_begin(struct report_sum *s, const struct report_head *h)
{
	struct report_domain *d = is_new(s, h) ? find_domain(s, h) : NULL;

	if (d == NULL) {
		return -1;
	}
	s->reports++;
	d->reports++;
	return (int)(d - s->domains);
}

bool
report_tls_begin(struct report_sum *s, const struct report_head *h)
{
	if (!is_new(s, h)) {
		return false;
	}
	s->reports++;
	return true;
}

int
report_tls_domain(struct report_sum *s, const struct report_head *h,
    bool counted[REPORT_DOMAINS])
{
	const struct report_domain *d = find_domain(s, h);

	if (d == NULL) {
		return -1;
	}
	size_t number = (size_t)(d - s->domains);
	s->domains[number].tls_reports += !counted[number];
	counted[number] = true;
	return (int)number;
}

void
report_tls_count(
    struct report_sum *s, uint32_t domain, uint64_t good, uint64_t failed)
{
	count(&s->domains[domain].tls_good, good);
	count(&s->domains[domain].tls_failed, failed);
}

void
report_tls_add(struct report_sum *s, const struct report_tls *row)
{
	for (size_t i = 0; i < s->ntls; i++) {
		if (memcmp(&s->tls[i].key, &row->key, sizeof(row->key)) == 0) {
			count(&s->tls[i].count, row->count);
			return;
		}
	}
	/* The sum has those, too, that have no row. */
	if (s->ntls < REPORT_TLS) {
		s->tls[s->ntls++] = *row;
	}
}

void
report_sum_add(struct report_sum *s, const struct report_row *row)
{
	struct report_domain *d = &s->domains[row->key.domain];
	uint64_t hash = siphash(s->seed, &row->key, sizeof(row->key));
	bool passes = row->key.dkim == 1 || row->key.spf == 1;

	count(passes ? &d->passed : &d->failed, row->count);
	for (;; hash++) {
		uint16_t *slot = &s->slots[hash % REPORT_SLOTS];
		if (*slot == 0 && s->nrows == REPORT_ROWS) {
			count(&s->left_out, row->count);
			return;
		}
		if (*slot == 0) {
			s->rows[s->nrows++] = *row;
			*slot = (uint16_t)s->nrows;
			return;
		}
		struct report_row *r = &s->rows[*slot - 1];
		if (memcmp(&r->key, &row->key, sizeof(r->key)) == 0) {
			count(&r->count, row->count);
			return;
		}
	}
}
