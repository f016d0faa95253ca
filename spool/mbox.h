/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_MBOX_H
#define RESTANTE_SPOOL_MBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/*
 * The mbox format, pure: bytes in, values out.  A mailbox is messages, each a
 * From_ line, the message, and an empty line; lines end in LF; a line of the
 * message that would look like a From_ line has a ">" before it (mboxrd: one
 * more than it came with).  Header fields that mail readers keep their own
 * notes in (Status and its like) are not part of what a client sees; when a
 * message comes in with such a field, its name gets a prefix that is taken off
 * on the way out, so that every message comes out as it came in.
 */

/*
 * The field in which a message that was brought here has the UIDL of the server
 * that it comes from.  No message comes in with it: it begins with our prefix,
 * so one that is sent gets another.
 */
#define MBOX_UIDL_FIELD "X-Restante-UIDL"

/* ---- writing ---- */

typedef void mbox_sink(void *context, const char *data, size_t len);

struct mbox_encoder {
	enum { MBOX_LINE_START, MBOX_IN_QUOTES, MBOX_IN_LINE } state;
	bool body; /* past the header section */
};

enum { MBOX_LOOKAHEAD = 32 }; /* octets of a line that decide on quoting */

/*
 * Encodes a piece of a message with LF line ends; begins with a zeroed
 * encoder.  Answers how much it took: when last is false, up to
 * MBOX_LOOKAHEAD octets at the end may have to come again, with more after
 * them.
 */
size_t mbox_encode(struct mbox_encoder *, const char *data, size_t len,
    bool last, mbox_sink *, void *context);

/*
 * Writes the From_ line of a message with its LF: the sender, "" for the null
 * path, and the time in UTC.  How many octets, or 0: there is no room.
 */
size_t mbox_from_line(char *text, size_t size, const char *sender, time_t when);

/* ---- reading ---- */

/* A line of a mailbox, or a piece of one that is longer than the buffer. */
struct mbox_line {
	const char *text; /* without its LF or CRLF */
	size_t len;
	size_t size; /* octets that it takes in the file */
	bool begins, ends;
};

/* Octets of a mailbox whose lines are cut off one after the other. */
struct mbox_window {
	const char *data;
	size_t len;
	size_t done; /* octets that were cut off */
	bool last;   /* nothing follows: what has no LF is the end */
	bool full;   /* the buffer has no room for more of a line */
	bool begins; /* what comes next begins a line */
};

/*
 * Cuts the next line off.  false: there is no whole one.  Only of a line that
 * the full window has from its start to its end a piece is given out.
 */
bool mbox_next_line(struct mbox_window *, struct mbox_line *);

/* True if a line is a From_ line; strict: its date must be one, too. */
bool mbox_is_from(const struct mbox_line *, bool strict);

/* True if a header line is X-IMAPbase or X-IMAP, for IMAP servers' UIDs. */
bool mbox_is_imapbase(const struct mbox_line *);

/*
 * True if a header line is Content-Length, and then its number.  A hint: some
 * programs write it instead of quoting From_ lines.
 */
bool mbox_content_length(const struct mbox_line *, int64_t *octets);

/* Undoes the encoding of the lines of one message, and hides what is ours. */
struct mbox_decoder {
	bool body;   /* past the header section */
	bool hidden; /* the header field under way is not shown */
	bool quotes; /* the line under way was nothing but ">" so far */
	bool pseudo; /* an X-IMAP field was seen: c-client's own message */
};

/* Changes the line to what a client sees; false: it sees nothing of it. */
bool mbox_decode(struct mbox_decoder *, struct mbox_line *);

#endif
