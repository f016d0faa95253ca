/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_TEXT_DOTSTUFF_H
#define RESTANTE_COMMON_TEXT_DOTSTUFF_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The text behind DATA (RFC 5321 sections 4.1.1.4 and 4.5.2), pure: takes the
 * doubled dots away, and finds its end, which is CR LF "." CR LF and nothing
 * that looks like it.  What comes out has lines that end in LF.  A bare CR or
 * a bare LF comes out as a line end too, but what follows it is never taken
 * for the start of a line; NUL is left out.  All three are noted.
 */
struct dotstuff {
	enum {
		DOTSTUFF_START, /* of a line, behind CR LF */
		DOTSTUFF_DOT,   /* behind a dot at the start */
		DOTSTUFF_DOT_CR,
		DOTSTUFF_LINE,
		DOTSTUFF_CR,
		DOTSTUFF_END,
	} state;
	bool bare, nul; /* seen so far */
	bool chunks;    /* BDAT (RFC 3030): a dot is a dot, and no end */
};

/*
 * Decodes from in; begins with a zeroed state.  Writes at most size octets
 * (at least 2) to out, *outlen of them, and answers how many of in it took.
 * When the state is DOTSTUFF_END, what it did not take is not of the message.
 */
size_t dotstuff_decode(struct dotstuff *, const char *in, size_t len, char *out,
    size_t size, size_t *outlen);

#endif
