/* SPDX-License-Identifier: ISC */
/*
 * Records of DMARC (RFC 9989 section 4.7): a list of tags that begins with
 * v=DMARC1.  A tag that is malformed has its default; so has what is unknown.
 */
#include "common/auth/dmarc.h"

#include "common/auth/tags.h"

#include <string.h>

static bool
is(struct span s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

/* Reads a policy; false: it is none of the three. */
static bool
read_policy(struct span value, enum dmarc_policy *policy)
{
	static const char *const words[] = { "none", "quarantine", "reject" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (tags_is(value, words[i])) {
			*policy = (enum dmarc_policy)i;
			return true;
		}
	}
	return false;
}

/* True if there is an address for reports in the list of URIs. */
static bool
has_address(struct span value)
{
	const char *at =
	    value.len == 0 ? NULL : memrchr(value.at, '@', value.len);

	for (const char *p = value.at; at != NULL && p + 7 <= at; p++) {
		if (tags_is((struct span){ p, 7 }, "mailto:")) {
			return true;
		}
	}
	return false;
}

/* What has been read of the policies. */
struct policies {
	bool p, sp, np, broken, reports;
};

static void
read_tag(const struct tag *t, struct dmarc_record *r, struct policies *seen)
{
	if (is(t->name, "p")) {
		seen->p = true;
		seen->broken |= !read_policy(t->value, &r->p);
	} else if (is(t->name, "sp")) {
		seen->sp = read_policy(t->value, &r->sp);
		seen->broken |= !seen->sp;
	} else if (is(t->name, "np")) {
		seen->np = read_policy(t->value, &r->np);
		seen->broken |= !seen->np;
	} else if (is(t->name, "adkim")) {
		r->strict_dkim = tags_is(t->value, "s");
	} else if (is(t->name, "aspf")) {
		r->strict_spf = tags_is(t->value, "s");
	} else if (is(t->name, "psd")) {
		r->psd = tags_is(t->value, "y")   ? 'y'
		         : tags_is(t->value, "n") ? 'n'
		                                  : 'u';
	} else if (is(t->name, "t")) {
		r->testing = tags_is(t->value, "y");
	} else if (is(t->name, "pct")) {
		/* What older records say for "do not enforce this". */
		r->testing |= is(t->value, "0");
	} else if (is(t->name, "rua")) {
		seen->reports = has_address(t->value);
	}
}

bool
dmarc_record_read(struct span text, struct dmarc_record *r)
{
	struct tags tags = { text.at, text.at + text.len };
	struct policies seen = { .p = false };
	struct tag t;
	enum tags_result got = tags_next(&tags, &t);

	*r = (struct dmarc_record){ .psd = 'u' };
	if (got != TAGS_TAG || !is(t.name, "v") || !is(t.value, "DMARC1")) {
		return false;
	}
	while ((got = tags_next(&tags, &t)) != TAGS_END) {
		if (got == TAGS_TAG) {
			read_tag(&t, r, &seen);
		}
	}
	if (seen.broken) {
		r->p = r->sp = r->np = DMARC_NO_POLICY;
		return seen.reports;
	}
	r->sp = seen.sp ? r->sp : r->p;
	r->np = seen.np ? r->np : r->sp;
	return true;
}

const char *
dmarc_word(enum dmarc_result result)
{
	static const char *const words[] = { "none", "pass", "fail",
		"temperror" };

	return words[result];
}

const char *
dmarc_policy_word(enum dmarc_policy policy)
{
	static const char *const words[] = { "none", "quarantine", "reject" };

	return words[policy];
}
