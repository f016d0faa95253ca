/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SEND_PROGRESS_H
#define RESTANTE_SMTPD_SEND_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * A line on stderr that says how far things are: only if that is a terminal,
 * and it takes longer than a second.
 */
struct progress {
	bool on, shown;
	off_t total, done;
	int64_t next; /* when to show it again */
};

void progress_begin(struct progress *, off_t total);
void progress_add(struct progress *, size_t octets);
/* Takes the line away. */
void progress_end(struct progress *);

#endif
