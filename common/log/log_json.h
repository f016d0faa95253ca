/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_LOG_LOG_JSON_H
#define RESTANTE_COMMON_LOG_LOG_JSON_H

#include <stddef.h>
#include <sys/types.h>
#include <time.h>

/* A line of the log as a JSON object.  Pure. */

struct log_entry {
	struct timespec time;
	const char *program; /* restante/smtpd */
	pid_t pid;
	const char *level; /* info, warning, error */
	const char *text;
};

enum { LOG_JSON = 4000 }; /* octets at most, without a line end */

/*
 * Writes {"time":...,"program":...,"pid":...,"level":...,"id":...,"event":...,
 * "message":...,"fields":{...}}, where id, event and fields are there if the
 * text has them: see log_fields().  Always valid UTF-8 and JSON: octets that
 * are not UTF-8 appear as \xHH, and what does not fit is left out.  Its length.
 */
size_t log_json(const struct log_entry *, char line[LOG_JSON + 1]);

#endif
