/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_SASL_SASL_SERVER_H
#define RESTANTE_COMMON_SASL_SASL_SERVER_H

#include "common/io/stream.h"
#include "common/job/job.h"
#include "common/sasl/sasl.h"

#include <stdbool.h>

/*
 * AUTH, as RFC 4954 and RFC 5034 have it in common: which mechanisms there
 * are, and the lines of the exchange.  In the session.
 */

enum { SASL_LINE = 12288 }; /* octets of an answer, RFC 4954 section 4 */

/* Room for all their names. */
enum { SASL_OFFER = 200 };

/*
 * The mechanisms that serve here, "PLAIN LOGIN ..."; the connection must be
 * good enough for passwords.  everybody: without those that serve some users
 * only, which are taken all the same.
 */
const char *sasl_server_offer(const struct connection *, const struct stream *,
    bool everybody, char offer[SASL_OFFER]);

enum sasl_outcome {
	SASL_OUTCOME_LOGIN,     /* sasl.login is complete: have it checked */
	SASL_OUTCOME_UNKNOWN,   /* no such mechanism here */
	SASL_OUTCOME_INITIAL,   /* it has no initial response */
	SASL_OUTCOME_LINE,      /* a line did not come as it should: line */
	SASL_OUTCOME_CANCELLED, /* by the client */
	SASL_OUTCOME_MALFORMED,
	SASL_OUTCOME_TEMPORARY, /* a worker could not help */
};

/*
 * Runs the exchange for AUTH's argument ("MECHANISM [INITIAL]", which gets
 * cut); prompt ("334 " or "+ ") begins each of our lines.  The login is the
 * caller's to wipe.
 */
enum sasl_outcome sasl_server_run(const struct connection *, struct stream *,
    const char *prompt, char *argument, struct sasl *, enum line *line);

/*
 * Says why, before the refusal of a login, where the mechanism wants that (RFC
 * 7628 section 3.2.2), and takes the client's answer to it.
 */
enum { SASL_REFUSAL = 256 };
void sasl_server_refused(
    struct stream *, const char *prompt, const struct login *);

#endif
