/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_MIME_HEADER_H
#define RESTANTE_COMMON_MIME_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Header sections (RFC 5322 section 2.2): pure.  Lines end in LF or CRLF.  The
 * section ends with an empty line, or before a line that is neither a field
 * nor the continuation of one: such a line is of the body, as many mail readers
 * have it.  Others look for fields up to the empty line: who judges a section
 * must see to it that it ends there.  Blanks between a name and its colon are
 * taken (RFC 5322 section 4.5), and so is a field without a name, which readers
 * skip.
 */

/* A field; all of it points into the text that it was read from. */
struct field {
	const char *text; /* from its name to its last line end */
	size_t len;
	const char *name;
	size_t name_len;
	const char *value; /* after the colon, folds and all, without the */
	size_t value_len;  /* last line end */
};

/* ---- in memory ---- */

/*
 * The field at *at, which then points after it; the text ends at end.  false:
 * the section ends here, and *at points at the body (after the empty line, if
 * there is one).
 */
bool header_next(const char **at, const char *end, struct field *);

/* Takes a field apart that is one: such as HEADER_FIELD.  false: it is none. */
bool header_split(const char *text, size_t len, struct field *);

/* True if that is its name, whatever the case. */
bool header_is(const struct field *, const char *name);

/* True if it is a field that mail has, and other text hardly: Subject, X-... */
bool header_is_common(const struct field *);

/*
 * Its value as one line: without the line ends of its folds, blanks at both
 * ends, and NULs; NUL is added.  The length, or -1: does not fit (value_len + 1
 * octets always do).
 */
ssize_t header_unfold(const struct field *, char *out, size_t size)
    __attribute__((warn_unused_result));

/* ---- the top of a message ---- */

enum {
	HEADER_TOP_MOST = 16 * 1024, /* octets that are looked at */
	HEADER_TOP_LINES = 8,
};

enum header_top {
	HEADER_TOP_MORE,    /* more octets are needed to tell */
	HEADER_TOP_SECTION, /* it begins with a header section, may be empty */
	HEADER_TOP_TEXT,    /* it has none: all of it is the body */
};

/*
 * Tells what a message begins with, of which the first len octets are here, or
 * all if it is over.  *lead octets at the start are lines of an mbox ("From "
 * or ">From "), lines folded to them, and byte order marks at the start of a
 * line: they count only where a section follows, as a line without a name does;
 * else they are text.
 */
enum header_top header_top(
    const char *text, size_t len, bool over, size_t *lead);

/*
 * Octets of byte order marks at the start (U+FEFF in UTF-8).  Editors put one
 * into files, and programs send these; in front of the first field it would
 * make text of the whole section, for readers that go by the standard.
 */
size_t header_marks(const char *text, size_t len);

/* True if a line begins as an mbox's does: "From ", ">From ". */
bool header_is_mailbox_line(const char *text, size_t len);

/* ---- in pieces ---- */

enum {
	HEADER_NAME = 998,        /* octets of a name: a line, RFC 5322 2.1.1 */
	HEADER_KEPT = 100 * 1024, /* enough for a field that is no mistake */
};

enum header_event {
	HEADER_MORE,  /* all was taken: feed the next octets */
	HEADER_FIELD, /* a whole field */
	HEADER_PIECE, /* octets of one that the room could not hold */
	HEADER_END,   /* the empty line, or no octets when none is there */
};

/*
 * Every octet of the section is in the text of one event, in order: a caller
 * that writes them all has copied it.  Lines of an mbox on top are
 * HEADER_FIELD, too, and are none for header_split().  Begins with room and
 * size set (to memory of the caller, from HEADER_NAME + 2 to HEADER_KEPT
 * octets), all else zero.  A line on top that begins with a byte order mark is
 * such a line, too.  text stays valid until the next call.
 */
struct header_walk {
	char *room;
	size_t size;
	const char *text; /* of the event */
	size_t len;
	bool first; /* HEADER_PIECE: it begins a field, with its name */
	/* HEADER_END: octets that were taken and are of the body: the start
	   of a line that is no field.  Mostly none, never many. */
	const char *body;
	size_t body_len;
	enum {
		HEADER_AT_LINE,
		HEADER_AT_NAME,
		HEADER_AT_VALUE,
		HEADER_AT_END,
	} state;
	size_t kept;         /* octets in room */
	bool spent, blank;   /* room was given out; the name is over */
	bool inside, pieces; /* a field is in hand; some of it is gone */
	bool begun;          /* there was a field */
};

/* Takes octets, answers how many; what it did not take comes again. */
size_t header_feed(
    struct header_walk *, const char *data, size_t len, enum header_event *);

/*
 * The input is over: HEADER_FIELD, HEADER_PIECE or HEADER_END, and so on until
 * that.
 */
enum header_event header_finish(struct header_walk *);

#endif
