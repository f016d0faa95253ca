/* SPDX-License-Identifier: ISC */
/*
 * The log.  Its own few lines of syslog client (RFC 3164 datagrams) instead of
 * syslog(3), because that one blocks while syslogd's queue is full and opens a
 * new socket when syslogd restarts, which a sandboxed session may not.
 */
#include "common/log/log.h"

#include "common/config/config.h"
#include "common/log/log_json.h"

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
static const char *log_name = "";
static bool log_urgency;
static enum log_to log_to = LOG_TO_PERSON;
static int log_socket = -1;
static pid_t log_process;
static bool log_objects;

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

/*
 * Has lines begin with NAME/PART[pid], as those of mail systems that are many
 * programs do, and problems with "warning:" or "error:"; but for a
 * person's.  "": PART alone; NULL: nor those words.  It is kept, not copied.
 */
static void
log_system(const char *name)
{
	log_name = name == NULL ? "" : name;
	log_urgency = name != NULL;
}

/* Has lines be JSON objects, see log_json.h; but for a person's. */
static void
log_as_json(bool objects)
{
	log_objects = objects;
}

void
log_part(const char *part)
{
	log_ident = part;
}

void
log_pid(pid_t pid)
{
	log_process = pid;
}

bool
log_start(const struct config *c, const char *program, bool foreground)
{
	bool to_stderr =
	    c->log == LOG_STDERR || (c->log == LOG_DEFAULT && foreground);

	/* Programs that read the lines of POP3 servers know "pop3d" alone. */
	log_system(strcmp(program, "pop3d") == 0 ? NULL : c->log_name);
	log_as_json(c->log_json);
	log_open(program, to_stderr ? LOG_TO_STDERR : LOG_TO_SYSLOG);
	return to_stderr;
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

static pid_t
process(void)
{
	return log_process != 0 ? log_process : getpid();
}

/* What stands in front of the text; its length. */
static size_t
begin_line(int level, const char *part, char *line, size_t size)
{
	const char *slash = log_name[0] == '\0' ? "" : "/";
	char stamp[32] = "", priority[16] = "";
	time_t now = time(NULL);
	struct tm tm;
	int n;

	if (log_objects && log_to == LOG_TO_STDERR) {
		return 0;
	}
	if (log_to == LOG_TO_PERSON) {
		n = snprintf(line, size, "%s: ", log_ident);
		return n < 0 ? 0 : (size_t)n;
	}
	if (log_to == LOG_TO_SYSLOG) {
		snprintf(priority, sizeof(priority), "<%d>", LOG_MAIL | level);
		if (localtime_r(&now, &tm) != NULL) {
			strftime(stamp, sizeof(stamp), "%b %e %H:%M:%S ", &tm);
		}
	}
	n = snprintf(line, size, "%s%s%s%s%s[%d]: ", priority, stamp, log_name,
	    slash, part, (int)process());
	return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

static size_t
object(int level, const char *part, const char *text, char *line)
{
	char program[LINE_SIZE / 2];
	struct log_entry e = { .program = program,
		.pid = process(),
		.level = level == LOG_INFO      ? "info"
		         : level == LOG_WARNING ? "warning"
		                                : "error",
		.text = text };

	snprintf(program, sizeof(program), "%s%s%s", log_name,
	    log_name[0] == '\0' ? "" : "/", part);
	clock_gettime(CLOCK_REALTIME, &e.time);
	return log_json(&e, line);
}

/* What the text begins with. */
static const char *
urgency(int level)
{
	if (log_to == LOG_TO_PERSON || !log_urgency) {
		return "";
	}
	return level == LOG_INFO      ? ""
	       : level == LOG_WARNING ? "warning: "
	                              : "error: ";
}

static void put_line(int level, const char *part, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));

static void
put_line(int level, const char *part, const char *fmt, va_list ap)
{
	char text[LINE_SIZE], line[LINE_SIZE / 2 + LOG_JSON + 2];

	size_t n = strlcpy(text, urgency(level), sizeof(text));
	vsnprintf(text + n, sizeof(text) - n, fmt, ap);
	size_t len = begin_line(level, part, line, LINE_SIZE / 2);
	if (log_objects && log_to != LOG_TO_PERSON) {
		len += object(level, part, text, line + len);
	} else {
		len = escape(line, len, LINE_SIZE, text);
	}
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
	put_line(LOG_INFO, log_ident, fmt, ap);
	va_end(ap);
}

void
log_info_as(const char *part, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	put_line(LOG_INFO, part, fmt, ap);
	va_end(ap);
}

void
log_warn(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	put_line(LOG_WARNING, log_ident, fmt, ap);
	va_end(ap);
}

void
log_error(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	put_line(LOG_ERR, log_ident, fmt, ap);
	va_end(ap);
}

static const char *
without(const char *text, const char *bad, char *dst, size_t size)
{
	size_t n = 0;

	for (; text[n] != '\0' && n + 1 < size; n++) {
		dst[n] = strchr(bad, text[n]) != NULL ? '?' : text[n];
	}
	dst[n] = '\0';
	return dst;
}

const char *
log_value(const char *text, char *dst, size_t size)
{
	return without(text, " \t\r\n,;:=<>()[]\"'", dst, size);
}

const char *
log_path(const char *text, char *dst, size_t size)
{
	return without(text, "<>", dst, size);
}
