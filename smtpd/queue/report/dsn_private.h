/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_QUEUE_REPORT_DSN_PRIVATE_H
#define RESTANTE_SMTPD_QUEUE_REPORT_DSN_PRIVATE_H

#include "smtpd/queue/report/bounce.h"
#include "smtpd/queue/report/wrap_text.h"

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

/*
 * The text of a report (RFC 3464 in a multipart/report, RFC 6522): what people
 * read, what programs read, and the message or its header section.  With
 * SMTPUTF8 the parts are those of RFC 6533.
 */

enum {
	DSN_WHOLE = 50000,    /* octets: smaller messages are sent back whole */
	DSN_ASKED = 1048576,  /* and with RET=FULL those smaller than this */
	DSN_HEADER = 1048576, /* header sections are cut there */
	DSN_LISTED = 100,     /* recipients that people are told about */
};

struct dsn {
	const struct config *config;
	const struct queue_file *file; /* the message that it is about */
	const struct report_recipient *recipients;
	size_t count;      /* at least 1 */
	const char *id;    /* of the report */
	const char *to;    /* an address */
	bool utf8;         /* it may travel with SMTPUTF8 alone */
	bool undelivered;  /* about a report or the like, for postmaster */
	time_t now, until; /* until: a delayed message is given up */
};

/*
 * Writes the report in wire form; *eight_bit: it is not all ASCII.  0, or -1
 * with errno: the message could not be read, or the report not be written.
 */
int dsn_compose(const struct dsn *, FILE *out, bool *eight_bit)
    __attribute__((warn_unused_result));

/* ---- between dsn.c and dsn_text.c ---- */

/* How much of the message comes with the report. */
enum dsn_return { DSN_MESSAGE, DSN_HEADER_ASKED, DSN_HEADER_LARGE };

/* The first part, for people. */
void dsn_text(const struct dsn *, enum dsn_return, struct wrap *);

#endif
