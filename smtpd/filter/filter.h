/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_FILTER_FILTER_H
#define RESTANTE_SMTPD_FILTER_FILTER_H

#include "common/job/job.h"
#include "smtpd/job/requests.h"

#include <stdbool.h>
#include <stddef.h>

/* Has a filter (milter) look at a message: REQUEST_FILTER. */

bool filter_valid(const void *payload, size_t size);

/*
 * A worker, which connects to the filter and gives up its rights before it
 * reads anything of the message or of the filter.  STATUS_OK: there is an
 * answer, and the body file is as the filter wants it, or, unless that is
 * FILTER_ACCEPT, as it was.  STATUS_TEMPORARY: the file may be neither.
 */
enum status filter_run(const struct task *);

/* What a filter says of a message. */
enum { FILTER_TEXT = 1024 };
struct filter_probe {
	bool answered;
	bool refused; /* or discarded, held or marked as spam */
	char text[FILTER_TEXT];
};

/*
 * Sends a filter the message in an open file, as if a stranger had sent it.
 * Gives up all rights, so that a process of its own has to call this.
 */
void filter_probe(
    const struct config *, size_t filter, int fd, struct filter_probe *);

#endif
