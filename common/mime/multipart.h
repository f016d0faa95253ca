/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_MIME_MULTIPART_H
#define RESTANTE_COMMON_MIME_MULTIPART_H

#include "common/mime/header.h"
#include "common/mime/param.h"
#include "common/text/transfer.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * A walk through a message and its parts (RFC 2046 sections 5.1 and 5.2.1) as
 * its octets come: pure, linear in time, and no body is ever held.  Every octet
 * is in the text of one event, in order: a caller that writes the text of all
 * events has copied the message.  crlf, to be set after multipart_init():
 * around delimiters CR LF alone is a line end (RFC 3030), because a bare LF is
 * data.
 */

enum {
	MULTIPART_DEPTH = 32,    /* multiparts and messages in each other */
	MULTIPART_PARTS = 10000, /* in one message */
	MULTIPART_BOUNDARY = 70, /* octets, RFC 2046 section 5.1.1 */
	MULTIPART_HELD = 1004,   /* of a line that may be a delimiter */
};

enum multipart_event {
	MULTIPART_MORE,      /* all was taken: feed the next octets */
	MULTIPART_BEGIN,     /* a part begins with its header; no octets */
	MULTIPART_FIELD,     /* a field of its header */
	MULTIPART_PIECE,     /* octets of one that the room could not hold */
	MULTIPART_HEADER,    /* its header ends: the empty line, or no octets */
	MULTIPART_BODY,      /* octets of its body, if it has no parts itself */
	MULTIPART_AROUND,    /* preamble or epilogue of a multipart */
	MULTIPART_DELIMITER, /* with the line end before it */
	MULTIPART_END,       /* the part ends; no octets */
	MULTIPART_DONE,      /* the message ends, after multipart_finish() */
};

/*
 * A part as far as it is known: all of it from MULTIPART_HEADER on.  One whose
 * kind is not MULTIPART_LEAF has parts and no body of its own.
 */
struct multipart_part {
	enum multipart_kind {
		MULTIPART_LEAF,
		MULTIPART_PARTS_INSIDE,
		MULTIPART_MESSAGE, /* its one part begins at once */
	} kind;
	unsigned number; /* counted from 0, the message itself */
	char
	    type[PARAM_TYPE]; /* text/plain if there is none that is readable */
	bool typed;           /* there is a Content-Type */
	bool encoded;         /* and a Content-Transfer-Encoding */
	enum transfer transfer;
	char boundary[MULTIPART_BOUNDARY + 1];
	size_t boundary_len;
	bool digest_child; /* message/rfc822 unless it says otherwise */
	bool closed;       /* after its last delimiter */
};

struct multipart {
	const char *text; /* of the event; stays until the next call */
	size_t len;
	unsigned
	    depth;    /* of the part that the event is about: 0, the message */
	bool limited; /* one of the limits hid structure: inside is a body */
	bool crlf;    /* CR LF alone ends lines */
	bool report;  /* to be set at first: what a report returns is a leaf */

	struct multipart_part parts[MULTIPART_DEPTH + 1];
	unsigned top;   /* the innermost that is open */
	unsigned count; /* begun so far */
	struct header_walk header;
	enum {
		MULTIPART_AT_BEGIN,
		MULTIPART_AT_HEADER,
		MULTIPART_AT_BODY,
		MULTIPART_AT_END,
		MULTIPART_AT_DELIMITER,
		MULTIPART_AT_DONE,
	} state;
	const char *in, *end;      /* what was fed and not yet taken */
	bool over;                 /* multipart_finish() was called */
	bool line_start;           /* a delimiter needs no line end here */
	char held[MULTIPART_HELD]; /* a line that may be a delimiter */
	size_t held_len, given;    /* given: of held, in the last event */
	bool plain, matched;       /* it is none; it is one */
	int target;                /* whose, by depth; -1: the end of all */
	bool closing;              /* the last one */
};

/* room: memory of the caller for one field, HEADER_KEPT octets or fewer. */
void multipart_init(struct multipart *, char *room, size_t size);

/* The next octets, which stay until multipart_next() says MULTIPART_MORE. */
void multipart_feed(struct multipart *, const char *data, size_t len);

/* Ends the input: no more octets come. */
void multipart_finish(struct multipart *);

enum multipart_event multipart_next(struct multipart *);

/* The part that the last event was about. */
const struct multipart_part *multipart_part(const struct multipart *);

#endif
