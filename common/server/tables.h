/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_SERVER_TABLES_H
#define RESTANTE_COMMON_SERVER_TABLES_H

#include "common/server/slot.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * The users' names, the aliases and the rules of access, which sessions and
 * workers inherit.
 */

/*
 * Reads again what has changed.  The image of a long file is made by another
 * process, and what was read before serves until it is there.
 */
void tables_refresh(struct server *);

/* Does the same in a child, but only with what is ready. */
void tables_reread(struct server *);

/*
 * Makes the images of the long files; of no use but in a child.  Returns its
 * exit status: EX_OK, EX_TEMPFAIL if a file has changed meanwhile, or
 * EX_CANTCREAT.
 */
int tables_make(const struct server *);

/* Notes that a child has ended; true if it made images. */
bool tables_maker_ended(struct server *, pid_t, int status);

#endif
