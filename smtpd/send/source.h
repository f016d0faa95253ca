/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SEND_SOURCE_H
#define RESTANTE_SMTPD_SEND_SOURCE_H

#include "common/text/transfer.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

/*
 * The source of a message: a file or, if it can be read only once, our own copy
 * in an unnamed file.  Functions return EX_OK, or log what is wrong and return
 * the exit status for that.
 */
struct source {
	int fd;           /* -1: there is none */
	const char *name; /* for messages; borrowed */
	struct stat before;
	off_t taken; /* octets that were read */
};

/* A new file without a name, for reading and writing; -1: logged. */
int source_scratch(void);

/* Opens a file.  Of a pipe a copy is made.  EX_NOINPUT: it cannot be read.  To
   be closed in any case. */
int source_open(struct source *, const char *path)
    __attribute__((warn_unused_result));

/* Copies all that can be read from a descriptor.  The same. */
int source_copy(struct source *, int from, const char *name)
    __attribute__((warn_unused_result));

/* Adds text to a copy. */
int source_add(struct source *, const char *text)
    __attribute__((warn_unused_result));

/* Reads on: how many octets, 0: the end, -1: logged. */
ssize_t source_read(struct source *, char *data, size_t size)
    __attribute__((warn_unused_result));

/* To be called at the end: EX_OK if the whole file was read, and is still
   the one that was opened. */
int source_check(const struct source *) __attribute__((warn_unused_result));

/* Returns to the beginning, for the next reader. */
int source_rewind(struct source *) __attribute__((warn_unused_result));

/* Reads it all, for what there is to know of it, and rewinds. */
int source_count(struct source *, struct transfer_count *)
    __attribute__((warn_unused_result));

void source_close(struct source *);

#endif
