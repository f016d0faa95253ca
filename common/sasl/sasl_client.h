/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_SASL_SASL_CLIENT_H
#define RESTANTE_COMMON_SASL_SASL_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The client's side of SASL: SCRAM-SHA-256 (RFC 7677), PLAIN (RFC 4616), LOGIN,
 * CRAM-MD5 (RFC 2195), OAUTHBEARER (RFC 7628), XOAUTH2.  Pure, but for random
 * numbers and hashes; octets in, octets out, base64 is the caller's.
 */

enum { SASL_CLIENT_DATA = 8192 };

struct sasl_client;

/*
 * The best of the mechanisms that the server offers ("PLAIN LOGIN ..."), for
 * credentials of that kind, that is not among those tried already (the same
 * form); NULL: none is left.  Those that show
 * the secret only if secure.
 */
const char *sasl_client_choose(
    const char *offered, const char *tried, bool token, bool secure);

/* NULL: no memory, or no such mechanism. */
struct sasl_client *sasl_client_open(
    const char *mechanism, const char *user, const char *secret);
/* Forgets the secret. */
void sasl_client_close(struct sasl_client *);

/* True if the client speaks first, so that its answer may go with AUTH. */
bool sasl_client_starts(const struct sasl_client *);

/*
 * Takes a challenge (NULL with the first answer), writes the answer of *len
 * octets.  false: the server says what it must not (SCRAM: it does not know the
 * password): cancel.
 */
bool sasl_client_step(struct sasl_client *, const char *challenge, size_t size,
    char answer[SASL_CLIENT_DATA], size_t *len);

/* True if the exchange may succeed now: SCRAM has proved the server. */
bool sasl_client_done(const struct sasl_client *);

#endif
