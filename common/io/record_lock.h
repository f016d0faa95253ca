/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_IO_RECORD_LOCK_H
#define RESTANTE_COMMON_IO_RECORD_LOCK_H

#include <sys/types.h>

/*
 * Takes (F_WRLCK) or gives back (F_UNLCK) a lock on a part of a file, of its
 * open description; len 0: to the end.  Tries so often, with a pause of so many
 * microseconds between.  0, or -1 with errno.
 */
int record_lock(int fd, short type, off_t from, off_t len, int tries,
    long pause) __attribute__((warn_unused_result));

#endif
