/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_SESSION_OFFENCE_H
#define RESTANTE_COMMON_SESSION_OFFENCE_H

#include <stdint.h>

/*
 * What counts against the address of a client, as a session reports it.  What
 * comes of it is the server's: common/server/guard.h.
 */

enum offence {
	OFFENCE_LOGIN,     /* a wrong name or password: the server knows */
	OFFENCE_SYNTAX,    /* what is no command, or no right one */
	OFFENCE_RECIPIENT, /* nobody here, or somebody elsewhere */
	OFFENCE_ABUSE,     /* no mail client says that */
};

enum { OFFENCES = OFFENCE_ABUSE + 1 };

/* What a session is told of its client at the start. */
struct welcome {
	uint32_t counted; /* whether offences are: 0 or 1 */
	uint32_t delay;   /* ms before each reply to an error */
	uint32_t proxied; /* a PROXY header tells who it is: 0 or 1 */
};

struct connection;

/* Reports one, if those of this client are counted. */
void offence_report(const struct connection *, enum offence);

/* Waits as long as errors of this client are to take; less if it hangs up. */
void offence_delay(const struct connection *);

#endif
