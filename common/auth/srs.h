/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_AUTH_SRS_H
#define RESTANTE_COMMON_AUTH_SRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/*
 * The Sender Rewriting Scheme: a sender for mail that is forwarded, in a domain
 * of ours, so that SPF passes, and from which bounces find their way back
 * without any memory of it.
 *
 *   SRS0=HHHHHHHH=TT=host=local@ours        for local@host
 *   SRS1=HHHHHHHH=first==...@ours           for SRS0=...@first
 *
 * H is 40 bits of an HMAC-SHA256, T the day modulo 1024, both in base32.  Only
 * who made a hash reads it, so that nobody else needs to know how.
 */

enum {
	SRS_KEY = 32,   /* octets of a secret */
	SRS_DAYS = 21,  /* that an address is good for */
	SRS_LOCAL = 64, /* octets of a local part, RFC 5321 4.5.3.1.1 */
};

struct srs_keys {
	size_t count; /* the first one signs, all verify */
	uint8_t keys[2][SRS_KEY];
};

/*
 * Writes the sender that stands for it in our domain, with NUL.  0, or -1 with
 * errno: EINVAL: not an address that can be written so (a quoted local part);
 * EMSGSIZE: too long.
 */
int srs_forward(const char *sender, const char *domain, const struct srs_keys *,
    time_t now, char *out, size_t size) __attribute__((warn_unused_result));

enum srs_back {
	SRS_NONE,    /* not such an address */
	SRS_GOOD,    /* out is where it leads */
	SRS_FORGED,  /* the hash is not ours, or something is missing */
	SRS_EXPIRED, /* it was ours, too long ago */
	SRS_UNKNOWN, /* that cannot be found out now, or does not fit */
};

/* True if an address has the form of such a sender, whoever has made it. */
bool srs_is_rewritten(const char *address);

/* Finds where a bounce to an address of ours goes. */
enum srs_back srs_reverse(const char *address, const struct srs_keys *,
    time_t now, char *out, size_t size);

#endif
