/* SPDX-License-Identifier: ISC */
/* Quoting and unquoting of mailboxes, and their lines.  See mbox.h. */
#include "spool/mbox.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* In front of the name of a field that came in but that mail readers use. */
static const char prefix[] = "X-Restante-";

static const char *const private_fields[] = {
	"Content-Length",
	"Lines",
	"Status",
	"X-IMAP",
	"X-IMAPbase",
	"X-Keywords",
	MBOX_UIDL_FIELD,
	"X-Status",
	"X-UID",
};

/* Octets of the name at text if it is one of private_fields, or 0. */
static size_t
private_field(const char *text, size_t len, bool *imap)
{
	const char *colon = memchr(text, ':', len < 32 ? len : 32);

	if (colon == NULL) {
		return 0;
	}
	size_t n = (size_t)(colon - text);
	for (size_t i = 0;
	     i < sizeof(private_fields) / sizeof(private_fields[0]); i++) {
		if (strlen(private_fields[i]) == n &&
		    strncasecmp(private_fields[i], text, n) == 0) {
			*imap = strcmp(private_fields[i], "X-IMAP") == 0;
			return n;
		}
	}
	return 0;
}

static bool
has_prefix(const char *text, size_t len)
{
	return len >= sizeof(prefix) - 1 &&
	       strncasecmp(text, prefix, sizeof(prefix) - 1) == 0;
}

/* True if a header line gets our prefix. */
static bool
wants_prefix(const char *text, size_t len)
{
	bool imap;

	return has_prefix(text, len) || private_field(text, len, &imap) > 0;
}

/* True if the first character of a line can make it need quoting. */
static bool
may_need_quote(const struct mbox_encoder *e, char c)
{
	return c == 'F' || (e->state == MBOX_LINE_START && !e->body &&
			       c != '\0' && strchr("CcLlSsXx", c) != NULL);
}

/* The prefix that text needs; it is as long as quoting looks. */
static const char *
quote(const struct mbox_encoder *e, const char *text, size_t len)
{
	if (len >= 5 && memcmp(text, "From ", 5) == 0) {
		return ">";
	}
	if (e->state == MBOX_LINE_START && !e->body &&
	    wants_prefix(text, len)) {
		return prefix;
	}
	return NULL;
}

/*
 * At the start of a line, or after the ">"s that it starts with: one more
 * ">" there is the same as one more before.
 */
static bool
encode_start(struct mbox_encoder *e, const char *data, size_t len, bool last,
    const char **in_front)
{
	*in_front = NULL;
	if (may_need_quote(e, *data)) {
		size_t seen = len < MBOX_LOOKAHEAD ? len : MBOX_LOOKAHEAD;
		if (seen < MBOX_LOOKAHEAD && !last &&
		    memchr(data, '\n', seen) == NULL) {
			return false;
		}
		*in_front = quote(e, data, seen);
	}
	e->body = e->body || (e->state == MBOX_LINE_START && *data == '\n');
	e->state = MBOX_IN_LINE;
	return true;
}

size_t
mbox_encode(struct mbox_encoder *e, const char *data, size_t len, bool last,
    mbox_sink *sink, void *context)
{
	size_t out = 0; /* given to the sink */
	size_t at = 0;
	const char *in_front;

	while (at < len) {
		if (e->state != MBOX_IN_LINE && data[at] == '>') {
			e->state = MBOX_IN_QUOTES;
			at++;
			continue;
		}
		if (e->state != MBOX_IN_LINE) {
			if (!encode_start(
				e, data + at, len - at, last, &in_front)) {
				break;
			}
			if (in_front != NULL) {
				sink(context, data + out, at - out);
				sink(context, in_front, strlen(in_front));
				out = at;
			}
		}
		const char *lf = memchr(data + at, '\n', len - at);
		at = lf == NULL ? len : (size_t)(lf - data) + 1;
		e->state = lf == NULL ? MBOX_IN_LINE : MBOX_LINE_START;
	}
	sink(context, data + out, at - out);
	return at;
}

size_t
mbox_from_line(char *text, size_t size, const char *sender, time_t when)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	enum { FROM = 512 };
	char from[FROM];
	struct tm tm = { .tm_mday = 1 };
	size_t n = 0;

	/* One word: the sender ends at a blank when others read the line. */
	for (const char *p = sender; *p != '\0' && n < FROM - 1; p++) {
		from[n++] = *p > ' ' && *p < 0x7f ? *p : '_';
	}
	from[n] = '\0';
	gmtime_r(&when, &tm);
	int len =
	    snprintf(text, size, "From %s %.3s %.3s %2d %02d:%02d:%02d %d\n",
		n > 0 ? from : "MAILER-DAEMON", days + 3 * tm.tm_wday,
		months + 3 * tm.tm_mon, tm.tm_mday, tm.tm_hour, tm.tm_min,
		tm.tm_sec, tm.tm_year + 1900);
	return len < 0 || (size_t)len >= size ? 0 : (size_t)len;
}

/*
 * How many octets at the end of a piece go with the next one: perhaps the CR
 * of a CRLF, or a quote and the start of a From_ line after it.
 */
static size_t
undecided(const char *data, size_t len)
{
	if (data[len - 1] == '\r') {
		return 1;
	}
	for (size_t n = 0; n < 5 && n < len; n++) {
		if (data[len - n - 1] == '>' &&
		    memcmp(data + len - n, "From ", n) == 0) {
			return n + 1;
		}
	}
	return 0;
}

bool
mbox_next_line(struct mbox_window *w, struct mbox_line *line)
{
	const char *data = w->data + w->done;
	size_t len = w->len - w->done;
	const char *lf = memchr(data, '\n', len);
	bool piece = w->full && w->done == 0;

	if (len == 0 || (lf == NULL && !w->last && !piece)) {
		return false;
	}
	line->text = data;
	line->begins = w->begins;
	line->ends = lf != NULL;
	line->size = lf != NULL ? (size_t)(lf - data) + 1 : len;
	line->len = lf != NULL ? line->size - 1 : len;
	if (lf == NULL && !w->last) {
		line->len -= undecided(data, len);
		line->size = line->len;
	}
	if (line->ends && line->len > 0 && data[line->len - 1] == '\r') {
		line->len--;
	}
	w->begins = line->ends;
	w->done += line->size;
	return true;
}

/* ---- From_ lines ---- */

/* What is left of a line; nothing of it is past the end. */
struct words {
	const char *at, *end;
};

static bool
skip_blanks(struct words *w)
{
	const char *from = w->at;

	while (w->at < w->end && (*w->at == ' ' || *w->at == '\t')) {
		w->at++;
	}
	return w->at > from;
}

/* One of words of three letters, run together. */
static bool
skip_name(struct words *w, const char *names)
{
	for (; *names != '\0'; names += 3) {
		if (w->end - w->at >= 3 && strncasecmp(w->at, names, 3) == 0) {
			w->at += 3;
			return true;
		}
	}
	return false;
}

static size_t
skip_digits(struct words *w)
{
	const char *from = w->at;

	while (w->at < w->end && *w->at >= '0' && *w->at <= '9') {
		w->at++;
	}
	return (size_t)(w->at - from);
}

static bool
skip_char(struct words *w, char c)
{
	if (w->at == w->end || *w->at != c) {
		return false;
	}
	w->at++;
	return true;
}

/* hh:mm or hh:mm:ss */
static bool
skip_time(struct words *w)
{
	return skip_digits(w) == 2 && skip_char(w, ':') &&
	       skip_digits(w) == 2 &&
	       (!skip_char(w, ':') || skip_digits(w) == 2);
}

static bool
skip_year(struct words *w)
{
	const char *year = w->at;

	return skip_digits(w) == 4 && (*year == '1' || *year == '2') &&
	       (w->at == w->end || *w->at == ' ' || *w->at == '\t');
}

/* A year, maybe after a zone: "CET", "+0100", "Europe/Berlin". */
static bool
skip_zone_and_year(struct words *w)
{
	struct words again = *w;

	if (skip_year(w)) {
		return true;
	}
	*w = again;
	while (w->at < w->end && *w->at != ' ' && *w->at != '\t') {
		w->at++;
	}
	return skip_blanks(w) && skip_year(w);
}

/* The sender, whose local part may be quoted. */
static void
skip_sender(struct words *w)
{
	bool quoted = false;

	for (; w->at < w->end && (quoted || (*w->at != ' ' && *w->at != '\t'));
	     w->at++) {
		quoted = quoted != (*w->at == '"');
	}
}

/*
 * As asctime(3) writes it, with a zone or not: "Sun Nov 22 07:00:00 2026"; or
 * as in a message, "Sun, 22 Nov 2026 07:00:00".  A text that mentions a time
 * and a year is none.
 */
static bool
has_date(const char *text, size_t len)
{
	static const char days[] = "MonTueWedThuFriSatSun";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct words w = { .at = text, .end = text + len };

	skip_sender(&w);
	if (!skip_blanks(&w) || !skip_name(&w, days)) {
		return false;
	}
	bool comma = skip_char(&w, ',');
	if (!skip_blanks(&w)) {
		return false;
	}
	if (comma) {
		return skip_digits(&w) - 1 < 2 && skip_blanks(&w) &&
		       skip_name(&w, months) && skip_blanks(&w) &&
		       skip_year(&w) && skip_blanks(&w) && skip_time(&w);
	}
	return skip_name(&w, months) && skip_blanks(&w) &&
	       skip_digits(&w) - 1 < 2 && skip_blanks(&w) && skip_time(&w) &&
	       skip_blanks(&w) && skip_zone_and_year(&w);
}

bool
mbox_is_from(const struct mbox_line *line, bool strict)
{
	if (!line->begins || line->len < 6 ||
	    memcmp(line->text, "From ", 5) != 0) {
		return false;
	}
	return !strict || has_date(line->text + 5, line->len - 5);
}

bool
mbox_is_imapbase(const struct mbox_line *line)
{
	bool imap;
	size_t n = private_field(line->text, line->len, &imap);

	return n > 0 && (imap || strncasecmp(line->text, "X-IMAPbase", n) == 0);
}

bool
mbox_content_length(const struct mbox_line *line, int64_t *octets)
{
	static const char name[] = "Content-Length:";
	size_t i = sizeof(name) - 1, digits = 0;

	if (!line->begins || line->len < i ||
	    strncasecmp(line->text, name, i) != 0) {
		return false;
	}
	*octets = 0;
	for (; i < line->len && (line->text[i] == ' ' || line->text[i] == '\t');
	     i++) {
		continue;
	}
	for (; i < line->len && line->text[i] >= '0' && line->text[i] <= '9';
	     i++, digits++) {
		*octets = *octets * 10 + (line->text[i] - '0');
	}
	return i == line->len && digits > 0 && digits < 16;
}

/* A header line: whether it is shown, and without our prefix. */
static bool
decode_header(struct mbox_decoder *d, struct mbox_line *line)
{
	bool imap = false;

	if (line->len == 0 && line->ends) {
		d->body = true;
		return true;
	}
	if (line->len > 0 && (line->text[0] == ' ' || line->text[0] == '\t')) {
		return !d->hidden; /* a continuation */
	}
	d->hidden = private_field(line->text, line->len, &imap) > 0;
	d->pseudo = d->pseudo || imap;
	size_t n = sizeof(prefix) - 1;
	if (has_prefix(line->text, line->len) &&
	    wants_prefix(line->text + n, line->len - n)) {
		line->text += n;
		line->len -= n;
	}
	return !d->hidden;
}

/* Takes one ">" off a line that is a quoted From_ line. */
static void
unquote(struct mbox_decoder *d, struct mbox_line *line)
{
	size_t n = 0;

	while (n < line->len && line->text[n] == '>') {
		n++;
	}
	d->quotes = n == line->len && n > 0;
	if (n > 0 && line->len - n >= 5 &&
	    memcmp(line->text + n, "From ", 5) == 0) {
		line->text++;
		line->len--;
	}
}

bool
mbox_decode(struct mbox_decoder *d, struct mbox_line *line)
{
	bool begins = line->begins;

	if ((begins || d->quotes) && line->len > 0 && line->text[0] == '>') {
		unquote(d, line);
	} else if (begins) {
		d->quotes = false;
	}
	if (begins && !d->body) {
		return decode_header(d, line);
	}
	return d->body || !d->hidden;
}
