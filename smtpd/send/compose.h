/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SEND_COMPOSE_H
#define RESTANTE_SMTPD_SEND_COMPOSE_H

#include "smtpd/send/part.h"

#include <stdbool.h>
#include <stdio.h>

/* The parts of which a message is made. */
struct compose {
	const char *subject;     /* or NULL */
	char *const *recipients; /* of To, NULL at the end */
	const char *host;        /* for the ids of parts */
	bool automatic;          /* no person waits for an answer */
	struct text text, html;  /* source.fd -1: there is none */
	struct part *parts;
	size_t nparts;
};

/*
 * Writes the message with LF lines: Subject, To, MIME-Version, and a structure
 * no deeper than need be:
 *
 *   multipart/mixed            if there are files that the HTML does not show
 *     multipart/alternative    if there are text and HTML
 *       text/plain
 *       multipart/related      if the HTML shows files
 *         text/html
 *         files
 *     files
 *
 * Date, From and Message-ID are the submission's.  Where the HTML refers to a
 * file by cid: and its name, the copy of it that is in c is changed to the id
 * that the part gets.  An empty text beside HTML is left out.  EX_OK, or what
 * to exit with; why is logged, and what was written is of no use.
 */
int compose_message(struct compose *, FILE *out)
    __attribute__((warn_unused_result));

#endif
