/* SPDX-License-Identifier: ISC */
/* Lists of addresses: their names and comments in ASCII. */
#include "common/mime/field.h"

#include "common/mime/field_private.h"
#include "common/mime/mailboxes.h"
#include "common/text/address.h"
#include "common/text/idna.h"

#include <stdlib.h>
#include <string.h>

/* Text as it was meant: without the quotes and line ends; at most len octets.
 */
static size_t
unquote(const char *in, size_t len, char *out)
{
	bool quoted = false;
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (in[i] == '\r' || in[i] == '\n') {
			continue;
		}
		if (in[i] == '"') {
			quoted = !quoted;
			continue;
		}
		i += quoted && in[i] == '\\' && i + 1 < len;
		out[n++] = in[i];
	}
	return n;
}

static void
write_words(struct output *o, enum words_context context, struct span text)
{
	char *plain = malloc(text.len + 1);

	if (plain == NULL) {
		o->failed = true;
		return;
	}
	size_t n = unquote(text.at, text.len, plain);
	words_write(o, context, plain, n);
	free(plain);
}

/* Copies what is around names and addresses: it may hold comments. */
static void
copy(struct output *o, const char *text, size_t len)
{
	if (!comments_write(o, text, len, COMMENTS_WORDS)) {
		words_ascii(o, text, len);
	}
}

/* Copies up to a span that has octets beyond ASCII, and writes that in words.
 */
static void
replace(struct output *o, const char **from, struct span span,
    enum words_context context)
{
	if (span.len == 0 || !words_high(span.at, span.len)) {
		return;
	}
	copy(o, *from, (size_t)(span.at - *from));
	write_words(o, context, span);
	*from = span.at + span.len;
}

/* A name, and without its route an address that has one beyond ASCII: nobody
   uses routes any more (RFC 5322 section 4.4). */
static void
replace_name(
    struct output *o, const char **from, const struct mailboxes_entry *e)
{
	replace(o, from, e->name, WORDS_PHRASE);
	if (words_high(e->route.at, e->route.len)) {
		copy(o, *from, (size_t)(e->route.at - *from));
		*from = e->route.at + e->route.len;
	}
}

/* An address that ASCII cannot say: all of it as a name of no address. */
static void
write_surrogate(struct output *o, const char **from, struct span all)
{
	static const char nobody[] =
	    "<invalid@internationalized-address.invalid>";

	replace(o, from, all, WORDS_PHRASE);
	output_text(o, "\r\n ");
	output_text(o, nobody);
}

/* An address whose domain alone is beyond ASCII, as DNS and SMTP have it.  A
   surrogate's is the same for who notes its size, and for who sends it. */
static bool
write_domain(struct output *o, const char **from,
    const struct mailboxes_entry *e, bool surrogate)
{
	char domain[ADDRESS_DOMAIN + 1];

	if (words_high(e->local.at, e->local.len) ||
	    (surrogate ? idna_domain_alone : idna_domain)(e->domain.at,
		e->domain.len, domain, sizeof(domain)) != IDNA_OK ||
	    !address_is_domain(domain)) {
		return false;
	}
	replace_name(o, from, e);
	copy(o, *from, (size_t)(e->domain.at - *from));
	output_text(o, domain);
	*from = e->domain.at + e->domain.len;
	replace(o, from, e->note, WORDS_COMMENT);
	return true;
}

bool
addresses_write(struct output *o, const char *value, size_t len, bool surrogate)
{
	struct mailboxes list = { .text = value, .end = value + len };
	struct mailboxes_entry e;
	enum mailboxes_kind kind;
	const char *from = value;

	while ((kind = mailboxes_next(&list, &e)) != MAILBOXES_END) {
		bool whole = kind == MAILBOXES_BROKEN;
		bool high = false;
		switch (kind) {
		case MAILBOXES_ONE:
			high = words_high(e.spec.at, e.spec.len);
			/* A name alone is no address. */
			whole = e.domain.len == 0 && high;
			break;
		case MAILBOXES_GROUP:
		case MAILBOXES_BROKEN:
		case MAILBOXES_GROUP_END:
		case MAILBOXES_END:
			break;
		}
		if (high && !whole && write_domain(o, &from, &e, surrogate)) {
			continue;
		}
		if (high && !whole && !surrogate) {
			return false;
		}
		if (high && !whole) {
			write_surrogate(o, &from, e.all);
		} else if (whole) {
			replace(o, &from, e.all, WORDS_PHRASE);
		} else if (kind != MAILBOXES_GROUP_END) {
			replace_name(o, &from, &e);
			replace(o, &from, e.note, WORDS_COMMENT);
		}
	}
	copy(o, from, (size_t)(value + len - from));
	return true;
}
