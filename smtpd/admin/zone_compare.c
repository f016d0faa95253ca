/* SPDX-License-Identifier: ISC */
/* Compares TXT records with those that there should be.  Pure. */
#include "smtpd/admin/zone_private.h"

#include "common/auth/dkim_key.h"
#include "common/auth/sts.h"
#include "common/auth/tags.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

bool
zone_same_name(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);

	n -= n > 0 && a[n - 1] == '.';
	m -= m > 0 && b[m - 1] == '.';
	return n == m && strncasecmp(a, b, n) == 0;
}

void
zone_found(struct zone_finding *f, const char *octets, size_t len)
{
	if (f->len + len + 2 > sizeof(f->found)) {
		return;
	}
	if (f->len > 0) {
		f->found[f->len++] = '\n';
	}
	for (size_t i = 0; i < len; i++) {
		char c = octets[i];
		f->found[f->len++] = c >= ' ' && c < 0x7f ? c : '?';
	}
	f->found[f->len] = '\0';
}

/* ---- kinds of records, by how they begin ---- */

static bool
is_kind(const char *ours, const char *kind)
{
	size_t n = strlen(kind);

	return strncmp(ours, kind, n) == 0 &&
	       (ours[n] == '\0' || strchr("; \t", ours[n]) != NULL);
}

/* True if theirs is of the kind of ours: others may be at the same name. */
static bool
is_same_kind(const char *theirs, const char *ours)
{
	size_t n = strcspn(ours, "; ");
	struct span p;

	if (strncasecmp(theirs, ours, n) == 0) {
		return theirs[n] == '\0' || strchr("; \t\\", theirs[n]) != NULL;
	}
	/* The v of a key may be left out, RFC 6376 section 3.6.1. */
	return is_kind(ours, "v=DKIM1") && tags_valid(theirs, strlen(theirs)) &&
	       tags_find(theirs, strlen(theirs), "p", &p);
}

/* ---- what means the same ---- */

/* True if theirs is the beginning of ours, but for blanks. */
static bool
is_cut(const char *theirs, const char *ours)
{
	for (;; theirs++, ours++) {
		while (is_blank(*theirs)) {
			theirs++;
		}
		while (is_blank(*ours)) {
			ours++;
		}
		if (*theirs == '\0' || *theirs != *ours) {
			return *theirs == '\0' && *ours != '\0';
		}
	}
}

static bool
is_same_key(const char *theirs, const char *ours, struct zone_finding *f)
{
	static struct dkim_key a, b;
	struct span s = { theirs, strlen(theirs) }, t = { ours, strlen(ours) };
	enum public_key_kind kind =
	    strstr(ours, "k=rsa") != NULL ? PUBLIC_KEY_RSA : PUBLIC_KEY_ED25519;

	const char *why = dkim_key_read(&s, 1, kind, &a);
	if (why != NULL || dkim_key_read(&t, 1, kind, &b) != NULL) {
		snprintf(
		    f->note, sizeof(f->note), "%s", why != NULL ? why : "");
		return false;
	}
	return a.len == b.len && memcmp(a.octets, b.octets, a.len) == 0;
}

/* True if a record of SPF has all words of ours, and so passes no less; what
   it says of others is the administrator's choice, unless all pass. */
static bool
is_wider(const char *theirs, const char *ours, struct zone_finding *f)
{
	char words[DKIM_RECORD], *rest = words;

	if (strcasestr(theirs, " +all") != NULL ||
	    strcasestr(theirs, " all") != NULL) {
		snprintf(f->note, sizeof(f->note), "it lets anybody pass");
		return false;
	}
	strlcpy(words, ours, sizeof(words));
	for (const char *word; (word = strsep(&rest, " ")) != NULL;) {
		size_t n = strlen(word);
		const char *at = theirs;
		while ((at = strcasestr(at, word)) != NULL &&
		       ((at != theirs && at[-1] != ' ' && at[-1] != '+') ||
			   (at[n] != ' ' && at[n] != '\0'))) {
			at++;
		}
		if (at == NULL && strcmp(word, "~all") != 0 &&
		    strcmp(word, "-all") != 0) {
			return false;
		}
	}
	return true;
}

/* Another policy, other receivers of reports, are choices, too. */
static bool
means_the_same(const char *theirs, const char *ours, struct zone_finding *f)
{
	struct span text = { theirs, strlen(theirs) }, rua;
	struct dmarc_record policy;
	char id[STS_ID + 1];

	if (strcmp(theirs, ours) == 0) {
		return true;
	}
	if (is_kind(ours, "v=DKIM1")) {
		return is_same_key(theirs, ours, f);
	}
	if (is_kind(ours, "v=DMARC1")) {
		return dmarc_record_read(text, &policy);
	}
	if (is_kind(ours, "v=STSv1")) {
		return sts_record_read(text, id);
	}
	if (is_kind(ours, "v=TLSRPTv1")) {
		return tags_valid(text.at, text.len) &&
		       tags_find(text.at, text.len, "rua", &rua);
	}
	return is_kind(ours, "v=spf1") && is_wider(theirs, ours, f);
}

/* ---- what pages do to values ---- */

static void
explain(const char *theirs, const char *ours, struct zone_finding *f)
{
	const char *note = NULL;
	size_t n = strlen(theirs);

	if (strchr(theirs, '"') != NULL) {
		note = "quotes are part of the value: enter it without them";
	} else if (strchr(theirs, '\\') != NULL) {
		note = "backslashes are part of the value: enter it without "
		       "them";
	} else if (is_cut(theirs, ours)) {
		snprintf(f->note, sizeof(f->note),
		    "it ends after %zu characters: enter all of it, in a zone "
		    "file in strings of at most 255",
		    n);
	}
	if (note != NULL) {
		snprintf(f->note, sizeof(f->note), "%s", note);
	}
}

/* The text within quotes that a page has kept. */
static const char *
unquoted(const char *text)
{
	return text + strspn(text, "\"");
}

void
zone_compare_texts(const struct zone_record *r, const struct dns_texts *texts,
    struct zone_finding *f)
{
	const char *first = NULL;
	size_t same = 0;

	f->word = ZONE_MISSING;
	for (size_t i = 0; i < texts->count; i++) {
		const char *theirs = texts->all[i].octets;
		bool whole = strlen(theirs) == texts->all[i].len;
		if (whole && is_same_kind(unquoted(theirs), r->value)) {
			first = same++ == 0 ? theirs : first;
			zone_found(f, theirs, texts->all[i].len);
		}
	}
	if (same == 0) {
		return;
	}
	if (same > 1) {
		f->word = ZONE_EXTRA;
		snprintf(f->note, sizeof(f->note),
		    "there are several, so that none counts: remove all but "
		    "one");
		return;
	}
	f->word = first[0] != '"' && means_the_same(first, r->value, f)
	              ? ZONE_OK
	              : ZONE_DIFFERS;
	if (f->word == ZONE_DIFFERS) {
		explain(first, r->value, f);
	}
}
