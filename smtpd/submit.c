/* SPDX-License-Identifier: ISC */
/* The sendmail command: a small SMTP client, to our own kind of session. */
#include "smtpd/submit.h"

#include "common/address.h"
#include "common/log.h"
#include "common/stream.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

enum { TIMEOUT = 10 * 60 * 1000, LIFETIME = 24 * 60 * 60 * 1000 };

struct client {
	struct stream *stream;
	char reply[1024]; /* the last line of the last reply */
};

/* Whoever listens on the submission socket.  -1: nobody. */
static int
connect_socket(const struct config *config)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1 ||
	    strlcpy(un.sun_path, config->socket, sizeof(un.sun_path)) >=
		sizeof(un.sun_path) ||
	    connect(fd, (struct sockaddr *)&un, sizeof(un)) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

/* A server of our own, for one session. */
static int
start_server(const struct service *service, const struct config *config)
{
	int pair[2];

	if (access(config->queue, W_OK) == -1) {
		log_error("nobody listens on %s, and cannot write to %s: %s",
		    config->socket, config->queue, strerror(errno));
		return -1;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1) {
		return -1;
	}
	pid_t pid = fork();
	if (pid == 0) {
		close(pair[0]);
		_exit(server_run_local(service, config, pair[1]));
	}
	close(pair[1]);
	if (pid == -1) {
		close(pair[0]);
		return -1;
	}
	return pair[0];
}

/* Reads a reply to its last line.  Its code, or 421 when there is none. */
static int
read_reply(struct client *c)
{
	size_t len;

	do {
		enum line got =
		    stream_getline(c->stream, c->reply, sizeof(c->reply), &len);
		if (got != LINE_OK || len < 3) {
			strlcpy(c->reply, "421 no reply", sizeof(c->reply));
			return 421;
		}
	} while (len > 3 && c->reply[3] == '-');
	return (c->reply[0] - '0') * 100 + (c->reply[1] - '0') * 10 +
	       (c->reply[2] - '0');
}

/* Sends one command.  EX_OK for a 2xx or 3xx, else what to exit with. */
static int
command(struct client *c, int refused, const char *word, const char *address)
{
	if (address != NULL) {
		stream_printf(c->stream, "%s<%s>\r\n", word, address);
	} else {
		stream_printf(c->stream, "%s\r\n", word);
	}
	int code = read_reply(c);
	if (code >= 200 && code < 400) {
		return EX_OK;
	}
	log_error("%s%s%s: %s", word, address == NULL ? "" : " ",
	    address == NULL ? "" : address, c->reply);
	return code >= 500 ? refused : EX_TEMPFAIL;
}

/* One line of the message, dots doubled; false: it was the ending dot. */
static bool
send_line(struct client *c, const struct options *o, char *line, size_t n)
{
	while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r')) {
		n--;
	}
	if (n == 1 && line[0] == '.' && !o->dot_is_text) {
		return false;
	}
	if (n > 0 && line[0] == '.') {
		stream_write(c->stream, ".", 1);
	}
	stream_write(c->stream, line, n);
	stream_write(c->stream, "\r\n", 2);
	return true;
}

static int
send_message(struct client *c, const struct options *o)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t n;
	int status = command(c, EX_UNAVAILABLE, "DATA", NULL);

	if (status != EX_OK) {
		return status;
	}
	while ((n = getline(&line, &size, stdin)) > 0) {
		if (!send_line(c, o, line, (size_t)n)) {
			break;
		}
	}
	free(line);
	if (ferror(stdin)) {
		/* Without the ending dot nothing of it counts. */
		log_error("cannot read the message: %s", strerror(errno));
		return EX_IOERR;
	}
	return command(c, EX_DATAERR, ".", NULL);
}

/* The address that an argument names, in the form for a path. */
static int
take_address(const char *text, char out[ADDRESS_TEXT])
{
	struct address a;
	const char *rest;

	if (address_path(text, &a, &rest) != PATH_OK || *rest != '\0' ||
	    strlen(text) >= ADDRESS_TEXT) {
		log_error("\"%s\" is not an address", text);
		return EX_USAGE;
	}
	address_text(&a, out, ADDRESS_TEXT);
	return EX_OK;
}

static int
send_envelope(
    struct client *c, const struct config *config, const struct options *o)
{
	char address[ADDRESS_TEXT];
	const struct passwd *pw = getpwuid(getuid());
	const char *from = o->from != NULL ? o->from
	                   : pw != NULL    ? pw->pw_name
	                                   : "nobody";

	int status = take_address(from, address);
	if (status != EX_OK) {
		return status;
	}
	if (address[0] != '\0' && strchr(address, '@') == NULL) {
		size_t n = strlen(address);
		snprintf(
		    address + n, sizeof(address) - n, "@%s", config->hostname);
	}
	status = command(c, EX_DATAERR, "MAIL FROM:", address);
	for (char **r = o->recipients; *r != NULL && status == EX_OK; r++) {
		status = take_address(*r, address);
		if (status == EX_OK) {
			status = command(c, EX_NOUSER, "RCPT TO:", address);
		}
	}
	return status;
}

static int
converse(struct client *c, const struct config *config, const struct options *o)
{
	int code = read_reply(c);
	char hello[CONFIG_NAME + 8];

	if (code != 220) {
		log_error("%s", c->reply);
		return EX_TEMPFAIL;
	}
	snprintf(hello, sizeof(hello), "EHLO %s", config->hostname);
	int status = command(c, EX_PROTOCOL, hello, NULL);
	if (status == EX_OK) {
		status = send_envelope(c, config, o);
	}
	if (status == EX_OK) {
		status = send_message(c, o);
	}
	if (status != EX_IOERR) {
		stream_printf(c->stream, "QUIT\r\n");
		stream_flush(c->stream);
	}
	return status;
}

int
submit(const struct service *service, const struct config *config,
    const struct options *o)
{
	struct client c = { .reply = "" };

	if (o->from_headers) {
		log_error("recipients from the header (-t) are not read yet: "
			  "name them as arguments");
		return EX_UNAVAILABLE;
	}
	if (o->recipients[0] == NULL) {
		log_error("no recipient: name them as arguments");
		return EX_USAGE;
	}
	int fd = connect_socket(config);
	if (fd == -1) {
		fd = start_server(service, config);
	}
	if (fd == -1) {
		return EX_TEMPFAIL;
	}
	c.stream = stream_open(fd, fd, TIMEOUT, LIFETIME);
	if (c.stream == NULL) {
		return EX_TEMPFAIL;
	}
	int status = converse(&c, config, o);
	stream_close(c.stream);
	close(fd);
	return status;
}
