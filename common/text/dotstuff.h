/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_TEXT_DOTSTUFF_H
#define RESTANTE_COMMON_TEXT_DOTSTUFF_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The text after DATA (RFC 5321 sections 4.1.1.4 and 4.5.2), pure: takes the
 * doubled dots away, and finds its end, which is CR LF "." CR LF and nothing
 * that looks like it.  What comes out has lines that end in LF.  A bare CR or
 * a bare LF comes out as a line end too, but what follows it is never taken
 * for the start of a line; CRs before CR LF are no line ends of their own, but
 * bare; NUL is left out.  All these are noted.
 */
struct dotstuff {
	enum {
		DOTSTUFF_START, /* of a line, after CR LF */
		DOTSTUFF_DOT,   /* after a dot at the start */
		DOTSTUFF_DOT_CR,
		DOTSTUFF_LINE,
		DOTSTUFF_CR,
		DOTSTUFF_END,
	} state;
	size_t crs;     /* in state DOTSTUFF_CR: how many, without a decision */
	bool bare, nul; /* seen so far */
	bool chunks;    /* BDAT (RFC 3030): a dot is a dot, and no end */
	bool lf;        /* LF alone ends a line: for programs of this machine */
};

/*
 * Decodes from in; begins with a zeroed state.  Writes at most size octets
 * (at least 2) to out, *outlen of them, and answers how many of in it took.
 * When the state is DOTSTUFF_END, what it did not take is not of the message.
 */
size_t dotstuff_decode(struct dotstuff *, const char *in, size_t len, char *out,
    size_t size, size_t *outlen);

/*
 * The other direction, pure: a message as DATA or BDAT sends it.  Lines that
 * end in CR LF leave as they are, but for dots that DATA doubles.  A CR or LF
 * on its own becomes CR LF, so that it never ends the message for a server
 * that takes it for a line end.
 */
enum dotstuff_form {
	DOTSTUFF_DATA, /* doubles dots, and ends the last line */
	DOTSTUFF_BDAT,
};

struct dotstuff_encoder {
	enum dotstuff_form form;
	enum {
		ENCODE_START, /* of a line */
		ENCODE_LINE,
		ENCODE_CR,
	} state;
};

/* The most octets that a number of octets can become. */
#define DOTSTUFF_ROOM(len) (2 * (len) + 2)

/*
 * Encodes; begins with the form, and all else zeroed.  out has
 * DOTSTUFF_ROOM(len) octets; returns how many of them it filled.
 */
size_t dotstuff_encode(
    struct dotstuff_encoder *, const char *in, size_t len, char *out);

/* Writes what has to follow the last octet, and returns its length. */
size_t dotstuff_encode_end(struct dotstuff_encoder *, char out[2]);

#endif
