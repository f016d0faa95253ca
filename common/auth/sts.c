/* SPDX-License-Identifier: ISC */
/* Records, policies and the memory of MTA-STS. */
#include "common/auth/sts.h"

#include "common/auth/tags.h"
#include "common/text/address.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- the record ---- */

static const char version[] = "v=STSv1;";

bool
sts_record_is(struct span text)
{
	return text.len >= sizeof(version) - 1 &&
	       memcmp(text.at, version, sizeof(version) - 1) == 0;
}

bool
sts_record_read(struct span text, char id[STS_ID + 1])
{
	struct span value;

	if (!sts_record_is(text) || !tags_valid(text.at, text.len) ||
	    !tags_find(text.at, text.len, "id", &value) || value.len == 0 ||
	    value.len > STS_ID) {
		return false;
	}
	for (size_t i = 0; i < value.len; i++) {
		if (!isalnum((unsigned char)value.at[i]) ||
		    (unsigned char)value.at[i] > 0x7f) {
			return false;
		}
	}
	memcpy(id, value.at, value.len);
	id[value.len] = '\0';
	return true;
}

/* ---- the policy ---- */

/* The next line without its end, CRLF or LF, and blanks there; false: none. */
static bool
next_line(struct span *rest, struct span *line)
{
	if (rest->len == 0) {
		return false;
	}
	const char *end = memchr(rest->at, '\n', rest->len);
	size_t n = end != NULL ? (size_t)(end - rest->at) : rest->len;
	*line = (struct span){ rest->at, n };
	n += end != NULL;
	rest->at += n;
	rest->len -= n;
	while (line->len > 0 && (line->at[line->len - 1] == ' ' ||
				    line->at[line->len - 1] == '\t' ||
				    line->at[line->len - 1] == '\r')) {
		line->len--;
	}
	return true;
}

/* Splits "key: value"; false: it is no such line. */
static bool
split_line(struct span line, struct span *key, struct span *value)
{
	const char *colon =
	    line.len > 0 ? memchr(line.at, ':', line.len) : NULL;

	if (colon == NULL || colon == line.at) {
		return false;
	}
	*key = (struct span){ line.at, (size_t)(colon - line.at) };
	*value = (struct span){ colon + 1, line.len - key->len - 1 };
	while (key->len > 0 && (key->at[key->len - 1] == ' ' ||
				   key->at[key->len - 1] == '\t')) {
		key->len--;
	}
	while (value->len > 0 && (*value->at == ' ' || *value->at == '\t')) {
		value->at++;
		value->len--;
	}
	return true;
}

static bool
is_text(struct span s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

/* True for the name of a host, or "*." and one. */
static bool
is_pattern(struct span s)
{
	char name[ADDRESS_TEXT];

	if (s.len > 2 && s.at[0] == '*' && s.at[1] == '.') {
		s.at += 2;
		s.len -= 2;
	}
	if (s.len == 0 || s.len >= sizeof(name) || s.at[0] == '[' ||
	    memchr(s.at, '\0', s.len) != NULL) {
		return false;
	}
	memcpy(name, s.at, s.len);
	name[s.len] = '\0';
	return address_is_domain(name);
}

static bool
read_mode(struct span value, enum sts_mode *mode)
{
	static const char *const modes[] = { [STS_NONE] = "none",
		[STS_TESTING] = "testing",
		[STS_ENFORCE] = "enforce" };

	for (unsigned i = STS_NONE; i <= STS_ENFORCE; i++) {
		if (is_text(value, modes[i])) {
			*mode = (enum sts_mode)i;
			return true;
		}
	}
	return false;
}

/* What a policy must have, each once: the first counts (section 3.2). */
enum { SEEN_VERSION = 1, SEEN_MODE = 2, SEEN_AGE = 4, SEEN_ALL = 7 };

/* Takes a line into account; false: a value that is none. */
static bool
read_line(
    struct sts_policy *p, unsigned *seen, struct span key, struct span value)
{
	uint64_t age;

	if (is_text(key, "version") && (*seen & SEEN_VERSION) == 0) {
		*seen |= SEEN_VERSION;
		return is_text(value, "STSv1");
	}
	if (is_text(key, "mode") && (*seen & SEEN_MODE) == 0) {
		*seen |= SEEN_MODE;
		return read_mode(value, &p->mode);
	}
	if (is_text(key, "max_age") && (*seen & SEEN_AGE) == 0) {
		*seen |= SEEN_AGE;
		if (!tags_number(value, &age)) {
			return false;
		}
		p->max_age = age < STS_AGE ? (uint32_t)age : STS_AGE;
		return true;
	}
	if (is_text(key, "mx")) {
		if (!is_pattern(value) || p->count == STS_HOSTS) {
			return false;
		}
		p->hosts[p->count++] = value;
	}
	return true;
}

bool
sts_policy_read(struct span text, struct sts_policy *p)
{
	struct span line, key, value;
	unsigned seen = 0;

	*p = (struct sts_policy){ .mode = STS_NONE };
	if (text.len > STS_TEXT) {
		return false;
	}
	while (next_line(&text, &line)) {
		if (line.len > 0 && (!split_line(line, &key, &value) ||
					!read_line(p, &seen, key, value))) {
			return false;
		}
	}
	return seen == SEEN_ALL && (p->mode == STS_NONE || p->count > 0);
}

/* True if the host is of that pattern. */
static bool
is_of(struct span pattern, const char *host)
{
	size_t len = strlen(host);

	if (pattern.len > 2 && pattern.at[0] == '*') {
		/* One label stands for the asterisk. */
		size_t label = strcspn(host, ".");
		pattern.at++;
		pattern.len--;
		host += label;
		len -= label;
		if (label == 0) {
			return false;
		}
	}
	return len == pattern.len && strncasecmp(pattern.at, host, len) == 0;
}

bool
sts_policy_has(const struct sts_policy *p, const char *host)
{
	for (size_t i = 0; i < p->count; i++) {
		if (is_of(p->hosts[i], host)) {
			return true;
		}
	}
	return false;
}

/* ---- the memory ---- */

size_t
sts_known_write(const struct sts_known *k, char *out, size_t size)
{
	int n = snprintf(out, size,
	    "id: %s\nfetched: %" PRIu64 "\nretry: %" PRIu64 "\n\n", k->id,
	    k->fetched, k->retry);

	if (n < 0 || (size_t)n >= size || k->policy.len > size - (size_t)n) {
		return 0;
	}
	if (k->policy.len > 0) {
		memcpy(out + n, k->policy.at, k->policy.len);
	}
	return (size_t)n + k->policy.len;
}

/* The number in a line of that name; false: it is not there. */
static bool
read_number(struct span *rest, const char *name, uint64_t *number)
{
	struct span line, key, value;

	return next_line(rest, &line) && split_line(line, &key, &value) &&
	       is_text(key, name) && tags_number(value, number);
}

bool
sts_known_read(struct span text, struct sts_known *k)
{
	struct span line, key, value;
	struct sts_policy policy;
	char record[STS_ID + 32];

	*k = (struct sts_known){ .fetched = 0 };
	if (!next_line(&text, &line) || !split_line(line, &key, &value) ||
	    !is_text(key, "id") || value.len > STS_ID ||
	    !read_number(&text, "fetched", &k->fetched) ||
	    !read_number(&text, "retry", &k->retry) ||
	    !next_line(&text, &line) || line.len > 0) {
		return false;
	}
	k->policy = text;
	if (value.len == 0) {
		return text.len == 0;
	}
	int n = snprintf(record, sizeof(record), "%sid=%.*s", version,
	    (int)value.len, value.at);
	return sts_record_read((struct span){ record, (size_t)n }, k->id) &&
	       sts_policy_read(text, &policy);
}

bool
sts_known_counts(const struct sts_known *k, uint64_t now)
{
	struct sts_policy policy;

	return k->id[0] != '\0' && sts_policy_read(k->policy, &policy) &&
	       k->fetched <= now && now - k->fetched < policy.max_age;
}
