/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_FILEIO_H
#define RESTANTE_SPOOL_FILEIO_H

#include <stddef.h>
#include <sys/types.h>

/* Whole reads and writes at offsets.  0, or -1 with errno; EIO: the file ends
   before. */
int file_read(int fd, void *data, size_t len, off_t at)
    __attribute__((warn_unused_result));
int file_write(int fd, const void *data, size_t len, off_t at)
    __attribute__((warn_unused_result));

/* Appends all of it at the descriptor's position.  0, or -1 with errno. */
int file_append(int fd, const void *data, size_t len)
    __attribute__((warn_unused_result));

/* pread(2), again if a signal came: as many octets as there are at once. */
ssize_t file_read_some(int fd, void *data, size_t len, off_t at)
    __attribute__((warn_unused_result));

/* The disk may begin to write this; only a sync says that it has. */
void file_start(int fd, size_t len, off_t at);

#endif
