/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_QUEUE_DELIVERY_LOG_H
#define RESTANTE_SMTPD_QUEUE_DELIVERY_LOG_H

#include "common/config/config.h"
#include "common/log/stats.h"
#include "spool/mail.h"

/*
 * Logs the result of a delivery attempt, in a line shaped like Postfix's, and
 * counts it.
 */

struct delivery_log {
	const char *part; /* of the mail system: smtp, local */
	const char *id;
	const struct config *config;
	const struct recipient *to;
	const char *relay; /* the host: mx.example.org[192.0.2.1]:25 */
	long long before;  /* ms from its arrival to its claim, */
	long long waited;  /* until it was given to an agent, */
	long long took;    /* and until this result */
	const char *dsn, *status;
	const char *text;  /* reply or reason */
	enum stats counts; /* the statistic */
};

void delivery_log(const struct delivery_log *);

#endif
