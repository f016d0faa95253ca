/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_AUTH_AUTHOR_H
#define RESTANTE_SMTPD_AUTH_AUTHOR_H

#include "common/auth/verify_ask.h"

#include <stdbool.h>
#include <stddef.h>

/* The authors that a message names: the domains in From.  Pure. */

enum {
	AUTHOR_MOST = 4,
	AUTHOR_LOOKS = 1000, /* domains that are read, each of them twice */
};

struct author {
	unsigned fields; /* of the name From */
	size_t named;    /* domains of mailboxes in it */
	/* These domains, and anything that a careless reader could take for
	   one, each once, in the form of ask_name(). */
	size_t count;
	bool many;       /* there are more than AUTHOR_MOST */
	unsigned looked; /* at AUTHOR_LOOKS there are many, too */
	bool hidden; /* something could be an author, and nobody can tell who */
	bool later;  /* there are some that cannot be read now */
	char domain[AUTHOR_MOST][ASK_NAME];
	char list[ASK_NAME]; /* of List-Id, or else List-Post; "": none */
};

/* Reads a header section, with LF or CRLF. */
void author_read(const char *header, size_t len, struct author *);

/*
 * True if there is one From that names somebody (RFC 5322 section 3.6.2), and
 * so few domains that each can be asked about, and nothing else that a reader
 * could show as the author.  A domain that cannot be read
 * now names somebody, too.
 */
bool author_is_named(const struct author *);

#endif
