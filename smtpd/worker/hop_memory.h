/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_WORKER_HOP_MEMORY_H
#define RESTANTE_SMTPD_WORKER_HOP_MEMORY_H

#include "smtpd/job/requests.h"
#include "smtpd/route/hop.h"
#include "smtpd/worker/table.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * What next hops have said about recipients, in STATE/recipients.  It is asked
 * again after a minute, because a mailbox may be full by then; what it has
 * taken is remembered for as long as its mail may have to be accepted while it
 * is down.  A refusal never takes the place of what lasts longer: whoever tries
 * all names of a dictionary drives nobody's out.
 */

enum {
	HOP_FRESH = 60,               /* s: it is not asked again */
	HOP_TAKEN = 7 * 24 * 60 * 60, /* s: it has taken mail for that */
	HOP_REFUSED = 10 * 60,        /* s: it has refused to, */
	HOP_FULL = 60,                /* s: for want of room */
	HOP_DOWN = 10,                /* s: it is not tried again */
	HOP_PLACES = 4,               /* connections to it at a time */
	HOP_SETS = 32768,
};

struct hop_memory {
	bool open;
	struct table table;
	char hop[HOP_TEXT];
	/* Whose connections fail: a server that has no network says nothing
	   about another one. */
	char role[4];
};

/* Opens it for one hop.  If it cannot be opened, which is logged, nothing is
   remembered. */
void hop_memory_open(
    struct hop_memory *, const struct config *, const struct hop *, enum role);
void hop_memory_close(struct hop_memory *);

/* True if what is known is so new that the hop is not to be asked. */
bool hop_memory_knows(struct hop_memory *, const struct next_hop_question *,
    uint32_t now, struct next_hop_answer *);

/* True if it has taken mail for that recipient within HOP_TAKEN. */
bool hop_memory_has_taken(
    struct hop_memory *, const struct next_hop_question *, uint32_t now);

/* Remembers an answer for good; full: a refusal for want of room. */
void hop_memory_keep(struct hop_memory *, const struct next_hop_question *,
    uint32_t now, const struct next_hop_answer *, bool full);

/* Notes that it cannot be reached; true if that was not known. */
bool hop_memory_note_down(struct hop_memory *, uint32_t now);
bool hop_memory_is_down(struct hop_memory *, uint32_t now);

/* Takes one of the places that connections to it have; false: there is none
   now. */
bool hop_memory_take_place(struct hop_memory *);

#endif
