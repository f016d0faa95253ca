/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_CLIENT_RESPONSE_H
#define RESTANTE_SMTPD_CLIENT_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The reply of an SMTP or LMTP server (RFC 5321 section 4.2).  The server is
 * not trusted: whatever it sends, this is bounded.  All but response_read() is
 * pure.
 */

enum {
	RESPONSE_TEXT = 8 * 1024,   /* octets that are kept */
	RESPONSE_LINES = 100,       /* lines that are kept */
	RESPONSE_FLOOD = 64 * 1024, /* octets of one reply that are read */
};

enum response_state {
	RESPONSE_MORE,     /* not at its end yet */
	RESPONSE_DONE,     /* code and text are there */
	RESPONSE_NONSENSE, /* no reply: no code, several codes, NUL, endless */
};

struct response {
	enum response_state state;
	unsigned code;     /* 0 to 999 */
	char enhanced[12]; /* "5.1.1" (RFC 2034), or "" */
	const char *wrong; /* RESPONSE_NONSENSE: what, for people */
	unsigned lines;
	size_t len; /* of text */
	/* What follows the codes, lines separated by LF; control
	   characters have become question marks. */
	char text[RESPONSE_TEXT + 1];
	/* The reader's own. */
	size_t seen, column;
	unsigned line_code;
	bool last, cr;
};

void response_start(struct response *);

/*
 * Takes octets up to the end of the reply; returns how many of them it took.
 * Lines may end in a bare LF.
 */
size_t response_feed(struct response *, const char *data, size_t len);

/* Writes the response for people: "550 5.1.1 No such user / ask somebody
   else", cut to size. */
const char *response_words(const struct response *, char *buf, size_t size);

struct stream;

enum response_read {
	RESPONSE_READ_OK,
	RESPONSE_READ_LATE,     /* not whole in time */
	RESPONSE_READ_LOST,     /* the connection has ended */
	RESPONSE_READ_NONSENSE, /* not a reply: see wrong */
};

/*
 * Sends what was written to the stream, and waits for a reply, all of which
 * must come within timeout ms; block is the timeout that the stream is left
 * with.  When the server no longer takes what we send, but has said why, that
 * is the reply, unless it reports a success.
 */
enum response_read response_read(struct response *, struct stream *,
    int timeout, int block) __attribute__((warn_unused_result));

#endif
