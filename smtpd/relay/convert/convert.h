/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_RELAY_CONVERT_CONVERT_H
#define RESTANTE_SMTPD_RELAY_CONVERT_CONVERT_H

#include "common/mime/multipart.h"
#include "common/mime/qp.h"
#include "common/text/base64.h"
#include "common/text/output.h"
#include "common/text/transfer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A message for a server that does not take it as it is (RFC 6152 section 3,
 * RFC 2045, RFC 2047).  It is read twice.  The first pass plans, so that a
 * part's header can say how its body will be encoded; the second one writes.
 * Memory is bounded by the structure, never by bodies: an octet for each part.
 *
 * Changed are bodies of parts that have octets beyond ASCII or lines above
 * TRANSFER_LINE: text becomes quoted-printable, everything else base64; then
 * the labels of the parts around them; and fields.  All other octets stay. What
 * is inside multipart/signed is never changed.  A DKIM-Signature does not stop
 * a conversion, and it will not verify any more: mail that arrives without it
 * is better than none.
 *
 * A report must always fit, since nobody hears of one that does not.  With the
 * term "report" a multipart/report has the header section alone of what it
 * returns, and says what RFC 6533 has for servers with SMTPUTF8 as RFC 3464 has
 * it, where the server is none of these.
 */

/* The forms that the server accepts. */
struct convert_terms {
	bool eight_bit; /* octets beyond ASCII in bodies */
	bool utf8;      /* and in header fields */
	bool report;    /* not what the server takes: see above */
};

enum convert_result {
	CONVERT_SAME,       /* nothing to be changed: no second pass */
	CONVERT_CHANGED,    /* convert_write() is next */
	CONVERT_IMPOSSIBLE, /* see dsn and why */
	CONVERT_NO_MEMORY,
};

/* How a part's body leaves. */
enum convert_action {
	ACTION_KEEP,
	ACTION_QP,
	ACTION_BASE64,
	ACTION_7BIT, /* a multipart or message: its label alone */
	ACTION_8BIT,
	ACTION_HEADER, /* its first header section, quoted-printable */
	ACTION_STATUS, /* a delivery status in ASCII */
};

/*
 * The plan of a part: such an action; a charset; and CONVERT_RAW if its label
 * says base64, but its first line is text.  Readers show such a body as it is,
 * and to decode it would destroy it.
 */
enum {
	CONVERT_ACTION = 0x0f,
	CONVERT_CHARSET = 4, /* bits to the left */
	CONVERT_RAW = 0x40,
};

/* The charset for its label. */
enum convert_charset {
	CHARSET_KEEP,
	CHARSET_ASCII,
	CHARSET_UTF8,
	CHARSET_UNKNOWN,
};

/* An open part; some of it for one pass only. */
struct convert_level {
	bool message;  /* not a part of a multipart */
	bool sealed;   /* inside multipart/signed */
	bool seals;    /* is one */
	bool parts;    /* has some */
	bool around;   /* a preamble or epilogue that is to be changed */
	bool changed;  /* something inside */
	bool high;     /* there are still octets beyond ASCII inside */
	bool version;  /* has MIME-Version */
	bool type;     /* Content-Type was met */
	bool transfer; /* Content-Transfer-Encoding was */
	enum { SAID_NOTHING, SAID_ASCII, SAID_OTHER } charset;
};

/* The contents of the first line of a body that is not empty. */
struct convert_first {
	size_t digits, others; /* of base64; blanks between them */
	size_t blanks;         /* that may be at its end */
	bool over;
};

/* How far a returned message has been read: its header section has an end. */
struct report_cut {
	size_t column;
	bool over;
};

/* UTF-8 to ASCII, across blocks. */
struct report_text {
	char held[4];
	size_t len;
};

struct convert {
	/* The result. */
	struct output out; /* in the second pass: to be taken, and cleared */
	const char *dsn, *why;

	/* The rest is its own. */
	struct convert_terms terms;
	bool writing, changed, failed;
	struct output plans; /* an octet for each part */
	struct multipart walk;
	char *room;
	struct convert_level levels[MULTIPART_DEPTH + 1];
	struct transfer_count count; /* of the body, or what else is read */
	size_t column;               /* of what is around parts */
	bool owed;                   /* a line end, unless a delimiter comes */
	struct qp_encoder qp;
	struct base64_encoder base64;
	struct qp_decoder from_qp;
	struct base64_decoder from_base64;
	struct convert_first first;
	struct report_cut cut;
	struct report_text text;
};

/* Begins the first pass.  To be freed by convert_close(); NULL: no memory. */
struct convert *convert_open(const struct convert_terms *);
void convert_close(struct convert *);

/* The next octets of the message, in lines that end in CR LF. */
void convert_feed(struct convert *, const char *data, size_t len);

/* The message is over. */
enum convert_result convert_end(struct convert *);

/* Begins the second pass, or another one: the message comes again. */
void convert_write(struct convert *);

/* ---- between the files of this folder ---- */

/* Handles an event: plans for it, or writes what follows from it. */
void convert_plan_event(struct convert *, enum multipart_event);
void convert_write_event(struct convert *, enum multipart_event);

/* ---- report.c ---- */

/* Decides about a part of a report; ACTION_KEEP: as for other messages. */
enum convert_action report_action(
    const struct convert_terms *, const struct multipart *);
/* How many of these octets are of the header section. */
size_t report_cut(struct report_cut *, const char *data, size_t len);
/* Writes a delivery status as RFC 6533 section 3 has it for ASCII: \x{FC}. */
void report_text(
    struct report_text *, const char *data, size_t len, struct output *);
void report_text_end(struct report_text *, struct output *);
/* The fields that say what such a part is. */
void report_label(enum convert_action, const char *charset, struct output *);

/* Records what kinds of fields the part has. */
void convert_note_field(struct convert_level *, const struct field *);

#endif
