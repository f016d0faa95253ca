/* SPDX-License-Identifier: ISC */
/*
 * A hop that takes mail from one address alone, by the key relay-from: the
 * header section that it gets in place of the message's own.  It is made before
 * anything is converted or signed, so that our signature is for what is sent.
 */
#include "smtpd/relay/transaction_private.h"

#include "common/log/log.h"
#include "common/mime/header.h"
#include "smtpd/relay/relay_from.h"
#include "smtpd/route/archive.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SECTION_MOST = 1024 * 1024 }; /* octets of a header section */

/* True if the header section surely ends within these octets. */
static bool
has_end(const char *text, size_t len)
{
	const char *lf = memrchr(text, '\n', len), *at = text;
	const char *end = lf == NULL ? text : lf + 1;
	struct field f;

	while (header_next(&at, end, &f)) {
	}
	return at < end;
}

/* Reads the header section and some of what follows; NULL with errno. */
static char *
read_section(const struct body *b, size_t *len)
{
	char *text = NULL;

	*len = 0;
	while (*len < SECTION_MOST) {
		char *more = realloc(text, *len + BODY_BLOCK);
		text = more == NULL ? text : more;
		ssize_t n = more == NULL ? -1 : body_read(b, *len, text + *len);
		if (n == -1) {
			free(text);
			return NULL;
		}
		*len += (size_t)n;
		if (n == 0 || has_end(text, *len)) {
			return text;
		}
	}
	free(text);
	errno = EMSGSIZE;
	return NULL;
}

/* What is read ends with the section, or goes on with an empty line; other
   text would be taken for a part of the section. */
static void
part_from_text(struct output *front, const char *rest, size_t len)
{
	size_t cr = len > 0 && rest[0] == '\r';

	if (len <= cr || rest[cr] != '\n') {
		output_text(front, "\r\n");
	}
}

static void
tell(const struct client *c, const struct mail_object *m,
    const struct relay_from_done *done)
{
	const char *id = m->mail->id, *host = c->hop->host;

	log_info("%s: relay-from %s: from=<%s> is sent as <%s>%s%s%s", id, host,
	    m->mail->sender, m->own->value,
	    done->author ? ", and so is From" : "",
	    done->author && done->former[0] != '\0' ? ", which was " : "",
	    done->author ? done->former : "");
	if (done->signature) {
		log_info("%s: relay-from %s: From was signed by DKIM, and that "
			 "signature is broken now",
		    id, host);
	}
}

/* Puts the other section in front of the rest. */
static bool
use(struct mail_object *m, const char *text, size_t len,
    const struct relay_from_done *done)
{
	if (!done->changed) {
		return true;
	}
	part_from_text(&m->front, text + done->len, len - done->len);
	m->body.front = m->front.data;
	m->body.front_len = m->front.len;
	m->body.from += (off_t)done->len;
	m->body.length -= done->len;
	m->author = done->author;
	/* What a seal says of the author is about another. */
	m->sealed = m->sealed && !done->author;
	return !m->front.failed;
}

static bool
fail(struct client *c, int error)
{
	if (error == EMSGSIZE) {
		client_set_verdict(c, OUTCOME_FAILED, "5.6.0",
		    "the header section is too long to get the address that "
		    "host %s wants (relay-from)",
		    c->hop->host);
	} else {
		client_set_verdict(c, OUTCOME_DEFERRED, "4.3.0",
		    "cannot read the queue file: %s", strerror(error));
	}
	return false;
}

/* True if it is a copy for the archive; others go for themselves. */
static bool
is_copy(const struct client *c, const struct mail_object *m)
{
	for (size_t i = 0; i < m->count; i++) {
		if (m->rcpts[i].state == RCPT_TODO) {
			return archive_is_copy(
			    c->config, m->rcpts[i].recipient);
		}
	}
	return false;
}

void
front_find(const struct client *c, struct mail_object *m)
{
	m->own = hop_sender(c->hop, c->config);
	for (size_t i = 0; i < m->count && m->own != NULL; i++) {
		struct rcpt *p = &m->rcpts[i];
		if (p->state != RCPT_TODO || m->mail->sender[0] != '\0' ||
		    strcasecmp(p->recipient->given, m->own->value) != 0 ||
		    strcasecmp(p->recipient->text, m->own->value) == 0) {
			continue;
		}
		p->outcome =
		    (struct outcome){ .kind = OUTCOME_FAILED, .dsn = "5.4.6" };
		snprintf(p->outcome.text, sizeof(p->outcome.text),
		    "a report to %.320s is not sent on through %.255s, whose "
		    "own "
		    "reports come to that address",
		    m->own->value, c->hop->host);
		p->state = RCPT_SETTLED;
	}
}

bool
front_make(struct client *c, struct mail_object *m)
{
	struct relay_from_done done;
	bool copy = is_copy(c, m);
	size_t len;

	if (m->own == NULL || m->fronted) {
		return true;
	}
	output_clear(&m->front);
	const struct relay_from x = { .address = m->own->value,
		.header = m->own->more,
		.automatic = m->mail->sender[0] == '\0' && !copy,
		.host = c->config->hostname };
	char *text = read_section(&m->body, &len);
	if (text == NULL) {
		return fail(c, errno);
	}
	relay_from_head(&x, text, len, &m->front, &done);
	if (copy && done.received > 1 && !mail_is_ours(m->mail)) {
		free(text);
		client_set_verdict(c, OUTCOME_FAILED, "5.4.6",
		    "the message has been here before: its copy for the "
		    "archive may be one that has come back, and with the "
		    "sender of relay-from would go round");
		return false;
	}
	bool good = use(m, text, len, &done);
	free(text);
	if (!good) {
		return fail(c, ENOMEM);
	}
	m->fronted = true;
	tell(c, m, &done);
	return true;
}
