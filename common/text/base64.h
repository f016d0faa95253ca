/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_TEXT_BASE64_H
#define RESTANTE_COMMON_TEXT_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Base64 as RFC 4648 section 4 has it, strict: no blanks, padding required,
 * the bits after the last octet zero.  What AUTH (RFC 4954) asks for.
 */

/* Octets of the encoded form of n octets, NUL included. */
#define BASE64_SIZE(n) (((n) + 2) / 3 * 4 + 1)

/* Encodes and adds NUL.  The length without it, or -1: does not fit. */
ssize_t base64_encode(const void *src, size_t len, char *dst, size_t size)
    __attribute__((warn_unused_result));

/* Decodes.  The length, or -1: malformed or does not fit. */
ssize_t base64_decode(const char *src, size_t len, void *dst, size_t size)
    __attribute__((warn_unused_result));

/*
 * The transfer encoding (RFC 2045 section 6.8) in streams.  The functions write
 * at most size octets (at least BASE64_ROOM) to out, *outlen of them, and
 * answer how many of in they took; what they did not take comes again.
 */

enum {
	BASE64_LINE = 76, /* octets of a line, its end not counted */
	BASE64_ROOM = 128,
};

/* Begins with crlf set, all else zero. */
struct base64_encoder {
	bool crlf; /* lines end in CRLF, else in LF */
	unsigned char held[BASE64_LINE / 4 * 3]; /* less than a line */
	unsigned held_len;
};

size_t base64_encode_lines(struct base64_encoder *, const void *in, size_t len,
    char *out, size_t size, size_t *outlen);

/* The input is over: what is still to be written, with its line end. */
size_t base64_encode_end(struct base64_encoder *, char out[BASE64_ROOM]);

/* Begins zeroed. */
struct base64_decoder {
	bool bad; /* something was not as the RFC wants it: for the strict */
	bool end; /* after the padding: what follows is ignored */
	uint32_t bits;
	unsigned digits, pad;
};

/* Lenient: what is not of the alphabet is passed over. */
size_t base64_decode_lines(struct base64_decoder *, const char *in, size_t len,
    void *out, size_t size, size_t *outlen);

/* The input is over: the octets that are left because padding is missing. */
size_t base64_decode_end(struct base64_decoder *, char out[BASE64_ROOM]);

#endif
