/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_LOG_H
#define RESTANTE_COMMON_LOG_H

#include <stdbool.h>

/*
 * One line per event, to syslog (facility mail) or to stderr.  Whatever the
 * arguments hold, a line is one line: bytes outside printable ASCII appear as
 * \xHH, and it is cut at 1 KiB.  Never blocks and never fails: a full or dead
 * syslog loses lines, not mail.
 */

enum log_to {
	LOG_TO_PERSON, /* stderr, of somebody who typed a command */
	LOG_TO_STDERR, /* with process ids */
	LOG_TO_SYSLOG,
};

/* Opens the log; safe to call again.  ident is kept, not copied. */
void log_open(const char *ident, enum log_to);

/* The descriptor the log is written to, or -1: a sandboxed process keeps it. */
int log_fd(void);

void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
