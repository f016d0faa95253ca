/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_STORED_H
#define RESTANTE_SPOOL_STORED_H

#include "spool/mailbox.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Puts messages of other servers' files into the form in which a mailbox of
 * ours has them (mbox.h), from one file into another.
 */

/*
 * Gives out the lines between two places of a file as they are, until the
 * function answers false.  0, or -1 with errno.
 */
int stored_lines(int fd, int64_t from, int64_t to, mailbox_line *,
    void *context) __attribute__((warn_unused_result));

/* A message as it is there. */
struct stored_source {
	int fd;
	int64_t from, to;      /* without a From_ line */
	const char *from_line; /* the one that it gets, with its LF */
	const char *fields;    /* whole lines of header fields of ours */
	/*
	 * It comes from an mbox: what mail readers keep in fields of their own
	 * (Status and its like) is kept, and what tells of that file
	 * (Content-Length and its like) is left out.
	 */
	bool mbox;
	bool quoted; /* its From_ lines have a ">" before them */
};

/*
 * Writes it into the file out from an offset on, and says where.  0, or -1 with
 * errno.
 */
int stored_write(const struct stored_source *, int out, off_t at,
    struct message *) __attribute__((warn_unused_result));

#endif
