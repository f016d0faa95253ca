/* SPDX-License-Identifier: ISC */
/*
 * The log.  Its own few lines of syslog client (RFC 3164 datagrams) instead of
 * syslog(3), because that one blocks while syslogd's queue is full and opens a
 * new socket when syslogd restarts, which a sandboxed session may not.
 */
#include "common/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum { LINE_SIZE = 1024 };

static const char *log_ident = "restante";
static enum log_to log_to = LOG_TO_PERSON;
static int log_socket = -1;

void
log_open(const char *ident, enum log_to to)
{
	log_ident = ident;
	log_to = to;
	tzset();
	if (to != LOG_TO_SYSLOG || log_socket != -1) {
		return;
	}
	struct sockaddr_un un = { .sun_family = AF_UNIX,
		.sun_path = "/dev/log" };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd != -1 && connect(fd, (struct sockaddr *)&un, sizeof(un)) == -1) {
		close(fd);
		fd = -1;
	}
	log_socket = fd;
}

int
log_fd(void)
{
	return log_to == LOG_TO_SYSLOG ? log_socket : STDERR_FILENO;
}

/* Appends text to line, escaped; returns the new length. */
static size_t
escape(char *line, size_t len, size_t size, const char *text)
{
	static const char hex[] = "0123456789abcdef";

	for (; *text != '\0' && len + 5 < size; text++) {
		unsigned char c = (unsigned char)*text;
		if (c >= 0x20 && c < 0x7f && c != '\\') {
			line[len++] = (char)c;
			continue;
		}
		line[len++] = '\\';
		line[len++] = 'x';
		line[len++] = hex[c >> 4];
		line[len++] = hex[c & 15];
	}
	return len;
}

static void put(int level, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

static void
put(int level, const char *fmt, va_list ap)
{
	char text[LINE_SIZE], line[LINE_SIZE + 128], stamp[32] = "";
	time_t now = time(NULL);
	struct tm tm;

	vsnprintf(text, sizeof(text), fmt, ap);
	if (log_to == LOG_TO_SYSLOG && localtime_r(&now, &tm) != NULL) {
		strftime(stamp, sizeof(stamp), "%b %e %H:%M:%S ", &tm);
	}
	int n = log_to == LOG_TO_PERSON
	            ? snprintf(line, sizeof(line), "%s: ", log_ident)
	        : log_to == LOG_TO_STDERR
	            ? snprintf(line, sizeof(line), "%s[%d]: ", log_ident,
			  (int)getpid())
	            : snprintf(line, sizeof(line),
			  "<%d>%s%s[%d]: ", LOG_MAIL | level, stamp, log_ident,
			  (int)getpid());
	size_t len = escape(line, n < 0 ? 0 : (size_t)n, LINE_SIZE, text);
	if (log_to == LOG_TO_SYSLOG) {
		(void)send(log_socket, line, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		return;
	}
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) == -1) {
		return; /* nowhere left to say so */
	}
}

void
log_info(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	put(LOG_INFO, fmt, ap);
	va_end(ap);
}

void
log_warn(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	put(LOG_WARNING, fmt, ap);
	va_end(ap);
}

void
log_error(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	put(LOG_ERR, fmt, ap);
	va_end(ap);
}
