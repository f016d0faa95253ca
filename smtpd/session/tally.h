/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SESSION_TALLY_H
#define RESTANTE_SMTPD_SESSION_TALLY_H

#include <stdbool.h>
#include <stddef.h>

/* How often a client gave each command, and how often it was obeyed. */

enum { TALLY_VERBS = 16, TALLY_TEXT = 512 };

struct tally {
	struct {
		unsigned good, all;
	} verbs[TALLY_VERBS]; /* in the order in which they are written */
};

/* Counts a command; one that nobody knows counts as "unknown". */
void tally_add(struct tally *, const char *verb, bool good);

/*
 * Writes " ehlo=1 rcpt=0/2 quit=1 commands=2/4" into text: good ones, of how
 * many if some were not.  Returns text.
 */
const char *tally_text(const struct tally *, char text[TALLY_TEXT]);

#endif
