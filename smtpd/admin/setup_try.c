/* SPDX-License-Identifier: ISC */
/* The proof of --setup: a mail is sent, and collected by POP3. */
#include "common/log/log.h"
#include "smtpd/admin/setup_private.h"
#include "spool/queue.h"

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

	if (!find_pop3d(pop3d)) {
		log_error("there is no pop3d beside this program");
		return false;
	}
	if (!connect_pair(ends)) {
		log_error("cannot connect to 127.0.0.1: %s; if the loopback "
			  "interface is down, type: ip link set lo up",
		    strerror(errno));
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

/* ---- mail that leaves ---- */

enum { ROUNDS = 30 };

/* What lies in the queue, without opening a file.  0, or -1, logged. */
static int
list_queue(const char *path, struct queue_list *list)
{
	struct queue q;

	memset(list, 0, sizeof(*list));
	if (queue_open(&q, path) == -1) {
		log_error("cannot read %s: %s", path, strerror(errno));
		return -1;
	}
	int rc = 0;
	for (int place = QUEUE_ACTIVE; rc == 0 && place <= QUEUE_HOLD;
	     place++) {
		rc = queue_scan(&q, (enum queue_place)place, (time_t)-1, list);
	}
	if (rc == -1) {
		log_error("cannot read %s: %s", path, strerror(errno));
	}
	queue_close(&q);
	return rc;
}

static bool
has_id(const struct queue_list *list, const char *id)
{
	for (size_t i = 0; i < list->count; i++) {
		if (strcmp(list->entries[i].id, id) == 0) {
			return true;
		}
	}
	return false;
}

/* True if one is in the queue that was not there before; tried: it was. */
static bool
is_waiting(
    const struct queue_list *before, const struct queue_list *now, bool *tried)
{
	bool found = false;

	for (size_t i = 0; i < now->count; i++) {
		if (!has_id(before, now->entries[i].id)) {
			found = true;
			*tried = now->entries[i].place != QUEUE_ACTIVE;
		}
	}
	return found;
}

/* Runs the queue until what has come since then has left, or was put off. */
static int
see_off(const struct setup_place *place, const char *path,
    const struct queue_list *before)
{
	const char *const run[] = { "-q", NULL };
	const char *const show[] = { "-bp", NULL };
	bool waits = true, tried = false;

	for (int i = 0; i < ROUNDS && waits && !tried; i++) {
		struct queue_list now;
		if (i > 0) {
			sleep(1); /* another runner has it */
		}
		if (setup_run_self(place, run, NULL, false) == -1 ||
		    list_queue(path, &now) == -1) {
			return -1;
		}
		waits = is_waiting(before, &now, &tried);
		queue_list_free(&now);
	}
	if (waits) {
		printf("error: the mail waits in the queue:\n");
		fflush(stdout);
		(void)setup_run_self(place, show, NULL, false);
	}
	return waits ? -1 : 0;
}

/* The queue of the configuration that is there now.  0, or -1, logged. */
static int
find_queue(const struct setup_place *place, char path[PATH_MAX])
{
	char error[CONFIG_ERROR];
	struct config *c =
	    config_load(place->system ? NULL : place->conf, error);

	if (c == NULL) {
		log_error("%s", error);
		return -1;
	}
	strlcpy(path, c->queue, PATH_MAX);
	free(c);
	return 0;
}

static int
submit(
    const struct setup_place *place, const char *address, const char *message)
{
	const char *const words[] = { "-i", address, NULL };

	return setup_run_self(place, words, message, false) == 0 ? 0 : -1;
}

/* Sends a mail that has to leave the machine, and waits until it has. */
static int
send_away(
    const struct setup_place *place, const char *address, const char *message)
{
	struct queue_list before;
	char path[PATH_MAX];

	if (find_queue(place, path) == -1 || list_queue(path, &before) == -1) {
		return -1;
	}
	int rc = submit(place, address, message);
	if (rc == 0) {
		rc = see_off(place, path, &before);
	}
	queue_list_free(&before);
	return rc;
}

int
setup_try(const struct setup_place *place, const struct setup_answers *a,
    const char *password)
{
	char address[CONFIG_NAME + SETUP_LOCAL + 2];
	char token[2 * TOKEN + 1], message[LINE];
	int rc;

	if (a->relay_open) {
		return 0; /* it could only wait */
	}
	snprintf(address, sizeof(address), "%s@%s", a->user, a->domain);
	snprintf(token, sizeof(token), "%08x%08x", arc4random(), arc4random());
	snprintf(message, sizeof(message),
	    "To: %s\nSubject: restante works (%s)\n"
	    "Auto-Submitted: auto-generated\n\n"
	    "smtpd --setup has sent this.\n",
	    address, token);
	rc = a->hosted ? send_away(place, address, message)
	               : submit(place, address, message);
	if (rc == -1) {
		printf("error: a mail to %s could not be sent; the lines above "
		       "and smtpd --check say why\n",
		    address);
	} else if (a->hosted) {
		printf("ok: a mail to %s has left by its provider\n", address);
	} else if (password[0] == '\0') {
		printf("ok: a mail to %s was sent\n", address);
	} else if (try_pop3(place, a, password, token)) {
		printf("ok: a mail to %s was sent, and collected by POP3\n",
		    address);
	} else {
		printf("error: a mail to %s was sent, but could not be "
		       "collected by POP3; type: smtpd --check\n",
		    address);
		rc = -1;
	}
	return rc;
}
