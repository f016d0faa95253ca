/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_RELAY_INQUIRY_H
#define RESTANTE_SMTPD_RELAY_INQUIRY_H

#include "common/config/config.h"
#include "common/text/address.h"
#include "smtpd/route/hop.h"

#include <stddef.h>
#include <stdint.h>

/* A next hop is asked whether it would take mail for recipients. */

enum inquiry_verdict {
	INQUIRY_TAKES,
	INQUIRY_REFUSES, /* for good */
	INQUIRY_LATER,   /* for now */
	INQUIRY_FAILED,  /* it cannot be asked: words are for the log */
};

enum { INQUIRY_WORDS = 320, INQUIRY_ENHANCED = 12 };

struct inquiry_question {
	char text[ADDRESS_TEXT]; /* an address, or the name of a user */
};

/* Comes from a process that has read from the network: not trusted. */
struct inquiry_answer {
	uint32_t verdict; /* enum inquiry_verdict */
	uint32_t code;
	char enhanced[INQUIRY_ENHANCED]; /* "5.1.1", or "" */
	char words[INQUIRY_WORDS];
};

enum { INQUIRY_LIMIT = 10 * 1000 }; /* ms that an answer takes, at most */

/*
 * A process that answers each struct inquiry_question on the channel by a
 * struct inquiry_answer, over one connection to the hop for all of them, until
 * the other end is closed.  It is confined before it connects, as a relay agent
 * is.  Its process id, or -1; *channel: our end.
 */
int inquiry_start(const struct config *, const struct hop *, int *channel)
    __attribute__((warn_unused_result));

/* Has it take its leave of the hop, and waits for its end, a moment. */
void inquiry_stop(int pid, int channel);

/* Asks about n recipients, in such a process, and waits for it. */
void inquiry_all(const struct config *, const struct hop *,
    const struct inquiry_question *, size_t n, struct inquiry_answer *);

#endif
