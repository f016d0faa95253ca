/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SESSION_FILTERING_H
#define RESTANTE_SMTPD_SESSION_FILTERING_H

#include "smtpd/job/requests.h"
#include "smtpd/session/incoming.h"

/* What the filters of the configuration make of a message. */

enum filtered {
	FILTERED_ON,        /* it is to be delivered, as it is now */
	FILTERED_REFUSED,   /* with the line */
	FILTERED_DISCARDED, /* nobody gets it, and the client does not know */
	FILTERED_LATER,     /* a filter has failed */
	FILTERED_HEADER,    /* its header section is too long */
};

/*
 * Has workers ask the filters, one after the other; each sees what the one
 * before has made of the message.  head: octets of our own fields on top of it.
 */
enum filtered filtering_run(
    struct incoming *, uint64_t head, char line[FILTER_LINE]);

#endif
