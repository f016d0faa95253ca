/* SPDX-License-Identifier: ISC */
/*
 * Finds reports in a file: one by itself, or in messages, of which a mailbox
 * has many.  Runs in a sandbox.
 */
#include "smtpd/admin/reports_private.h"

#include "common/auth/results.h"
#include "common/auth/results_read.h"
#include "common/io/deadline.h"
#include "common/io/file.h"
#include "common/mime/multipart.h"
#include "common/mime/qp.h"
#include "common/text/base64.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	PIECE = 64 * 1024,
	FIRST = 16, /* octets that tell what a file is */
	FIELD = 8 * 1024,
	PATIENCE = 40000, /* ms; who waits for us does for longer, reports.c */
};

static const char too_large[] = "it is larger than any report";

/* Messages that are being read. */
struct reader {
	const struct config *config;
	struct report_sum *sum;
	char *part, *room; /* of an attachment: decoded, unpacked */
	size_t len;
	bool wanted, large; /* the part in hand */

	bool inside;          /* a message has begun */
	unsigned messages;    /* so far */
	bool is_report;       /* its Subject says so */
	bool judged, vouched; /* by us, when it came in */
	bool said;            /* what is wrong with it */
	size_t left;          /* octets that it may still unpack to */
	size_t plenty;        /* and all of them, see REPORT_PLENTY */
	int64_t deadline;     /* no message begins after it */
	bool late;

	/* The end of the line before: a From_ line follows an empty one. */
	bool line_start, blank;

	struct multipart m;
	struct base64_decoder base64;
	struct qp_decoder qp;
	char field[FIELD];
	char header[HEADER_KEPT];
};

/* ---- a part ---- */

/* What may be a report, by its type: many write types of their own for what is
   packed.  What it begins with decides. */
static bool
is_wanted(const struct multipart_part *p)
{
	static const char *const starts[] = { "application/", "binary/",
		"text/xml" };

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		if (p->kind == MULTIPART_LEAF &&
		    strncasecmp(p->type, starts[i], strlen(starts[i])) == 0) {
			return true;
		}
	}
	return false;
}

static void
keep(struct reader *r, const char *data, size_t len)
{
	size_t room = REPORT_PACKED - r->len;

	r->large = r->large || len > room;
	len = len < room ? len : room;
	memcpy(r->part + r->len, data, len);
	r->len += len;
}

static void
decode(struct reader *r, const char *data, size_t len, enum transfer transfer)
{
	char out[1024];
	size_t n;

	if (transfer != TRANSFER_BASE64 && transfer != TRANSFER_QP) {
		keep(r, data, len);
		return;
	}
	while (len > 0 && !r->large) {
		size_t used =
		    transfer == TRANSFER_BASE64
			? base64_decode_lines(
			      &r->base64, data, len, out, sizeof(out), &n)
			: qp_decode(&r->qp, data, len, out, sizeof(out), &n);
		keep(r, out, n);
		data += used;
		len -= used;
	}
}

/* Says what is wrong with the message, once. */
static void
say(struct reader *r, const char *why)
{
	char what[40];

	snprintf(what, sizeof(what), "message %u", r->messages);
	if (!r->said) {
		report_problem(r->sum, what, why);
	}
	r->said = true;
}

/* What an attachment may unpack to.  What a mailbox costs so depends on its
   size, and not on what strangers have packed into it. */
static struct report_bound
bound(const struct reader *r)
{
	struct report_bound b = { r->left,
		r->left == REPORT_UNPACKED
		    ? too_large
		    : "its attachments together are larger than any report" };
	size_t fair = REPORT_TIMES * r->len;

	fair = fair > r->plenty ? fair : r->plenty;
	if (fair < b.left) {
		b.left = fair;
		b.why = "it unpacks to far more than a report, after others "
			"that did";
	}
	return b;
}

/* Reads the attachment in hand. */
static void
unpack(struct reader *r)
{
	struct report_bound b = bound(r);
	uint32_t problems = r->sum->nproblems;
	size_t left = b.left;
	char what[40];

	snprintf(what, sizeof(what), "message %u", r->messages);
	(void)report_unpack(r->part, r->len, r->room, &b, r->sum,
	    r->is_report && !r->said ? what : NULL);
	r->said = r->said || r->sum->nproblems > problems;
	size_t used = left - b.left;
	r->left -= used;
	r->plenty -= used < r->plenty ? used : r->plenty;
}

_Static_assert((int)BASE64_ROOM >= (int)QP_ROOM, "see end_part()");

static void
end_part(struct reader *r, enum transfer transfer)
{
	char out[BASE64_ROOM];

	if (transfer == TRANSFER_BASE64) {
		keep(r, out, base64_decode_end(&r->base64, out));
	} else if (transfer == TRANSFER_QP) {
		keep(r, out, qp_decode_end(&r->qp, out));
	}
	r->wanted = false;
	if (r->judged && !r->vouched) {
		r->sum->unvouched += r->is_report;
		return;
	}
	if (!r->large) {
		unpack(r);
	} else if (r->is_report) {
		say(r, too_large);
	}
}

/* ---- a message ---- */

/* True if that is our field, and DMARC passed. */
static bool
is_pass(const struct reader *r, const struct field *f)
{
	struct span value = { f->value, f->value_len }, rest;
	struct results_item item;

	if (!results_of(value, r->config->auth_id, &rest)) {
		return false;
	}
	while (results_next(&rest, &item)) {
		if (results_is(&item, "dmarc", "pass")) {
			return true;
		}
	}
	return false;
}

/* What the header of the message itself says. */
static void
take_field(struct reader *r, const char *text, size_t len)
{
	struct field f;

	if (!header_split(text, len, &f)) {
		return;
	}
	if (header_is(&f, "Subject")) {
		r->is_report =
		    header_unfold(&f, r->field, sizeof(r->field)) != -1 &&
		    strcasestr(r->field, "report domain") != NULL;
	} else if (!r->judged && results_is_ours(&f, r->config->auth_id)) {
		r->judged = true;
		r->vouched = is_pass(r, &f);
	}
}

static void
take_events(struct reader *r)
{
	enum multipart_event event;

	while ((event = multipart_next(&r->m)) != MULTIPART_MORE &&
	       event != MULTIPART_DONE) {
		const struct multipart_part *p = multipart_part(&r->m);
		switch (event) {
		case MULTIPART_FIELD:
			if (r->m.depth == 0) {
				take_field(r, r->m.text, r->m.len);
			}
			break;
		case MULTIPART_HEADER:
			r->wanted = is_wanted(p);
			r->large = false;
			r->len = 0;
			memset(&r->base64, 0, sizeof(r->base64));
			memset(&r->qp, 0, sizeof(r->qp));
			break;
		case MULTIPART_BODY:
			if (r->wanted) {
				decode(r, r->m.text, r->m.len, p->transfer);
			}
			break;
		case MULTIPART_END:
			if (r->wanted) {
				end_part(r, p->transfer);
			}
			break;
		case MULTIPART_MORE:
		case MULTIPART_BEGIN:
		case MULTIPART_PIECE:
		case MULTIPART_AROUND:
		case MULTIPART_DELIMITER:
		case MULTIPART_DONE:
			break;
		}
	}
}

static void
end_message(struct reader *r)
{
	if (r->inside) {
		multipart_finish(&r->m);
		take_events(r);
		r->inside = false;
	}
}

static void
begin_message(struct reader *r)
{
	end_message(r);
	multipart_init(&r->m, r->header, sizeof(r->header));
	r->inside = true;
	r->wanted = r->is_report = r->judged = r->vouched = r->said = false;
	r->left = REPORT_UNPACKED;
	r->messages++;
	if (deadline_now() > r->deadline) {
		r->late = true;
		say(r, "not read, nor what follows it: all of it would take "
		       "longer than reports do");
	}
}

/* ---- a mailbox ---- */

/* Takes a line, or a part of a long one. */
static void
take_line(struct reader *r, const char *line, size_t len)
{
	bool starts = r->line_start;
	bool from =
	    starts && r->blank && len >= 5 && memcmp(line, "From ", 5) == 0;

	if (from || !r->inside) {
		begin_message(r);
	}
	r->line_start = line[len - 1] == '\n';
	r->blank = starts && (len == 1 || (len == 2 && line[0] == '\r')) &&
	           r->line_start;
	if (!from) {
		multipart_feed(&r->m, line, len);
		take_events(r);
	}
}

/* Reads on; what is left of the last line goes to the front. */
static int
read_messages(struct reader *r, int fd, const char *first, size_t n)
{
	static char piece[PIECE];
	ssize_t more;

	memcpy(piece, first, n);
	r->line_start = r->blank = true;
	r->plenty = REPORT_PLENTY;
	r->deadline = deadline_now() + PATIENCE;
	do {
		more = file_next(fd, piece + n, sizeof(piece) - n);
		if (more == -1) {
			return -1;
		}
		n += (size_t)more;
		size_t at = 0;
		while (at < n && !r->late) {
			const char *end = memchr(piece + at, '\n', n - at);
			/* A line that is not over waits for its end, if there
			   is room. */
			if (end == NULL && more > 0 &&
			    (at > 0 || n < sizeof(piece))) {
				break;
			}
			size_t len = end == NULL
			                 ? n - at
			                 : (size_t)(end - piece) + 1 - at;
			take_line(r, piece + at, len);
			at += len;
		}
		memmove(piece, piece + at, n - at);
		n -= at;
	} while (more > 0 && !r->late);
	end_message(r);
	return 0;
}

/* ---- a file ---- */

/* A report by itself. */
static int
read_report(struct reader *r, int fd, size_t n)
{
	ssize_t more = file_read_all(fd, r->part + n, REPORT_PACKED + 1 - n);

	if (more == -1) {
		return -1;
	}
	n += (size_t)more;
	if (n > REPORT_PACKED) {
		report_problem(r->sum, "", too_large);
	} else {
		struct report_bound bound = { REPORT_UNPACKED, too_large };
		(void)report_unpack(r->part, n, r->room, &bound, r->sum, "");
	}
	return 0;
}

/* True if mail does not begin like that. */
static bool
is_report(const char *first, size_t n)
{
	return n > 0 && (first[0] == '\x1f' || first[0] == '<' ||
			    first[0] == '{' || first[0] == '\xef' ||
			    (n >= 4 && memcmp(first, "PK\3\4", 4) == 0));
}

int
report_file(const struct config *config, int fd, char *data, char *room,
    struct report_sum *sum)
{
	struct reader *r = calloc(1, sizeof(*r));
	ssize_t n = file_read_all(fd, data, FIRST);

	if (r == NULL || n == -1) {
		free(r);
		return -1;
	}
	r->config = config;
	r->sum = sum;
	r->part = data;
	r->room = room;
	char first[FIRST];
	memcpy(first, data, (size_t)n);
	size_t blanks = 0;
	while (blanks < (size_t)n && is_space(first[blanks])) {
		blanks++;
	}
	int result = is_report(first + blanks, (size_t)n - blanks)
	                 ? read_report(r, fd, (size_t)n)
	                 : read_messages(r, fd, first, (size_t)n);
	free(r);
	return result;
}
