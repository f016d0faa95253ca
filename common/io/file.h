/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_IO_FILE_H
#define RESTANTE_COMMON_IO_FILE_H

#include <stddef.h>
#include <sys/types.h>

/* Whole reads and writes at offsets.  0, or -1 with errno; EIO: the file ends
   before. */
int file_read(int fd, void *data, size_t len, off_t at)
    __attribute__((warn_unused_result));
int file_write(int fd, const void *data, size_t len, off_t at)
    __attribute__((warn_unused_result));

/* Moves octets within a file, where both places may overlap; those in between
   are what they may be.  0, or -1 with errno. */
int file_move(int fd, off_t from, off_t to, size_t len)
    __attribute__((warn_unused_result));

/* Appends all of it at the descriptor's position.  0, or -1 with errno. */
int file_append(int fd, const void *data, size_t len)
    __attribute__((warn_unused_result));

/* pread(2), again if a signal came: as many octets as there are at once. */
ssize_t file_read_some(int fd, void *data, size_t len, off_t at)
    __attribute__((warn_unused_result));

/* read(2), again if a signal came: as many octets as there are at once. */
ssize_t file_next(int fd, void *data, size_t len)
    __attribute__((warn_unused_result));

/* Reads to the end of the file, at most size octets; how many, or -1: errno. */
ssize_t file_read_all(int fd, void *data, size_t size)
    __attribute__((warn_unused_result));

/*
 * Makes a file without a name in the directory, to read and write; where the
 * file system has no such files, it has a name for a moment.  -1: errno.
 */
int file_unnamed(const char *directory);

/*
 * Empties a file.  One that is empty is left alone: the file system would write
 * its inode all the same.  0, or -1 with errno.
 */
int file_empty(int fd) __attribute__((warn_unused_result));

/* The disk may begin to write this; only a sync says that it has. */
void file_start(int fd, size_t len, off_t at);

#endif
