/* SPDX-License-Identifier: ISC */
/* Signature fields (RFC 6376 section 3.5, RFC 8617 section 4.1): pure. */
#include "common/auth/dkim_signature.h"

#include "common/auth/tags.h"
#include "common/text/idna.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

const char *
dkim_result_name(enum dkim_result result)
{
	switch (result) {
	case DKIM_NONE:
		break;
	case DKIM_PASS:
		return "pass";
	case DKIM_FAIL:
		return "fail";
	case DKIM_POLICY:
		return "policy";
	case DKIM_NEUTRAL:
		return "neutral";
	case DKIM_TEMPERROR:
		return "temperror";
	case DKIM_PERMERROR:
		return "permerror";
	}
	return "none";
}

/* ---- names ---- */

static bool
is_label_octet(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
	       c == '_';
}

/* Labels of 1 to 63 octets; how many, or 0. */
static size_t
count_labels(const char *name)
{
	size_t count = 0, len = 0;

	for (;; name++) {
		if (*name == '.' || *name == '\0') {
			if (len == 0 || len > 63) {
				return 0;
			}
			count++;
			len = 0;
		} else if (is_label_octet(*name)) {
			len++;
		} else {
			return 0;
		}
		if (*name == '\0') {
			return count;
		}
	}
}

/* Copies a name in small letters, U-labels as A-labels (RFC 8616); "" and
   false if it is none of at least so many labels. */
static bool
read_name(struct span s, size_t labels, char out[DKIM_DOMAIN])
{
	bool good =
	    s.len > 0 && idna_domain(s.at, s.len, out, DKIM_DOMAIN) == IDNA_OK;

	for (char *p = out; good && *p != '\0'; p++) {
		*p = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
	}
	good = good && count_labels(out) >= labels;
	out[0] = good ? out[0] : '\0';
	return good;
}

bool
dkim_is_below(const char *domain, const char *above)
{
	size_t len = strlen(domain), n = strlen(above);

	return n > 0 && len >= n && strcasecmp(domain + len - n, above) == 0 &&
	       (len == n || domain[len - n - 1] == '.');
}

int
dkim_signature_question(
    const struct dkim_signature *s, char name[DKIM_QUESTION])
{
	int n = snprintf(
	    name, DKIM_QUESTION, "%s._domainkey.%s", s->selector, s->domain);

	return n < DKIM_DOMAIN ? 0 : -1;
}

/* ---- the tags ---- */

static bool
find(const struct dkim_signature *s, const char *name, struct span *value)
{
	return tags_find(s->field.value, s->field.value_len, name, value);
}

bool
dkim_signature_domain(const struct field *f, char domain[DKIM_DOMAIN])
{
	struct span d;

	return f->len <= DKIM_FIELD &&
	       tags_find(f->value, f->value_len, "d", &d) &&
	       read_name(d, 2, domain);
}

/* What is reported of a signature, whatever else is wrong with it. */
static void
read_report(struct dkim_signature *s)
{
	struct span value;
	size_t n = 0;

	if (find(s, "d", &value)) {
		(void)read_name(value, 2, s->domain);
	}
	if (find(s, "s", &value)) {
		(void)read_name(value, 1, s->selector);
	}
	if (find(s, "a", &value) && value.len < sizeof(s->algorithm)) {
		for (; n < value.len; n++) {
			char c = value.at[n];
			c = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
			s->algorithm[n] = is_label_octet(c) ? c : '?';
		}
	}
	if (!find(s, "b", &value)) {
		return;
	}
	n = 0;
	for (size_t i = 0; i < value.len && n < 8; i++) {
		char c = value.at[i];
		if (!is_space(c)) {
			bool plain =
			    c > ' ' && c < 0x7f && c != '"' && c != '\\';
			s->start[n++] = plain ? c : '?';
		}
	}
}

static const char *
read_algorithm(struct dkim_signature *s)
{
	if (strcmp(s->algorithm, "rsa-sha256") == 0) {
		s->key = PUBLIC_KEY_RSA;
	} else if (strcmp(s->algorithm, "ed25519-sha256") == 0) {
		s->key = PUBLIC_KEY_ED25519;
	} else if (strcmp(s->algorithm, "rsa-sha1") == 0) {
		return "rsa-sha1 proves nothing any more"; /* RFC 8301 3.1 */
	} else {
		return "unknown algorithm";
	}
	return NULL;
}

static bool
read_form(struct span s, enum canon *form)
{
	*form = tags_is(s, "relaxed") ? CANON_RELAXED : CANON_SIMPLE;
	return *form == CANON_RELAXED || tags_is(s, "simple");
}

static const char *
read_forms(struct dkim_signature *s)
{
	struct span value, body;

	s->header = s->body = CANON_SIMPLE;
	if (!find(s, "c", &value)) {
		return NULL;
	}
	const char *slash = memchr(value.at, '/', value.len);
	if (slash == NULL) {
		return read_form(value, &s->header) ? NULL
		                                    : "unknown canonical form";
	}
	body.at = slash + 1;
	body.len = value.len - (size_t)(slash - value.at) - 1;
	value.len = (size_t)(slash - value.at);
	return read_form(value, &s->header) && read_form(body, &s->body)
	           ? NULL
	           : "unknown canonical form";
}

static const char *
read_names(struct dkim_signature *s, enum dkim_kind kind)
{
	struct span rest, item;
	size_t count = 0;

	if (!find(s, "h", &s->names)) {
		return kind == DKIM_ARC_SEAL ? NULL : "no tag h";
	}
	if (kind == DKIM_ARC_SEAL) {
		return "a seal has no tag h"; /* RFC 8617 section 4.1.3 */
	}
	for (rest = s->names; tags_item(&rest, &item); count++) {
		/* Signers leave empty ones there, and sign no less by it. */
	}
	if (count > DKIM_NAMES) {
		return "too many names in tag h";
	}
	if (kind == DKIM_ARC_MESSAGE && tags_lists(s->names, "ARC-Seal")) {
		return "tag h has ARC-Seal";
	}
	return kind == DKIM_ARC_MESSAGE || tags_lists(s->names, "from")
	           ? NULL
	           : "From is not signed"; /* RFC 6376 section 5.4 */
}

/* The domain of i: the default is that of d. */
static const char *
read_identity(struct dkim_signature *s)
{
	struct span value;
	char domain[DKIM_DOMAIN];

	if (!find(s, "i", &value)) {
		return NULL;
	}
	size_t at = value.len;
	while (at > 0 && value.at[at - 1] != '@') {
		at--;
	}
	struct span name = { value.at + at, value.len - at };
	if (at == 0 || !read_name(name, 2, domain) ||
	    !dkim_is_below(domain, s->domain)) {
		return "tag i is not of the domain in tag d";
	}
	s->below = strcmp(domain, s->domain) != 0;
	return NULL;
}

/* q, if it is there, has to list the only way that there is. */
static const char *
read_query(const struct dkim_signature *s)
{
	struct span value;

	return !find(s, "q", &value) || tags_lists(value, "dns/txt") ||
	               tags_lists(value, "dns")
	           ? NULL
	           : "no known way to its key in tag q";
}

static const char *
read_octets(struct dkim_signature *s, enum dkim_kind kind)
{
	struct span value;
	ssize_t n = find(s, "b", &value)
	                ? tags_base64(value, s->octets, sizeof(s->octets))
	                : -1;

	if (n <= 0) {
		return "no signature in tag b";
	}
	s->len = (size_t)n;
	if (kind == DKIM_ARC_SEAL) {
		return NULL;
	}
	uint8_t hash[CRYPTO_SHA256 + 3];
	n = find(s, "bh", &value) ? tags_base64(value, hash, sizeof(hash)) : -1;
	if (n != CRYPTO_SHA256) {
		return "no hash in tag bh";
	}
	memcpy(s->hash, hash, CRYPTO_SHA256);
	return NULL;
}

static const char *
read_version(const struct dkim_signature *s, enum dkim_kind kind)
{
	struct span value;
	bool there = find(s, "v", &value);

	if (kind != DKIM_SIGNATURE) {
		return NULL;
	}
	return there && value.len == 1 && *value.at == '1' ? NULL
	                                                   : "unknown version";
}

static const char *
read_tags(struct dkim_signature *s, enum dkim_kind kind)
{
	const char *why;

	if (!tags_valid(s->field.value, s->field.value_len)) {
		return "malformed, or a tag is there twice";
	}
	if ((why = read_version(s, kind)) != NULL ||
	    (why = read_algorithm(s)) != NULL) {
		return why;
	}
	if (s->domain[0] == '\0') {
		return "no domain in tag d";
	}
	if (s->selector[0] == '\0') {
		return "no selector in tag s";
	}
	if ((why = read_names(s, kind)) != NULL ||
	    (why = read_octets(s, kind)) != NULL) {
		return why;
	}
	if (kind == DKIM_ARC_SEAL) {
		return NULL;
	}
	if ((why = read_forms(s)) == NULL && (why = read_query(s)) == NULL &&
	    kind == DKIM_SIGNATURE) {
		why = read_identity(s);
	}
	return why;
}

/* t, x and l: numbers. */
static enum dkim_result
read_numbers(struct dkim_signature *s, time_t now, const char **why)
{
	struct span value;
	uint64_t made = 0, expires = 0;

	*why = "not a number in tag t, x or l";
	bool has_t = find(s, "t", &value);
	if (has_t && !tags_number(value, &made)) {
		return DKIM_PERMERROR;
	}
	bool has_x = find(s, "x", &value);
	if (has_x && !tags_number(value, &expires)) {
		return DKIM_PERMERROR;
	}
	s->limit = UINT64_MAX;
	if (find(s, "l", &value) && !tags_number(value, &s->limit)) {
		return DKIM_PERMERROR;
	}
	if (has_t && has_x && expires <= made) {
		*why = "it expires before it was made";
		return DKIM_PERMERROR;
	}
	if (has_x && (uint64_t)now > expires &&
	    (uint64_t)now - expires > DKIM_DRIFT) {
		*why = "expired";
		return DKIM_FAIL;
	}
	*why = NULL;
	return DKIM_NONE;
}

enum dkim_result
dkim_signature_read(struct dkim_signature *s, const struct field *f,
    enum dkim_kind kind, time_t now, const char **why)
{
	*s = (struct dkim_signature){ .field = *f, .limit = UINT64_MAX };
	if (f->len > DKIM_FIELD) {
		*why = "the field is too long";
		return DKIM_PERMERROR;
	}
	read_report(s);
	*why = read_tags(s, kind);
	if (*why != NULL) {
		return DKIM_PERMERROR;
	}
	char name[DKIM_QUESTION];
	if (dkim_signature_question(s, name) == -1) {
		*why = "its domain and selector are too long";
		return DKIM_PERMERROR;
	}
	return kind != DKIM_ARC_SEAL ? read_numbers(s, now, why) : DKIM_NONE;
}
