/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_LOG_STATS_REPORT_H
#define RESTANTE_COMMON_LOG_STATS_REPORT_H

#include "common/config/config.h"
#include "common/log/stats.h"

#include <stdio.h>

/* The counts of common/log/stats.h, printed. */

enum stats_form {
	STATS_TEXT,       /* a table for people, without counts that are 0 */
	STATS_JSON,       /* an object */
	STATS_PROMETHEUS, /* its text format, version 0.0.4 */
};

/*
 * Reads the counts and prints them.  0, or -1 with errno: they cannot be read
 * (EINVAL: the file is damaged).  Errors of output are the stream's.
 */
int stats_report(const struct config *, FILE *, enum stats_form)
    __attribute__((warn_unused_result));

/*
 * Replaces "stats-file", if the configuration names one, for the textfile
 * collector of Prometheus' node exporter.  Trouble is logged.
 */
void stats_report_write(const struct config *);

/* Prints counts as of that day; errors are the stream's. */
void stats_report_print(
    FILE *, const struct stats_image *, uint32_t today, enum stats_form);

#endif
