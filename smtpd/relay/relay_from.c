/* SPDX-License-Identifier: ISC */
/* From, Reply-To and Auto-Submitted for a hop that takes one sender alone. */
#include "smtpd/relay/relay_from.h"

#include "common/mime/header.h"
#include "common/mime/mailboxes.h"
#include "common/text/bytes.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* What the section has. */
struct survey {
	size_t authors; /* fields From */
	bool other;     /* somebody else is named there */
	bool usable;    /* there is an address that can be answered to */
	bool reply_to, automatic, signature;
	unsigned received; /* by us */
	struct span name;  /* of the first author, as written */
	char former[ADDRESS_TEXT];
};

static bool
is_empty(const struct field *f)
{
	for (size_t i = 0; i < f->value_len; i++) {
		if (!is_space(f->value[i])) {
			return false;
		}
	}
	return true;
}

/* Looks at a From field: whom it names. */
static void
survey_author(struct survey *s, const struct field *f, const char *address)
{
	struct mailboxes list = { .text = f->value,
		.end = f->value + f->value_len };
	struct mailboxes_entry entry;
	enum mailboxes_kind got;
	size_t named = 0;

	while ((got = mailboxes_next(&list, &entry)) != MAILBOXES_END) {
		char text[ADDRESS_TEXT];
		if (got != MAILBOXES_ONE ||
		    mailboxes_address(&entry, text, sizeof(text)) == -1) {
			s->other = true;
			continue;
		}
		if (strcasecmp(text, address) != 0) {
			s->other = true;
			s->usable = s->usable ||
			            (s->authors == 0 && entry.domain.len > 0);
		}
		if (s->former[0] == '\0') {
			strlcpy(s->former, text, sizeof(s->former));
			s->name = entry.name;
		}
		named++;
	}
	s->other = s->other || named != 1 || s->authors > 0;
	s->authors++;
}

/* True if we have written that Received: see smtpd/session/trace.c. */
static bool
is_our_trace(const struct field *f, const char *host)
{
	char by[ADDRESS_TEXT];
	int n = snprintf(by, sizeof(by), "by %s (restante) ", host);

	return n > 0 && n < (int)sizeof(by) &&
	       memmem(f->value, f->value_len, by, (size_t)n) != NULL;
}

static struct survey
survey(const struct relay_from *x, const char *text, size_t len, size_t *head)
{
	const char *at = text, *before = text;
	struct survey s = { 0 };
	struct field f;

	while (header_next(&at, text + len, &f)) {
		before = at;
		if (header_is(&f, "From")) {
			survey_author(&s, &f, x->address);
		} else if (header_is(&f, "Reply-To")) {
			s.reply_to = s.reply_to || !is_empty(&f);
		} else if (header_is(&f, "Auto-Submitted")) {
			s.automatic = s.automatic || !is_empty(&f);
		} else if (header_is(&f, "DKIM-Signature")) {
			s.signature = true;
		} else if (header_is(&f, "Received")) {
			s.received += is_our_trace(&f, x->host);
		}
	}
	*head = (size_t)(before - text);
	s.other = s.other || s.authors == 0;
	return s;
}

/* ---- writing ---- */

/* A name that takes a line for itself gets one. */
enum { NAME_LINE = 70 };

static void
write_author(struct output *out, const struct survey *s, const char *address)
{
	output_text(out, "From: ");
	if (s->name.len == 0) {
		output_text(out, address);
	} else {
		output_add(out, s->name.at, s->name.len);
		output_text(
		    out, output_column(out) > NAME_LINE ? "\r\n <" : " <");
		output_text(out, address);
		output_text(out, ">");
	}
	output_text(out, "\r\n");
}

/* The address of before stays one that can be answered to. */
static void
write_reply_to(struct output *out, const struct field *f)
{
	output_text(out, "Reply-To:");
	output_add(out, f->value, f->value_len);
	output_text(out, "\r\n");
}

/* A section need not end with a line end. */
static void
write_whole(struct output *out, const struct field *f)
{
	output_add(out, f->text, f->len);
	if (f->len == 0 || f->text[f->len - 1] != '\n') {
		output_text(out, "\r\n");
	}
}

/* A field of a section that gets another author. */
static void
write_field(struct output *out, const struct survey *s, const struct field *f,
    const char *address, bool *written)
{
	if (header_is(f, "From")) {
		if (!*written) {
			write_author(out, s, address);
			if (!s->reply_to && s->usable) {
				write_reply_to(out, f);
			}
		}
		*written = true;
	} else if (!header_is(f, "Sender") &&
		   !(header_is(f, "Reply-To") && is_empty(f))) {
		write_whole(out, f);
	}
}

void
relay_from_head(const struct relay_from *x, const char *text, size_t len,
    struct output *out, struct relay_from_done *done)
{
	struct survey s = survey(x, text, len, &done->len);
	const char *at = text, *end = text + done->len;
	bool automatic = x->automatic && !s.automatic;
	bool written = false;
	struct field f;

	done->author = x->header && s.other;
	done->received = s.received;
	done->changed = done->author || automatic;
	done->signature = done->author && s.signature;
	strlcpy(done->former, s.former, sizeof(done->former));
	if (!done->changed) {
		return;
	}
	while (header_next(&at, end, &f)) {
		if (done->author) {
			write_field(out, &s, &f, x->address, &written);
		} else {
			write_whole(out, &f);
		}
	}
	if (done->author && !written) {
		write_author(out, &s, x->address);
	}
	if (automatic) {
		output_text(out, "Auto-Submitted: auto-generated\r\n");
	}
}
