/* SPDX-License-Identifier: ISC */
/* The proof of --setup: a mail is sent, and collected by POP3. */
#include "common/log/log.h"
#include "smtpd/admin/setup_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TOKEN = 16, LINE = 1024, PATIENCE = 60, MOST_LINES = 1000 };

/* Finds pop3d beside this program, or where a build has it. */
static bool
find_pop3d(char path[SETUP_PATH])
{
	char self[SETUP_PATH];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n <= 0) {
		return false;
	}
	self[n] = '\0';
	char *slash = strrchr(self, '/');
	if (slash == NULL) {
		return false;
	}
	*slash = '\0';
	snprintf(path, SETUP_PATH, "%.900s/pop3d", self);
	if (access(path, X_OK) == 0) {
		return true;
	}
	snprintf(path, SETUP_PATH, "%.900s/../pop3d/pop3d", self);
	return access(path, X_OK) == 0;
}

/* A connection over loopback: our end, and the server's.  false: errno. */
static bool
connect_pair(int ends[2])
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const struct timeval patience = { .tv_sec = PATIENCE };
	socklen_t size = sizeof(a);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ends[1] = -1;
	if (listener != -1 && ends[0] != -1 &&
	    bind(listener, (struct sockaddr *)&a, size) == 0 &&
	    listen(listener, 1) == 0 &&
	    getsockname(listener, (struct sockaddr *)&a, &size) == 0 &&
	    setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &patience,
		sizeof(patience)) == 0 &&
	    connect(ends[0], (struct sockaddr *)&a, size) == 0) {
		ends[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	}
	if (listener != -1) {
		close(listener);
	}
	if (ends[1] == -1 && ends[0] != -1) {
		close(ends[0]);
	}
	return ends[1] != -1;
}

/* Says something, and reads the one line of the answer.  false: not +OK. */
static bool say(FILE *in, char line[LINE], const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static bool
say(FILE *in, char line[LINE], const char *fmt, ...)
{
	char text[LINE];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	bool said = n > 0 && n < LINE &&
	            send(fileno(in), text, (size_t)n, MSG_NOSIGNAL) == n;
	explicit_bzero(text, sizeof(text));
	return said && fgets(line, LINE, in) != NULL &&
	       strncmp(line, "+OK", 3) == 0;
}

/* Looks for the token in the last message, and removes that if it has it. */
static bool
collect(FILE *in, const char *user, const char *password, const char *token)
{
	char line[LINE], number[32];
	bool found = false;

	if (fgets(line, LINE, in) == NULL ||
	    !say(in, line, "USER %s\r\n", user) ||
	    !say(in, line, "PASS %s\r\n", password) ||
	    !say(in, line, "STAT\r\n")) {
		return false;
	}
	snprintf(number, sizeof(number), "%lu", strtoul(line + 3, NULL, 10));
	if (!say(in, line, "TOP %s 0\r\n", number)) {
		return false;
	}
	for (int i = 0; i < MOST_LINES && fgets(line, LINE, in) != NULL &&
			strcmp(line, ".\r\n") != 0;
	     i++) {
		found = found || strstr(line, token) != NULL;
	}
	return (!found || say(in, line, "DELE %s\r\n", number)) &&
	       say(in, line, "QUIT\r\n") && found;
}

/* Starts pop3d for one connection, and collects. */
static bool
try_pop3(const struct setup_place *place, const struct setup_answers *a,
    const char *password, const char *token)
{
	char pop3d[SETUP_PATH];
	int ends[2], status;

	if (!find_pop3d(pop3d) || !connect_pair(ends)) {
		return false;
	}
	pid_t pid = fork();
	if (pid == 0) {
		if (dup2(ends[1], STDIN_FILENO) != -1 &&
		    dup2(ends[1], STDOUT_FILENO) != -1) {
			execl(pop3d, "pop3d", place->system ? NULL : "-c",
			    place->conf, (char *)NULL);
		}
		_exit(127);
	}
	close(ends[1]);
	FILE *in = pid == -1 ? NULL : fdopen(ends[0], "r");
	bool good = in != NULL && collect(in, a->user, password, token);
	if (in != NULL) {
		fclose(in);
	} else {
		close(ends[0]);
	}
	while (pid != -1 && waitpid(pid, &status, 0) == -1 && errno == EINTR) {
	}
	return good;
}

int
setup_try(const struct setup_place *place, const struct setup_answers *a,
    const char *password)
{
	char address[CONFIG_NAME + SETUP_LOCAL + 2], conf[SETUP_PATH];
	char token[2 * TOKEN + 1], message[LINE];
	char self[] = "/proc/self/exe", c[] = "-c", i[] = "-i";
	char *own[] = { self, c, conf, i, address, NULL };
	char *system[] = { self, i, address, NULL };

	snprintf(address, sizeof(address), "%s@%s", a->user, a->domain);
	snprintf(token, sizeof(token), "%08x%08x", arc4random(), arc4random());
	strlcpy(conf, place->conf, sizeof(conf));
	snprintf(message, sizeof(message),
	    "To: %s\nSubject: restante works (%s)\n\n"
	    "smtpd --setup has sent this.\n",
	    address, token);
	if (setup_run(place->system ? system : own, message) != 0) {
		printf("error: a mail to %s could not be sent; the lines above "
		       "and smtpd --check say why\n",
		    address);
		return -1;
	}
	if (a->hosted || password[0] == '\0') {
		printf("ok: a mail to %s was sent\n", address);
		return 0;
	}
	if (!try_pop3(place, a, password, token)) {
		printf("error: a mail to %s was sent, but could not be "
		       "collected by POP3; type: smtpd --check\n",
		    address);
		return -1;
	}
	printf("ok: a mail to %s was sent, and collected by POP3\n", address);
	return 0;
}
