/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_TEXT_TRANSFER_H
#define RESTANTE_COMMON_TEXT_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Transfer encodings (RFC 2045 section 6), and which of them suits: pure. */

enum transfer {
	TRANSFER_7BIT,
	TRANSFER_8BIT,
	TRANSFER_BINARY,
	TRANSFER_QP,
	TRANSFER_BASE64,
	TRANSFER_OTHER, /* a private one: hands off */
};

enum { TRANSFER_LINE = 998 }; /* octets of a line, its end not counted */

/* "quoted-printable" and so on; "" for TRANSFER_OTHER. */
const char *transfer_name(enum transfer);

/* From the value of the field, as header_next() gives it; empty: 7bit.  What no
   reader takes for an encoding is TRANSFER_8BIT. */
enum transfer transfer_parse(const char *value, size_t len);

/* The facts about a body; begins zeroed. */
struct transfer_count {
	uint64_t octets;
	uint64_t eight_bit; /* octets beyond ASCII */
	uint64_t control;   /* others that only an encoding protects, not NUL */
	uint64_t nul;
	uint64_t lf, crlf;          /* line ends */
	uint64_t bare_cr;           /* a CR with no LF after it */
	uint64_t equal;             /* "=" */
	uint64_t trailing;          /* lines that end in a blank */
	uint64_t longest;           /* octets of the longest line */
	bool no_utf8;               /* something was no UTF-8 */
	uint64_t line;              /* octets of the line in hand */
	unsigned char last, before; /* the octets before */
	unsigned char utf8[4];      /* a character in pieces */
	unsigned utf8_len;
};

void transfer_count(struct transfer_count *, const char *data, size_t len);

/* The input is over: to be called before the figures are used. */
void transfer_count_end(struct transfer_count *);

/* us-ascii, utf-8 or unknown-8bit. */
const char *transfer_charset(const struct transfer_count *);

/*
 * The best encoding for such a body: as it is if that is allowed (7bit; 8bit
 * only where eight_bit says so), else what comes out shorter.  For text LF and
 * CRLF are line ends, else they are data.
 */
enum transfer transfer_best(
    const struct transfer_count *, bool text, bool eight_bit);

#endif
