/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_IO_STATEFILE_H
#define RESTANTE_COMMON_IO_STATEFILE_H

#include "common/config/config.h"

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

/*
 * The small files below "state" that several processes share: penalties, the
 * greylist, statistics.  Nobody trusts what is in them, so that a file of the
 * wrong kind is refused and no lock is waited for for long.
 */

/* STATE/NAMEENDING; 0, or -1: ENAMETOOLONG. */
int statefile_path(const struct config *, const char *name, const char *ending,
    char path[PATH_MAX]) __attribute__((warn_unused_result));

/* Makes the directory if it is missing, for all to read. */
void statefile_folder(const struct config *);

/*
 * Opens a file (flags as of open(2); O_CREAT: with mode 0600), without
 * following a link or waiting for a FIFO, and fills in what it is.  -1: errno;
 * EPERM: it is no regular file.
 */
int statefile_open(const char *path, int flags, struct stat *)
    __attribute__((warn_unused_result));

/*
 * Gives the file its size with all the room on the disk: a hole that cannot be
 * filled would end a process that writes to a mapping of it by a signal.
 */
int statefile_size(int fd, off_t size) __attribute__((warn_unused_result));

/*
 * Takes (F_WRLCK) or gives back (F_UNLCK) a lock on a part of a file, of its
 * open description; len 0: to the end.  Makes the given number of tries, with
 * a pause of that many microseconds between them.  0, or -1 with errno.
 */
int statefile_lock(int fd, short type, off_t from, off_t len, int tries,
    long pause) __attribute__((warn_unused_result));

/*
 * True once in 24 hours, for whoever asks first: for what is worth saying, and
 * not for each message.  STATE/NAME keeps the time; where it cannot be written,
 * the answer is always true.
 */
bool statefile_due(const struct config *, const char *name);

#endif
