/* SPDX-License-Identifier: ISC */
/* DKIM signatures, made (RFC 6376 section 5).  No I/O. */
#include "common/auth/dkim_make.h"

#include "common/auth/dkim_private.h"
#include "common/auth/tags.h"
#include "common/mime/mailboxes.h"
#include "common/text/base64.h"
#include "common/text/idna.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MOST_OF_A_NAME = 20, /* fields */
	WIDTH = 76,          /* of a line */
};

/*
 * What is signed if it is there (RFC 6376 section 5.4.1, RFC 8058 section 4),
 * and what is named once more than it is there, so that nobody adds one.
 * Lists add to the others.
 */
static const struct {
	const char *name;
	bool sealed;
} names[] = {
	{ "From", true },
	{ "Sender", false },
	{ "Reply-To", true },
	{ "Subject", true },
	{ "Date", true },
	{ "Message-ID", true },
	{ "To", true },
	{ "Cc", true },
	{ "MIME-Version", true },
	{ "Content-Type", true },
	{ "Content-Transfer-Encoding", true },
	{ "Content-ID", false },
	{ "Content-Description", false },
	{ "In-Reply-To", true },
	{ "References", true },
	{ "List-Id", false },
	{ "List-Help", false },
	{ "List-Unsubscribe", false },
	{ "List-Unsubscribe-Post", false },
	{ "List-Subscribe", false },
	{ "List-Post", false },
	{ "List-Owner", false },
	{ "List-Archive", false },
	{ "Resent-Date", false },
	{ "Resent-From", false },
	{ "Resent-Sender", false },
	{ "Resent-To", false },
	{ "Resent-Cc", false },
	{ "Resent-Message-ID", false },
};

struct dkim_make {
	struct output header; /* until it is over; then the section alone */
	bool over;            /* the header section */
	struct section section;
	struct crypto_hash hash;
	struct canon_body body;
	uint8_t body_digest[CRYPTO_SHA256];
	struct output field; /* under way: up to "b=" */
};

struct dkim_make *
dkim_make_open(void)
{
	struct dkim_make *m = calloc(1, sizeof(*m));

	if (m == NULL) {
		return NULL;
	}
	crypto_hash_begin(&m->hash);
	m->body = (struct canon_body){ .form = CANON_RELAXED,
		.limit = UINT64_MAX,
		.sink = section_sink(&m->hash) };
	return m;
}

void
dkim_make_close(struct dkim_make *m)
{
	if (m != NULL) {
		section_close(&m->section);
		output_free(&m->header);
		output_free(&m->field);
		free(m);
	}
}

/* Divides what is there: the header section ends in it. */
static void
divide(struct dkim_make *m)
{
	struct field f;

	m->over = true;
	if (m->header.len == 0) {
		return;
	}
	const char *at = m->header.data, *end = at + m->header.len;
	while (header_next(&at, end, &f)) {
		continue;
	}
	canon_body_feed(&m->body, at, (size_t)(end - at));
	m->header.len = (size_t)(at - m->header.data);
}

void
dkim_make_feed(struct dkim_make *m, const char *data, size_t len)
{
	if (m->over) {
		canon_body_feed(&m->body, data, len);
		return;
	}
	/* One line more than fits, so that the end is seen if it is there. */
	output_add(&m->header, data, len);
	if (m->header.len > DKIM_HEADER + HEADER_NAME) {
		divide(m);
	}
}

static size_t
count_fields(const struct dkim_make *m, const char *name)
{
	size_t count = 0;

	for (size_t i = 0; i < m->section.count; i++) {
		count += header_is(&m->section.fields[i], name);
	}
	return count;
}

/* Of too many fields not all can be named, and anybody could change one. */
static bool
names_fit(const struct dkim_make *m)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (count_fields(m, names[i].name) > MOST_OF_A_NAME) {
			return false;
		}
	}
	return true;
}

bool
dkim_make_end(struct dkim_make *m)
{
	if (!m->over) {
		divide(m);
	}
	canon_body_end(&m->body);
	crypto_hash_result(&m->hash, m->body_digest);
	if (m->header.failed) {
		errno = ENOMEM;
		return false;
	}
	if (section_open(&m->section,
		m->header.data == NULL ? "" : m->header.data,
		m->header.len) == -1) {
		return false;
	}
	errno = E2BIG;
	return names_fit(m);
}

/* ---- the author ---- */

static bool
same_domain(struct span domain, char out[DKIM_DOMAIN])
{
	char name[DKIM_DOMAIN];

	if (domain.len == 0 ||
	    idna_domain(domain.at, domain.len, name, sizeof(name)) != IDNA_OK) {
		return false;
	}
	for (char *p = name; *p != '\0'; p++) {
		*p = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
	}
	if (out[0] == '\0') {
		memcpy(out, name, sizeof(name));
	}
	return strcmp(out, name) == 0;
}

bool
dkim_make_author(const struct dkim_make *m, char domain[DKIM_DOMAIN])
{
	const struct field *from = NULL;
	struct mailboxes_entry e;
	enum mailboxes_kind kind;

	domain[0] = '\0';
	for (size_t i = 0; i < m->section.count; i++) {
		if (header_is(&m->section.fields[i], "From")) {
			if (from != NULL) {
				return false;
			}
			from = &m->section.fields[i];
		}
	}
	if (from == NULL) {
		return false;
	}
	struct mailboxes list = { .text = from->value,
		.end = from->value + from->value_len };
	while ((kind = mailboxes_next(&list, &e)) != MAILBOXES_END) {
		if (kind == MAILBOXES_BROKEN ||
		    (kind == MAILBOXES_ONE && !same_domain(e.domain, domain))) {
			return false;
		}
	}
	return domain[0] != '\0';
}

/* ---- the field ---- */

struct section *
dkim_make_section(struct dkim_make *m)
{
	return &m->section;
}

/* Adds a word, on a line of its own if it does not fit. */
static void
add_word(struct output *o, const char *word, const char *joint)
{
	size_t len = strlen(word) + strlen(joint);

	output_text(o, joint);
	if (output_column(o) + len > WIDTH) {
		output_text(o, "\r\n\t");
	}
	output_text(o, word);
}

static void
add_names(const struct dkim_make *m, bool arc, struct output *out)
{
	static const char signature[] = "DKIM-Signature";
	const char *joint = "";

	output_text(out, "\r\n\th=");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t count = count_fields(m, names[i].name);
		for (count += names[i].sealed; count > 0; count--) {
			add_word(out, names[i].name, joint);
			joint = ":";
		}
	}
	size_t count = arc ? count_fields(m, signature) : 0;
	for (size_t i = 0; i < count && i < MOST_OF_A_NAME; i++) {
		add_word(out, signature, joint);
	}
}

void
dkim_make_algorithm(enum public_key_kind kind, struct output *out)
{
	output_text(out, "a=");
	output_text(
	    out, kind == PUBLIC_KEY_RSA ? "rsa-sha256" : "ed25519-sha256");
}

void
dkim_make_tags(const struct dkim_make *m, bool arc, struct output *out)
{
	char text[BASE64_SIZE(CRYPTO_SHA256)];

	add_names(m, arc, out);
	output_text(out, ";\r\n\tbh=");
	if (base64_encode(m->body_digest, sizeof(m->body_digest), text,
		sizeof(text)) == -1) {
		out->failed = true;
		return;
	}
	output_text(out, text);
	output_text(out, ";\r\n\tb=");
}

void
dkim_make_octets(const void *signature, size_t len, struct output *out)
{
	char text[BASE64_SIZE(PUBLIC_KEY_SIGNATURE)];
	ssize_t n = base64_encode(signature, len, text, sizeof(text));

	for (ssize_t i = 0; i < n; i += 72) {
		if (i > 0) {
			output_text(out, "\r\n\t");
		}
		output_add(out, text + i, n - i < 72 ? (size_t)(n - i) : 72);
	}
	output_text(out, "\r\n");
}

bool
dkim_make_digest(struct dkim_make *m, const struct dkim_make_key *key,
    time_t now, uint8_t digest[CRYPTO_SHA256])
{
	char text[64];
	struct dkim_signature own = { .header = CANON_RELAXED };

	output_clear(&m->field);
	output_text(&m->field, "DKIM-Signature: v=1; ");
	dkim_make_algorithm(key->kind, &m->field);
	output_text(&m->field, "; c=relaxed/relaxed;\r\n\td=");
	output_text(&m->field, key->domain);
	output_text(&m->field, ";\r\n\ts=");
	output_text(&m->field, key->selector);
	snprintf(text, sizeof(text), "; t=%jd;", (intmax_t)now);
	output_text(&m->field, text);
	dkim_make_tags(m, false, &m->field);
	if (m->field.failed ||
	    !header_split(m->field.data, m->field.len, &own.field) ||
	    !tags_find(own.field.value, own.field.value_len, "h", &own.names)) {
		return false;
	}
	section_hash(&m->section, &own, digest);
	return true;
}

void
dkim_make_field(
    struct dkim_make *m, const void *signature, size_t len, struct output *out)
{
	output_add(out, m->field.data, m->field.len);
	dkim_make_octets(signature, len, out);
}
