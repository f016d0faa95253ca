/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_IO_GIVEUP_H
#define RESTANTE_COMMON_IO_GIVEUP_H

#include <stdbool.h>

/*
 * The server may ask a session by SIGUSR1 to give up the message that is coming
 * in: see common/server/room.h.  The file is emptied where the signal arrives,
 * which is in deadline_wait(), however long its client says nothing, or in
 * giveup_asked().
 */

/* From here on the signal is kept until then, and means nothing yet. */
void giveup_catch(void);

/* A message begins, in that file. */
void giveup_begin(int file);

/*
 * True if the message under way has to be given up; its file is empty then, and
 * no more may be written to it.
 */
bool giveup_asked(void);

/* It is over, or somebody else has its file now: it is emptied no more. */
void giveup_end(void);

#endif
