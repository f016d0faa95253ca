/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_QUEUE_REPORT_BOUNCE_H
#define RESTANTE_SMTPD_QUEUE_REPORT_BOUNCE_H

#include "common/config/config.h"
#include "spool/queue.h"

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/*
 * Delivery status notifications (RFC 3461, 3464): which are due, and putting
 * them into the queue as mail of their own.
 */

enum report_kind {
	REPORT_FAILED,    /* will never arrive */
	REPORT_DELAYED,   /* is still being tried */
	REPORT_DELIVERED, /* arrived, and NOTIFY=SUCCESS was given */
	REPORT_RELAYED,   /* went to a server that does not report */
	REPORT_EXPANDED,  /* went to a list */
};

/* One recipient in a report. */
struct report_recipient {
	size_t recipient; /* number in the file */
	enum report_kind kind;
	time_t tried;     /* last; 0: never */
	char dsn[12];     /* 5.1.1 */
	const char *host; /* that replied, or "" */
	const char *text; /* its reply, or our reason */
};

/* A report on some recipients of a message; all belongs to the caller. */
struct report {
	const struct config *config;
	struct queue_file *file;
	const struct report_recipient *recipients;
	size_t count; /* at least 1 */
	time_t until; /* REPORT_DELAYED: when the message is given up */
};

/*
 * True if the sender is to be told (NOTIFY).  A null sender is never told, but
 * failures of such mail are given to bounce_report() all the same.
 */
bool bounce_wanted(
    const struct mail *, const struct recipient *, enum report_kind);

/*
 * Writes the report and commits it to the queue, from <> to the sender.  If the
 * sender is <> (a bounce that failed) it goes to postmaster instead; if it was
 * for postmaster already, the message is moved to hold/, that is logged as an
 * error, and the result is -1 with errno EMLINK.  0: durable.  The report's id
 * is made from those of the message and its recipients, so that a report that
 * was committed before a crash is not written twice (EEXIST is success).
 */
int bounce_report(const struct report *) __attribute__((warn_unused_result));

#endif
