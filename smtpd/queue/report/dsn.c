/* SPDX-License-Identifier: ISC */
/* Reports: the frame, the part for programs, and what is sent back. */
#include "smtpd/queue/report/dsn_private.h"

#include "common/keeper/dkim_keys.h"
#include "common/text/date.h"
#include "common/text/xtext.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { BOUNDARY = 24, PIECE = 65536, LONGEST_ID = 250, DIAGNOSTIC = 2048 };

static const struct mail *
mail_of(const struct dsn *d)
{
	return &d->file->mail;
}

static bool
has_kind(const struct dsn *d, enum report_kind kind)
{
	for (size_t i = 0; i < d->count; i++) {
		if (d->recipients[i].kind == kind) {
			return true;
		}
	}
	return false;
}

/* RFC 3461 section 4.3: RET applies only to failures. */
static enum dsn_return
what_returns(const struct dsn *d)
{
	const struct mail *m = mail_of(d);

	if (!has_kind(d, REPORT_FAILED) || m->ret == RET_HDRS || m->need_tls) {
		return DSN_HEADER_ASKED;
	}
	/* A report that failed must not lose the message that it is about. */
	bool asked = m->ret == RET_FULL || d->undelivered;
	return m->size <= (asked ? DSN_ASKED : DSN_WHOLE) ? DSN_MESSAGE
	                                                  : DSN_HEADER_LARGE;
}

/* ---- the header section ---- */

/* The value of a Message-ID field at line, if it is a sane one. */
static bool
parse_id(const char *line, const char *end, char id[LONGEST_ID + 1])
{
	size_t n = 0;

	line += strlen("Message-ID:");
	while (line < end && isspace((unsigned char)*line)) {
		line++;
	}
	while (line + n < end && n < LONGEST_ID && line[n] > ' ' &&
	       line[n] < 0x7f && (n == 0 || line[n - 1] != '>')) {
		id[n] = line[n];
		n++;
	}
	id[n] = '\0';
	return n > 2 && id[0] == '<' && id[n - 1] == '>';
}

/* The Message-ID of the message, from the first piece of it, or "". */
static int
message_id(const struct queue_file *file, char id[LONGEST_ID + 1])
{
	char *text = malloc(PIECE);
	ssize_t n =
	    text == NULL ? -1 : pread(file->fd, text, PIECE, file->body);

	for (char *line = text; n > 0 && line < text + n && *line != '\r';) {
		char *end = text + n;
		if (end - line > 11 &&
		    strncasecmp(line, "Message-ID:", 11) == 0 &&
		    parse_id(line, end, id)) {
			break;
		}
		id[0] = '\0';
		line = memchr(line, '\n', (size_t)(end - line));
		line = line == NULL ? end : line + 1;
	}
	free(text);
	return n == -1 ? -1 : 0;
}

static const char *
subject_of(const struct dsn *d)
{
	return d->undelivered                  ? "Undeliverable report: "
	       : has_kind(d, REPORT_FAILED)    ? "Mail not delivered: "
	       : has_kind(d, REPORT_DELAYED)   ? "Mail delayed: "
	       : has_kind(d, REPORT_DELIVERED) ? "Mail delivered: "
	       : has_kind(d, REPORT_RELAYED)   ? "Mail passed on: "
	                                       : "Mail delivered to a list: ";
}

static const char *
given_address(const struct dsn *d, size_t i)
{
	const struct mail *m = mail_of(d);
	const struct recipient *r = &m->recipients[d->recipients[i].recipient];

	return r->given[0] != '\0' ? r->given : r->text;
}

/*
 * The domain of the author: reports are signed in its name, so that it has to
 * be one with a key, if there is one.
 */
static const char *
author_domain(const struct config *config)
{
	return config->ndomains > 0 &&
	               !dkim_keys_folder(config, config->hostname, 0) &&
	               dkim_keys_folder(config, config->domains[0], 0)
	           ? config->domains[0]
	           : config->hostname;
}

static int
put_header(const struct dsn *d, struct wrap *w, const char *boundary)
{
	char id[LONGEST_ID + 1] = "", when[DATE_SIZE], title[2 * MAIL_TEXT];
	const char *host = d->config->hostname;

	if (message_id(d->file, id) == -1) {
		return -1;
	}
	date_text(d->now, when);
	wrap_line(w, "From: Mail Delivery System <MAILER-DAEMON@%s>",
	    author_domain(d->config));
	wrap_field(w, "To", "", d->to);
	snprintf(title, sizeof(title), "%s%s%s", subject_of(d),
	    given_address(d, 0), d->count > 1 ? ", and others" : "");
	wrap_field(w, "Subject", "", title);
	wrap_line(w, "Date: %s", when);
	wrap_line(w, "Message-ID: <%s@%s>", d->id, host);
	if (id[0] != '\0') {
		wrap_field(w, "In-Reply-To", "", id);
		wrap_field(w, "References", "", id);
	}
	wrap_line(w, "Auto-Submitted: auto-replied");
	wrap_line(w, "MIME-Version: 1.0");
	wrap_line(w, "Content-Type: multipart/report;");
	wrap_line(w, " report-type=delivery-status; boundary=\"%s\"", boundary);
	wrap_line(w, "%s", "");
	wrap_line(w, "This is a report in the format of RFC 3464.");
	return 0;
}

/* ---- message/delivery-status, RFC 3464 section 2 ---- */

static void
put_message_fields(const struct dsn *d, struct wrap *w)
{
	char envid[MAIL_ENVID + 1], when[DATE_SIZE];
	const struct mail *m = mail_of(d);

	wrap_field(w, "Reporting-MTA", "dns;", d->config->hostname);
	if (m->envid[0] != '\0' && xtext_decode(m->envid, strlen(m->envid),
				       envid, sizeof(envid)) > 0) {
		wrap_field(w, "Original-Envelope-Id", "", envid);
	}
	date_text(m->arrival, when);
	wrap_line(w, "Arrival-Date: %s", when);
	if (m->by.mode != BY_UNSAID) {
		date_text(m->by.time, when);
		wrap_line(w, "Deliver-By-Date: %s", when);
	}
}

/* "rfc822;bob+2Bnews@example.org", as the sender wrote it. */
static void
put_original(struct wrap *w, const char *orcpt)
{
	char type[64], text[MAIL_ORCPT + 1];
	const char *semicolon = strchr(orcpt, ';');

	if (semicolon == NULL || semicolon == orcpt ||
	    semicolon - orcpt > (int)sizeof(type) - 2 ||
	    xtext_decode(semicolon + 1, strlen(semicolon + 1), text,
		sizeof(text)) <= 0) {
		return;
	}
	snprintf(
	    type, sizeof(type), "%.*s", (int)(semicolon - orcpt) + 1, orcpt);
	for (const char *c = type; *c != '\0'; c++) {
		if (*c <= ' ' || *c >= 0x7f) {
			return;
		}
	}
	wrap_field(w, "Original-Recipient", type, text);
}

static bool
is_ascii(const char *text)
{
	while (*text != '\0' && (unsigned char)*text < 0x80) {
		text++;
	}
	return *text == '\0';
}

/* The names of files and commands are kept private. */
static void
put_final(const struct dsn *d, struct wrap *w, const struct recipient *r)
{
	char address[2 * MAIL_TEXT];
	const char *text = r->target == TARGET_ADDRESS ? r->text
	                   : r->given[0] != '\0'       ? r->given
	                   : r->target == TARGET_USER  ? r->text
	                                               : "postmaster";
	bool whole = strchr(text, '@') != NULL;

	snprintf(address, sizeof(address), "%s%s%s", text, whole ? "" : "@",
	    whole ? "" : d->config->hostname);
	wrap_field(w, "Final-Recipient",
	    d->utf8 && !is_ascii(address) ? "utf-8;" : "rfc822;", address);
}

static const char *
status_of(const struct report_recipient *r)
{
	static const char *const usual[] = {
		[REPORT_FAILED] = "5.0.0",
		[REPORT_DELAYED] = "4.0.0",
		[REPORT_DELIVERED] = "2.0.0",
		[REPORT_RELAYED] = "2.0.0",
		[REPORT_EXPANDED] = "2.0.0",
	};
	const char *s = r->dsn;

	/* RFC 3463 section 2: "5.1.1", numbers of at most three digits. */
	size_t a = strspn(s, "245"), b, c;
	bool good = a == 1 && s[1] == '.' &&
	            (b = strspn(s + 2, "0123456789")) - 1 < 3 &&
	            s[2 + b] == '.' &&
	            (c = strspn(s + 3 + b, "0123456789")) - 1 < 3 &&
	            s[3 + b + c] == '\0';
	return good ? s : usual[r->kind];
}

/* "mx.example.org[192.0.2.1]:25" */
static void
put_remote(struct wrap *w, const char *host)
{
	char name[300];
	size_t n = strcspn(host, "[:");

	if (n == 0 && host[0] == '[') {
		n = strcspn(host, "]") + 1;
	}
	if (n > 0 && n < sizeof(name) && strcmp(host, "local") != 0 &&
	    strlen(host) >= n) {
		snprintf(name, sizeof(name), "%.*s", (int)n, host);
		wrap_field(w, "Remote-MTA", "dns;", name);
	}
}

/* RFC 3464 section 2.3.6: what the server said, without what we add. */
static void
put_diagnostic(struct wrap *w, const struct report_recipient *r)
{
	bool reply = strspn(r->text, "0123456789") == 3;
	const char *ours = NULL, *next = r->text;
	char text[DIAGNOSTIC];

	while (reply && r->kind != REPORT_RELAYED &&
	       (next = strstr(next, " (in reply to ")) != NULL) {
		ours = next++;
	}
	size_t len = strlen(r->text);
	if (ours != NULL && r->text[len - 1] == ')') {
		len = (size_t)(ours - r->text);
	}
	snprintf(text, sizeof(text), "%.*s", (int)len, r->text);
	wrap_field(w, "Diagnostic-Code", reply ? "smtp;" : "x-restante;", text);
}

static void
put_recipient_fields(
    const struct dsn *d, struct wrap *w, const struct report_recipient *r)
{
	static const char *const actions[] = {
		[REPORT_FAILED] = "failed",
		[REPORT_DELAYED] = "delayed",
		[REPORT_DELIVERED] = "delivered",
		[REPORT_RELAYED] = "relayed",
		[REPORT_EXPANDED] = "expanded",
	};
	const struct recipient *to = &mail_of(d)->recipients[r->recipient];
	char when[DATE_SIZE];

	wrap_line(w, "%s", "");
	put_original(w, to->orcpt);
	put_final(d, w, to);
	wrap_line(w, "Action: %s", actions[r->kind]);
	wrap_line(w, "Status: %s", status_of(r));
	put_remote(w, r->host);
	if (r->text[0] != '\0') {
		put_diagnostic(w, r);
	}
	if (r->tried != 0) {
		date_text(r->tried, when);
		wrap_line(w, "Last-Attempt-Date: %s", when);
	}
	if (r->kind == REPORT_DELAYED) {
		date_text(d->until, when);
		wrap_line(w, "Will-Retry-Until: %s", when);
	}
}

static void
put_status(const struct dsn *d, struct wrap *w)
{
	w->ascii = !d->utf8;
	wrap_line(w, "Content-Description: Delivery report");
	wrap_line(w, "Content-Type: message/%sdelivery-status",
	    d->utf8 ? "global-" : "");
	if (d->utf8) {
		wrap_line(w, "Content-Transfer-Encoding: 8bit");
	}
	wrap_line(w, "%s", "");
	put_message_fields(d, w);
	for (size_t i = 0; i < d->count; i++) {
		put_recipient_fields(d, w, &d->recipients[i]);
	}
}

/* ---- the message ---- */

/*
 * How much of a piece belongs to the header section, which ends in an empty
 * line.  seen: octets of CR LF CR LF that were last; 4: it is over.
 */
static size_t
header_part(const char *data, size_t len, size_t *seen)
{
	for (size_t i = 0; i < len; i++) {
		bool cr = *seen % 2 == 0;
		*seen = data[i] == (cr ? '\r' : '\n') ? *seen + 1
		        : data[i] == '\r'             ? 1
		                                      : 0;
		if (*seen == 4) {
			return i + 1;
		}
	}
	return len;
}

static int
copy_message(const struct dsn *d, struct wrap *w, bool header, off_t size)
{
	char *data = malloc(PIECE);
	size_t seen = 2; /* an empty header section ends with one CR LF */
	off_t at = 0;

	while (data != NULL && at < size && seen < 4) {
		size_t want = size - at < PIECE ? (size_t)(size - at) : PIECE;
		ssize_t n = pread(d->file->fd, data, want, d->file->body + at);
		if (n <= 0) {
			errno = n == 0 ? EIO : errno;
			break;
		}
		size_t len =
		    header ? header_part(data, (size_t)n, &seen) : (size_t)n;
		for (size_t i = 0; i < len && !w->eight_bit; i++) {
			w->eight_bit = (data[i] & 0x80) != 0;
		}
		fwrite(data, 1, len, w->out);
		at += n;
	}
	bool good = data != NULL && (at >= size || seen == 4);
	int error = errno;
	free(data);
	errno = error;
	return good ? 0 : -1;
}

static int
put_returned(const struct dsn *d, struct wrap *w)
{
	const struct mail *m = mail_of(d);
	bool header = what_returns(d) != DSN_MESSAGE;
	off_t size = (off_t)m->size;

	wrap_line(w, "Content-Description: %s",
	    header ? "Header of your message" : "Your message");
	wrap_line(w, "Content-Type: %s",
	    header ? d->utf8 ? "message/global-headers" : "text/rfc822-headers"
	    : d->utf8 ? "message/global"
		      : "message/rfc822");
	wrap_line(w, "Content-Transfer-Encoding: 8bit");
	wrap_line(w, "%s", "");
	return copy_message(
	    d, w, header, header && size > DSN_HEADER ? DSN_HEADER : size);
}

int
dsn_compose(const struct dsn *d, FILE *out, bool *eight_bit)
{
	static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	struct wrap w = { .out = out, .eol = "\r\n", .ascii = !d->utf8 };
	char boundary[BOUNDARY + 1] = "";

	/* Random, so that no message can contain it. */
	for (int i = 0; i < BOUNDARY; i++) {
		boundary[i] = letters[arc4random_uniform(sizeof(letters) - 1)];
	}
	if (put_header(d, &w, boundary) == -1) {
		return -1;
	}
	wrap_line(&w, "\r\n--%s", boundary);
	dsn_text(d, what_returns(d), &w);
	wrap_line(&w, "\r\n--%s", boundary);
	put_status(d, &w);
	wrap_line(&w, "\r\n--%s", boundary);
	if (put_returned(d, &w) == -1) {
		return -1;
	}
	wrap_line(&w, "\r\n--%s--", boundary);
	*eight_bit = w.eight_bit;
	return ferror(out) ? -1 : 0;
}
