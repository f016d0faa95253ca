/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_LOG_LOG_H
#define RESTANTE_COMMON_LOG_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * One line per event, to syslog (facility mail) or to stderr.  Whatever the
 * arguments hold, a line is one line: bytes outside printable ASCII appear as
 * \xHH, and it is cut at 1 KiB (4 of JSON).  Never blocks and never fails: a
 * full or dead syslog loses lines, not mail.
 */

struct config;

enum log_to {
	LOG_TO_PERSON, /* stderr of a command that a person typed */
	LOG_TO_STDERR, /* with process ids */
	LOG_TO_SYSLOG,
};

/* Opens the log; safe to call again.  ident is kept, not copied. */
void log_open(const char *ident, enum log_to);

/*
 * Opens it for a program as the keys "log" and "log-name" have it.  foreground:
 * a person reads the program's stderr, which is where the log goes unless the
 * configuration says otherwise.  True if it goes there.  The configuration must
 * outlive the process.
 */
bool log_start(const struct config *, const char *program, bool foreground);

/* The part of the mail system that this process is from now on; kept. */
void log_part(const char *part);

/*
 * The process that lines are said to come from: that of the connection's first
 * session process, whose number all its lines carry; 0: our own.
 */
void log_pid(pid_t);

/* The descriptor the log is written to, or -1: a sandboxed process keeps it. */
int log_fd(void);

void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* log_info() in the name of another part. */
void log_info_as(const char *part, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Text from outside as a value within a line: what could end the value or
 * begin another (blanks, commas, "=", brackets, quotes) becomes "?", so that
 * nobody's name makes another address look guilty.  log_path() is for what
 * stands between < and >, and leaves all but these.  Both cut at size, and
 * return dst.
 */
const char *log_value(const char *text, char *dst, size_t size);
const char *log_path(const char *text, char *dst, size_t size);

#endif
