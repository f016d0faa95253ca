/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_FOREIGN_H
#define RESTANTE_SPOOL_FOREIGN_H

#include <errno.h>

/*
 * Files that are no mbox.  Read as one, such a file would be an empty mailbox;
 * mail that is appended to it would be seen by nobody who reads it as what it
 * is.  So it is neither read nor written to until somebody has seen to it.
 */

/* The errno of a function that has met one; no call to the system has it. */
#define FOREIGN_FILE ENOEXEC

/*
 * Looks at the beginning of a file.  0: it is an mbox, or nothing but empty
 * lines, or begins with what a crash may leave of one: NULs, half a From_ line.
 * -1 with errno: FOREIGN_FILE, and *like says what it looks like; or it cannot
 * be read.
 */
int foreign_look(int fd, const char **like) __attribute__((warn_unused_result));

enum { FOREIGN_TEXT = 1024 };

/*
 * Says for the log why a mailbox could not be read or written to: strerror(),
 * and for FOREIGN_FILE what is there, and what to do.
 */
void foreign_why(int error, const char *path, char text[FOREIGN_TEXT]);

#endif
