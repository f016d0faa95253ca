/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_IO_OWNED_H
#define RESTANTE_COMMON_IO_OWNED_H

#include <sys/types.h>

/*
 * Files in a directory that a user owns.  The user can put anything there at
 * any time: a link that leads elsewhere, a FIFO that nobody ever opens at its
 * other end, the second name of another file.  So all such files are opened
 * here, and by a process that has become the user.
 */

/*
 * Opens a file of that name in a directory, with flags as those of open(2).  It
 * never waits and never follows a link.  -1 with errno; EPERM: what is there is
 * not a regular file that belongs to us and has one name, or we are root and
 * the directory is a user's.  A file that is made has mode 0600.
 */
int owned_open(int directory, const char *name, int flags)
    __attribute__((warn_unused_result));

/* Opens one in a directory that is named by its path. */
int owned_open_at(const char *directory, const char *name, int flags)
    __attribute__((warn_unused_result));

enum owned {
	OWNED_FINE, /* a file of ours, or nothing */
	OWNED_NO_FILE,
	OWNED_BY_ANOTHER,
	OWNED_LINKED,
};

/* Finds the reason why owned_open() does not open the file. */
enum owned owned_look(int directory, const char *name);

enum { OWNED_TEXT = 1024 };

/* Says for the log what is wrong with a file, and what to type. */
void owned_text(
    enum owned, const char *directory, const char *name, char text[OWNED_TEXT]);

/*
 * Says for the log why owned_open_at() has just failed with errno; that stays.
 */
void owned_why(const char *directory, const char *name, char text[OWNED_TEXT]);

#endif
