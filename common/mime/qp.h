/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_MIME_QP_H
#define RESTANTE_COMMON_MIME_QP_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Quoted-printable (RFC 2045 section 6.7) in streams: pure.  The functions
 * write at most size octets (at least QP_ROOM) to out, *outlen of them, and
 * answer how many of in they took; what they did not take comes again.
 */

enum {
	QP_LINE = 76, /* octets of a line, its end not counted */
	QP_ROOM = 128,
};

/* Begins with the first two set, all else zero. */
struct qp_encoder {
	bool binary; /* CR and LF are data, not line ends */
	bool crlf;   /* lines that come out end in CRLF, else in LF */
	unsigned column;
	char held[2]; /* a blank or a CR whose successor decides about it */
	unsigned held_len;
	char start[4]; /* of the line in hand */
};

/*
 * In text LF and CRLF are line ends; a lone CR is data.  What comes out has
 * only lines of QP_LINE octets at most, none of which ends in a blank, or
 * begins with "From " or is a lone dot, which mail programs might change.
 */
size_t qp_encode(struct qp_encoder *, const char *in, size_t len, char *out,
    size_t size, size_t *outlen);

/* The input is over: what is still to be written (QP_ROOM suffices). */
size_t qp_encode_end(struct qp_encoder *, char out[QP_ROOM]);

/* Begins zeroed. */
struct qp_decoder {
	bool bad; /* something was not as the RFC wants it: for the strict */
	unsigned column;
	char held[QP_LINE + 4]; /* "=", or blanks that may end a line */
	unsigned held_len;
};

/*
 * Lenient: what cannot be decoded comes out as it is, digits may be small,
 * lines long; blanks at the ends of lines go.  Line ends stay as they came.
 */
size_t qp_decode(struct qp_decoder *, const char *in, size_t len, char *out,
    size_t size, size_t *outlen);
size_t qp_decode_end(struct qp_decoder *, char out[QP_ROOM]);

#endif
