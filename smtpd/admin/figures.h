/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ADMIN_FIGURES_H
#define RESTANTE_SMTPD_ADMIN_FIGURES_H

#include "common/config/config.h"
#include "common/log/stats.h"

#include <stdio.h>

/* The counts of common/log/stats.h, for those who want to know. */

enum figures {
	FIGURES_TEXT,       /* a table for people: what is not 0 */
	FIGURES_JSON,       /* an object */
	FIGURES_PROMETHEUS, /* its text format, version 0.0.4 */
};

/* smtpd --stats.  An exit status of sysexits.h. */
int figures_show(const struct config *, enum figures);

/*
 * Puts them into "stats-file", if there is one, in one step, for the textfile
 * collector of Prometheus' node exporter.  Trouble is logged.
 */
void figures_write(const struct config *);

/* Prints them, as seen on that day; errors are the stream's. */
void figures_print(
    FILE *, const struct stats_image *, uint32_t today, enum figures);

#endif
