/* SPDX-License-Identifier: ISC */
/*
 * Passwords of smarthosts, by the key relay-password.  Runs with the rights of
 * the queue runner, so possibly as root, but only what the configuration says.
 */
#include "smtpd/relay/secret.h"

#include "common/io/deadline.h"
#include "common/io/file.h"
#include "common/process/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	COMMAND_TIMEOUT = 30 * 1000, /* ms */
	DEATH = 2 * 1000,            /* ms for the end of what is killed */
	MAX_WORDS = 64,
};

/* The source of the rule for the hop, or NULL. */
static const char *
find_source(const struct config *config, const struct hop *hop)
{
	const struct config_rule *rule =
	    hop_rule(hop, config->relay_passwords, config->nrelay_passwords);

	return rule == NULL ? NULL : rule->value;
}

/* Cuts the text off after its first line. */
static int
first_line(
    struct secret *s, size_t len, const char *what, char why[CONFIG_ERROR])
{
	s->text[len] = '\0';
	bool nul = strlen(s->text) != len;
	size_t line = strcspn(s->text, "\r\n");
	bool cut = line == len && len == sizeof(s->text) - 1;
	s->text[line] = '\0';
	if (line == 0 || nul || cut) {
		snprintf(why, CONFIG_ERROR, "no password in the first line %s",
		    what);
		return -1;
	}
	return 0;
}

static int
from_file(struct secret *s, const char *path, char why[CONFIG_ERROR])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd == -1 ? -1 : read(fd, s->text, sizeof(s->text) - 1);

	if (n == -1) {
		snprintf(why, CONFIG_ERROR,
		    "cannot read the password: %.200s: %s", path,
		    strerror(errno));
	}
	if (fd != -1) {
		close(fd);
	}
	return n == -1 ? -1 : first_line(s, (size_t)n, "of the file", why);
}

/* In the child: runs the words, its output into the pipe. */
static _Noreturn void
exec_command(const char *command, int out, int complaints)
{
	char words[CONFIG_VALUE], *rest = words;
	char *argv[MAX_WORDS + 1];
	size_t n = 0;

	strlcpy(words, command, sizeof(words));
	while (rest != NULL && n < MAX_WORDS) {
		char *word = strsep(&rest, " \t");
		if (*word != '\0') {
			argv[n++] = word;
		}
	}
	argv[n] = NULL;
	int nothing = open("/dev/null", O_RDONLY);
	if (n > 0 && nothing != -1 && dup2(nothing, STDIN_FILENO) != -1 &&
	    dup2(out, STDOUT_FILENO) != -1) {
		(void)dup2(complaints, STDERR_FILENO);
		closefrom(STDERR_FILENO + 1);
		process_plain_signals();
		execv(argv[0], argv);
	}
	_exit(127);
}

/* Reads the output of the command; discards what does not fit. */
static int
collect(struct secret *s, int fd, size_t *len, int64_t deadline)
{
	char waste[512];

	for (*len = 0;;) {
		size_t room = sizeof(s->text) - 1 - *len;
		if (deadline_wait(fd, POLLIN, deadline, false) == -1) {
			return -1;
		}
		ssize_t n = file_next(fd, room > 0 ? s->text + *len : waste,
		    room > 0 ? room : sizeof(waste));
		if (n == 0) {
			return 0;
		}
		if (n == -1) {
			return -1;
		}
		*len += room > 0 ? (size_t)n : 0;
	}
}

/* Waits for the end of the command, our only child; kills it if it is late. */
static int
reap(pid_t pid, int64_t deadline, bool *late)
{
	int status = -1;
	pid_t ended = *late ? 0 : process_next_end(deadline, &status);

	if (ended == 0) {
		*late = true;
		kill(pid, SIGKILL);
		ended = process_next_end(deadline_now() + DEATH, &status);
	}
	return ended == pid ? status : -1;
}

/* Says how the command has ended, and the first line of its complaints. */
static void
why_failed(const char *command, bool late, int status, int complaints,
    char why[CONFIG_ERROR])
{
	char text[200] = "", how[64];
	ssize_t n =
	    complaints == -1 ? 0 : pread(complaints, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\r\n")] = '\0';
	if (late || status == -1) {
		strlcpy(how, late ? "does not end" : "cannot be started",
		    sizeof(how));
	} else if (WIFSIGNALED(status)) {
		snprintf(how, sizeof(how), "was ended by signal %d",
		    WTERMSIG(status));
	} else if (WEXITSTATUS(status) == 127) {
		strlcpy(how, "cannot be run", sizeof(how));
	} else {
		snprintf(how, sizeof(how), "failed with status %d",
		    WEXITSTATUS(status));
	}
	snprintf(why, CONFIG_ERROR, "\"%.200s\" %s%s%s", command, how,
	    text[0] != '\0' ? ": " : "", text);
}

static int
from_command(struct secret *s, const char *command, char why[CONFIG_ERROR])
{
	int ends[2];
	size_t len;

	if (pipe2(ends, O_CLOEXEC) == -1) {
		snprintf(why, CONFIG_ERROR, "pipe: %s", strerror(errno));
		return -1;
	}
	/* A file, so that nobody has to read what it may hold. */
	int complaints = memfd_create("stderr", MFD_CLOEXEC);
	pid_t pid = fork();
	if (pid == 0) {
		exec_command(command, ends[1], complaints);
	}
	close(ends[1]);
	int64_t deadline = deadline_now() + COMMAND_TIMEOUT;
	bool late = pid != -1 && collect(s, ends[0], &len, deadline) == -1;
	close(ends[0]);
	int status = pid == -1 ? -1 : reap(pid, deadline, &late);
	bool failed = late || status != 0;
	if (failed) {
		why_failed(command, late, status, complaints, why);
	}
	if (complaints != -1) {
		close(complaints);
	}
	if (failed) {
		return -1;
	}
	return first_line(s, len, "that the command writes", why);
}

/* True if the URL is that of the hop, whatever it says of TLS; takes its
   password then. */
static bool
from_url(struct secret *s, const struct hop *hop, const char *url)
{
	char error[CONFIG_ERROR];
	struct hop h;

	bool same = hop_parse(&h, url, "example.org", error) == 0 &&
	            h.password[0] != '\0' && h.transport == hop->transport &&
	            h.wrapped == hop->wrapped && h.port == hop->port &&
	            strcmp(h.host, hop->host) == 0 &&
	            strcmp(h.user, hop->user) == 0;
	if (same) {
		strlcpy(s->text, h.password, sizeof(s->text));
	}
	explicit_bzero(&h, sizeof(h));
	return same;
}

/* The password that the hop has in the configuration, which is read again. */
static int
from_config(struct secret *s, const struct config *config,
    const struct hop *hop, char why[CONFIG_ERROR])
{
	char error[CONFIG_ERROR];
	struct config *c = config_load(config->file, error);

	if (c == NULL) {
		snprintf(why, CONFIG_ERROR, "cannot read the password: %.400s",
		    error);
		return -1;
	}
	bool found =
	    from_url(s, hop, c->relay) || from_url(s, hop, c->fallback_relay);
	for (size_t i = 0; i < c->nroutes && !found; i++) {
		found = from_url(s, hop, c->routes[i].value);
	}
	for (size_t i = 0; i < c->nsender_relays && !found; i++) {
		found = from_url(s, hop, c->sender_relays[i].value);
	}
	config_hide_passwords(c);
	free(c);
	if (!found) {
		snprintf(why, CONFIG_ERROR,
		    "the password of %.120s at %.120s is no longer in %.100s, "
		    "or malformed: type smtpd --check, and start smtpd again",
		    hop->user, hop->host, config->file);
	}
	return found ? 0 : -1;
}

bool
secret_is_named(const struct config *config, const struct hop *hop)
{
	return hop->password[0] != '\0' || hop->hidden ||
	       find_source(config, hop) != NULL;
}

int
secret_find(const struct config *config, const struct hop *hop,
    struct secret *s, char why[CONFIG_ERROR])
{
	const char *from = find_source(config, hop);

	memset(s, 0, sizeof(*s));
	if (hop->password[0] != '\0') {
		strlcpy(s->text, hop->password, sizeof(s->text));
		return 0;
	}
	if (hop->hidden) {
		return from_config(s, config, hop, why);
	}
	if (from == NULL) {
		snprintf(why, CONFIG_ERROR,
		    "no password for %.200s at %.200s: set the key "
		    "relay-password",
		    hop->user, hop->host);
		return -1;
	}
	if (strncmp(from, "file:", 5) == 0) {
		return from_file(s, from + 5, why);
	}
	if (strncmp(from, "command:", 8) == 0) {
		return from_command(s, from + 8, why);
	}
	if (strncmp(from, "token-file:", 11) == 0) {
		s->token = true;
		return from_file(s, from + 11, why);
	}
	if (strncmp(from, "token:", 6) == 0) {
		s->token = true;
		return from_command(s, from + 6, why);
	}
	snprintf(why, CONFIG_ERROR,
	    "relay-password: a source is file:, command:, token: or "
	    "token-file:, not \"%.200s\"",
	    from);
	return -1;
}
