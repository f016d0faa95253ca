/* SPDX-License-Identifier: ISC */
/* Runs with the rights of the queue's owner. */
#include "smtpd/local/reply.h"

#include "common/io/file.h"
#include "common/log/log.h"
#include "common/mime/header.h"
#include "common/mime/word.h"
#include "common/process/sandbox.h"
#include "common/text/date.h"
#include "spool/queue.h"
#include "spool/vacation.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	LOOKED_AT = 64 * 1024, /* octets of a header section */
	TITLE = 600,           /* octets of a subject */
	ID = 250,              /* of a message-id */
	IDS = 20,              /* of References, the last ones */
	LINE = 900,            /* octets of a line of text */
};

/* ---- the text ---- */

static bool
is_ascii(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if ((text[i] & 0x80) != 0) {
			return false;
		}
	}
	return true;
}

/* The start of a field of the message as one line, or "". */
static void
copy_field(const struct reply *r, const char *name, char *out, size_t size)
{
	const char *at = r->header, *end = at + r->header_len;
	struct field f;

	out[0] = '\0';
	while (header_next(&at, end, &f)) {
		if (!header_is(&f, name)) {
			continue;
		}
		f.value_len = f.value_len < size ? f.value_len : size - 1;
		if (header_unfold(&f, out, size) == -1) {
			out[0] = '\0';
		}
		return;
	}
}

/* Control characters become blanks: nobody forges a field. */
static void
clean(char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f) {
			*text = ' ';
		}
	}
}

static void
put_subject(const struct reply *r, FILE *out)
{
	char title[TITLE + sizeof("Auto: ")] = "Auto: ";
	char coded[WORD_ENCODED(sizeof(title))];

	if (r->subject[0] != '\0') {
		strlcpy(title, r->subject, sizeof(title));
	} else {
		copy_field(r, "Subject", title + 6, TITLE);
	}
	clean(title);
	/* Encoded words of the sender stay as they are. */
	if (is_ascii(title, strlen(title))) {
		fprintf(out, "Subject: %s\r\n", title);
	} else if (word_encode(WORD_TEXT, title, strlen(title), 9, "\r\n",
		       coded, sizeof(coded)) != -1) {
		fprintf(out, "Subject: %s\r\n", coded);
	}
}

/* The next message-id of a list; NULL: there is none. */
static const char *
next_id(const char *text, size_t *len)
{
	while ((text = strchr(text, '<')) != NULL) {
		*len = strcspn(text, "> \t") + 1;
		if (*len > 3 && *len < ID && text[*len - 1] == '>' &&
		    is_ascii(text, *len)) {
			return text;
		}
		text++;
	}
	return NULL;
}

/* In-Reply-To and References, RFC 5322 section 3.6.4. */
static void
put_references(const struct reply *r, FILE *out)
{
	char id[ID * 2], list[8 * 1024];
	size_t len, count = 0, skip = 0;

	copy_field(r, "Message-ID", id, sizeof(id));
	const char *own = next_id(id, &len);
	if (own == NULL) {
		return;
	}
	fprintf(out, "In-Reply-To: %.*s\r\nReferences:", (int)len, own);
	copy_field(r, "References", list, sizeof(list));
	size_t n;
	for (const char *p = list; (p = next_id(p, &n)) != NULL; p += n) {
		count++;
	}
	skip = count > IDS ? count - IDS : 0;
	for (const char *p = list; (p = next_id(p, &n)) != NULL; p += n) {
		if (skip > 0) {
			skip--;
		} else {
			fprintf(out, " %.*s\r\n", (int)n, p);
		}
	}
	fprintf(out, " %.*s\r\n", (int)len, own);
}

/* The user's text in lines of the wire. */
static void
put_text(const struct reply *r, FILE *out)
{
	size_t column = 0;

	for (size_t i = 0; i < r->len; i++) {
		unsigned char c = (unsigned char)r->text[i];
		bool start = (c & 0xc0) != 0x80; /* of a character */
		if (c == '\n' || (column >= LINE && start)) {
			fputs("\r\n", out);
			column = 0;
		}
		if (c != '\n' && c != '\r' && c != '\0') {
			putc(c, out);
			column++;
		}
	}
	if (column > 0) {
		fputs("\r\n", out);
	}
}

void
reply_compose(const struct reply *r, FILE *out, bool *eight_bit)
{
	char when[DATE_SIZE];

	*eight_bit = !is_ascii(r->text, r->len);
	date_text(r->now, when);
	fprintf(out, "From: <%s>\r\nTo: <%s>\r\n", r->own, r->to);
	put_subject(r, out);
	fprintf(
	    out, "Date: %s\r\nMessage-ID: <%s@%s>\r\n", when, r->id, r->host);
	put_references(r, out);
	fprintf(out,
	    "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: %s\r\n\r\n",
	    *eight_bit ? "8bit" : "7bit");
	put_text(r, out);
}

/* ---- into the queue ---- */

/* The answer in a file; its descriptor, or -1. */
static int
write_reply(const struct reply *r, const char *directory, bool *eight_bit)
{
	int fd = file_unnamed(directory);
	int copy = fd == -1 ? -1 : dup(fd);
	FILE *out = copy == -1 ? NULL : fdopen(copy, "w");

	if (out != NULL) {
		reply_compose(r, out, eight_bit);
		bool written = ferror(out) == 0;
		if (fclose(out) == 0 && written) {
			return fd;
		}
	} else if (copy != -1) {
		close(copy);
	}
	int error = errno;
	if (fd != -1) {
		close(fd);
	}
	errno = error;
	return -1;
}

/* Commit point: after a 0 the answer is durable in the queue. */
static int
commit_reply(const struct reply *r, const char *path, struct mail *m)
{
	const struct recipient to = { .target = TARGET_ADDRESS,
		.text = r->to,
		.given = "",
		.owner = "",
		.orcpt = "",
		.notify = NOTIFY_NEVER };
	struct queue_body body = { .length = -1, .wire = true };
	struct queue queue;

	if (mail_add(m, &to) == -1 || queue_open(&queue, path) == -1) {
		return -1;
	}
	body.fd = write_reply(r, path, &m->eight_bit);
	int result = body.fd == -1 ? -1 : queue_commit(&queue, m, &body);
	/* It was committed before, and then there was a crash. */
	result = body.fd != -1 && result == -1 && errno == EEXIST ? 0 : result;
	int error = errno;
	if (body.fd != -1) {
		close(body.fd);
	}
	queue_close(&queue);
	errno = error;
	return result;
}

/* Makes the envelope, under an id of its own; on the account of whoever wrote
   the message. */
static void
make_envelope(const struct away *a, uint32_t number, struct mail *m)
{
	const struct mail *from = &a->message->mail;
	bool stranger = from->user[0] == '\0' && from->client[0] != '\0';
	struct mail_derived d;

	mail_init(m);
	mail_derive(&d, from->id);
	mail_derive_add(&d, "vacation", number);
	mail_derived_id(&d, m->id);
	m->need_tls = from->need_tls;
	strlcpy(
	    m->client, stranger ? from->client : "local", sizeof(m->client));
}

/* Cuts what the user's process has said into its parts; false: it is not what
   one of ours says. */
static bool
cut_text(const struct away *a, char *said, size_t len, struct reply *r)
{
	char *eol = memchr(said, '\n', len);
	char *end = eol == NULL
	                ? NULL
	                : memchr(eol + 1, '\n', len - (size_t)(eol + 1 - said));
	struct address own;
	const char *rest;

	if (end == NULL || memchr(said, '\0', len) != NULL) {
		return false;
	}
	*eol = *end = '\0';
	r->own = said;
	r->subject = eol + 1;
	r->text = end + 1;
	r->len = len - (size_t)(end + 1 - said);
	return address_path_utf8(said, &own, &rest) == PATH_OK &&
	       *rest == '\0' &&
	       expand_is_user(a->expand, &own, a->recipient->text);
}

void
reply_queue(const struct away *a, uint32_t number, const char *text, size_t len,
    struct verdict *v)
{
	static char said[FORWARD_SIZE], header[LOOKED_AT];
	const struct config *config = a->expand->config;
	char sender[ADDRESS_TEXT];
	struct mail m;
	struct reply r = { .to = a->message->mail.sender,
		.header = header,
		.host = config->hostname,
		.now = time(NULL) };

	verdict_set(v, OUTCOME_DEFERRED, "4.3.0", "no answer");
	memcpy(said, text, len < sizeof(said) ? len : sizeof(said));
	if ((sandbox_can_confine_runner() &&
		sandbox_task(SANDBOX_ASKER, config->queue) == -1) ||
	    len > sizeof(said) || !cut_text(a, said, len, &r)) {
		return;
	}
	ssize_t n = file_read_some(a->message->text, header, sizeof(header), 0);
	r.header_len = n > 0 ? (size_t)n : 0;
	make_envelope(a, number, &m);
	m.utf8 =
	    !is_ascii(r.own, strlen(r.own)) || !is_ascii(r.to, strlen(r.to));
	r.id = m.id;
	if (commit_reply(&r, config->queue, &m) == 0) {
		verdict_set(v, OUTCOME_EXPANDED, "2.0.0", "answered");
		log_info("%s: vacation: %s answers <%s>: %s",
		    a->message->mail.id, a->recipient->text,
		    log_path(r.to, sender, sizeof(sender)), m.id);
	} else {
		log_warn("%s: vacation: cannot queue the answer of %s: %s",
		    a->message->mail.id, a->recipient->text, strerror(errno));
	}
	mail_free(&m);
}
