/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_OPTIONS_PRIVATE_H
#define RESTANTE_SMTPD_OPTIONS_PRIVATE_H

#include "smtpd/options.h"

/* What the files that parse the command line share. */

struct command_line {
	struct options *o;
	char **argv; /* the word under way */
	char *error;
};

/* Says what is wrong with a word; returns -1. */
int options_fail(
    const struct command_line *, const char *what, const char *word);

/* ---- options_dsn.c: 0, or -1 with a message ---- */

/* -N never, or a list of the others. */
int options_notify(struct command_line *, const char *list);
/* -R full or hdrs. */
int options_return(struct command_line *, const char *what);
/* -V, an envelope identifier. */
int options_envid(struct command_line *, const char *id);

#endif
