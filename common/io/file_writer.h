/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_IO_FILE_WRITER_H
#define RESTANTE_COMMON_IO_FILE_WRITER_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Writes a file from some place on by large pieces, whatever it is given.  It
 * is large: not for the stack.
 */
struct file_writer {
	int fd;
	off_t at;  /* where the buffer will be written */
	int error; /* the first one, an errno; nothing is written after it */
	size_t len;
	char buffer[64 * 1024];
};

void file_writer_begin(struct file_writer *, int fd, off_t at);

void file_writer_put(struct file_writer *, const void *data, size_t len);

/* Writes what is left: at is then the end.  0, or -1 with errno. */
int file_writer_end(struct file_writer *) __attribute__((warn_unused_result));

#endif
