/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_LOCAL_LOCAL_MESSAGE_H
#define RESTANTE_SMTPD_LOCAL_LOCAL_MESSAGE_H

#include "spool/mail.h"

#include <stdbool.h>
#include <sys/types.h>

/* A message of the queue, as local deliveries want it. */
struct local_message {
	struct mail mail;
	int fd;     /* the queue file; not ours */
	off_t body; /* where its body begins */
	int text;   /* the body with LF lines, in a file without a name */
};

/*
 * Reads the head of a queue file, and writes its body with LF lines into a
 * file in the directory.  0, or -1 with errno; EINVAL: it is damaged.
 */
int local_message_open(struct local_message *, int fd, const char *directory)
    __attribute__((warn_unused_result));
void local_message_close(struct local_message *);

/* True if the header has exactly that line, in any case of letters. */
bool local_message_has_line(const struct local_message *, const char *line);

/*
 * The body in wire form with one more header line on top (given without its
 * end), in a file without a name in the directory.  A descriptor, or -1.
 */
int local_message_copy(const struct local_message *, const char *line,
    const char *directory) __attribute__((warn_unused_result));

#endif
