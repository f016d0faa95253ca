/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SESSION_COMMAND_COUNTS_H
#define RESTANTE_SMTPD_SESSION_COMMAND_COUNTS_H

#include <stdbool.h>
#include <stddef.h>

/* How often a client gave each command, and how often that succeeded. */

enum { COMMAND_COUNTS_VERBS = 16, COMMAND_COUNTS_TEXT = 512 };

struct command_counts {
	struct {
		unsigned good, all;
	} verbs[COMMAND_COUNTS_VERBS]; /* in the order in which they are written
	                                */
};

/*
 * The verb that a line begins with, as it is logged and counted; "UNKNOWN" if
 * it is none, because that may be a password out of place.
 */
const char *command_counts_verb(const char *line);

/* Counts a command; one that is unknown counts as "unknown". */
void command_counts_add(struct command_counts *, const char *verb, bool good);

/*
 * Writes " ehlo=1 rcpt=0/2 quit=1 commands=2/4" into text: those that
 * succeeded, and of how many if some did not.  Returns text.
 */
const char *command_counts_text(
    const struct command_counts *, char text[COMMAND_COUNTS_TEXT]);

#endif
