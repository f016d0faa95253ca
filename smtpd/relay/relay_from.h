/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_RELAY_RELAY_FROM_H
#define RESTANTE_SMTPD_RELAY_RELAY_FROM_H

#include "common/text/address.h"
#include "common/text/output.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * A header section for a next hop that takes mail from one address alone: the
 * key relay-from of restante.conf(5).  Pure but for memory.
 */

struct relay_from {
	const char *address;
	bool header;      /* From is to say it, too */
	bool automatic;   /* nobody is the sender: the mail says that a program
	                     wrote it, so that none answers it */
	const char *host; /* our name in Received */
};

/* What has become of the section. */
struct relay_from_done {
	size_t len;   /* of what was read: up to the empty line, without it */
	bool changed; /* and out has what stands for it */
	bool author;  /* From is another */
	char former[ADDRESS_TEXT]; /* the first address there was, or "" */
	bool signature;            /* there was one, and it is broken now */
	unsigned received;         /* how often the host has received it */
};

/*
 * Reads the section, in lines that end in LF or CRLF.  Where From names
 * anything but the address, it names that alone, with the name of the first
 * author; what stood there goes into Reply-To, unless that is there; Sender
 * goes.  Failures of out stay there.
 */
void relay_from_head(const struct relay_from *, const char *text, size_t len,
    struct output *out, struct relay_from_done *);

#endif
