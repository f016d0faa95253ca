/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_QUEUE_DELIVERY_LOG_H
#define RESTANTE_SMTPD_QUEUE_DELIVERY_LOG_H

#include "common/config/config.h"
#include "common/log/stats.h"
#include "spool/mail.h"

/*
 * The log's line on what came of a try to deliver, shaped like Postfix's; and
 * it is counted.
 */

struct delivery_log {
	const char *part; /* of the mail system: smtp, local */
	const char *id;
	const struct config *config;
	const struct recipient *to;
	const char *relay; /* who was asked: mx.example.org[192.0.2.1]:25 */
	long long before;  /* ms from its arrival until we turned to it, */
	long long waited;  /* until somebody was told to carry it, */
	long long took;    /* and until this came of it */
	const char *dsn, *status;
	const char *text;  /* what was said */
	enum stats counts; /* as what it counts */
};

void delivery_log(const struct delivery_log *);

/*
 * How a recipient is named there: a user here as an address of the first
 * domain.  Returns text.
 */
const char *delivery_log_name(
    const struct config *, const struct recipient *, char *text, size_t size);

#endif
