/* SPDX-License-Identifier: ISC */
/*
 * What a session asks about recipients: nothing that it knows itself, and the
 * rest at once. A request costs a fork, and so does each of those that spam
 * brings.
 */
#include "smtpd/session/rcpt_policy.h"

#include "common/login/aliases_load.h"
#include "common/login/users.h"
#include "smtpd/session/session.h"
#include "smtpd/worker/rcpt.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct config *config;
static struct connection connection;
static struct session session = { .connection = &connection };

/* Answers one request, if there is one, and tells it to the parent. */
static void
serve(int channel, int tell, struct rcpt_answer answer)
{
	struct rcpt_question q;
	struct request req;
	ssize_t n;

	while ((n = channel_receive(channel, &req, &q, sizeof(q))) == -1 &&
	       errno == EAGAIN) {
		usleep(1000);
	}
	if (n == sizeof(q) && req.kind == REQUEST_RCPT &&
	    rcpt_valid(&q, (size_t)n)) {
		channel_answer_data(
		    channel, req.serial, STATUS_OK, &answer, sizeof(answer));
		scratch_need(write(tell, &q, sizeof(q)) == sizeof(q), "write");
	}
	_exit(0);
}

/* Asks about an address; *q is what was asked, ask 0: nothing. */
static enum rcpt_result
check(const char *text, struct rcpt_answer answer, struct rcpt_question *q,
    struct resolved *r)
{
	int channel[2], told[2];
	struct address a;
	const char *rest;

	scratch_need(
	    socketpair(AF_UNIX, SOCK_SEQPACKET, 0, channel) == 0, "socketpair");
	scratch_need(pipe(told) == 0, "pipe");
	pid_t pid = fork();
	if (pid == 0) {
		close(channel[0]);
		serve(channel[1], told[1], answer);
	}
	close(channel[1]);
	close(told[1]);
	connection.channel = channel[0];
	scratch_need(address_path(text, &a, &rest) == PATH_OK, "an address");
	enum rcpt_result result = rcpt_policy_check(&session, &a, r);
	close(channel[0]);
	memset(q, 0, sizeof(*q));
	ssize_t n = read(told[0], q, sizeof(*q));
	scratch_need(n == 0 || n == sizeof(*q), "read");
	close(told[0]);
	waitpid(pid, NULL, 0);
	return result;
}

static void
test_known(void)
{
	const struct rcpt_answer none = { .result = RCPT_TEMPORARY };
	struct rcpt_question q;
	struct resolved r;

	ok(check("<bob@example.org>", none, &q, &r) == RCPT_OK && q.ask == 0 &&
		strcmp(r.user, "bob") == 0,
	    "a user that the session knows costs no request");
	ok(check("<list@example.org>", none, &q, &r) == RCPT_OK && q.ask == 0 &&
		r.kind == RESOLVED_ALIAS,
	    "nor does an alias");
	ok(check("<nobody@example.org>", none, &q, &r) == RCPT_NO && q.ask == 0,
	    "nor does an unknown user");
}

static void
test_report(void)
{
	static const char address[] = "<SRS0=AAAAAAAA=AA=b.example=a@"
				      "example.org>";
	struct rcpt_answer sender = { .result = RCPT_OK,
		.found = RCPT_FOUND_SENDER };
	struct rcpt_question q;
	struct resolved r;

	ok(check(address, sender, &q, &r) == RCPT_OK && q.ask == RCPT_REPORT &&
		strstr(q.rcpt, "SRS0=") == q.rcpt,
	    "a worker knows if a report is for a sender of ours");
	sender.result = RCPT_NO;
	ok(check(address, sender, &q, &r) == RCPT_NO, "it says no");
	sender.result = RCPT_TEMPORARY;
	ok(check(address, sender, &q, &r) == RCPT_TEMPORARY,
	    "it cannot say now");
	strlcpy(
	    session.mail.sender, "a@b.example", sizeof(session.mail.sender));
	ok(check(address, sender, &q, &r) == RCPT_NO_REPORT && q.ask == 0,
	    "other mail to such an address costs no request");
	session.mail.sender[0] = '\0';
}

static void
test_asked(void)
{
	struct rcpt_question q;
	struct resolved r;

	config->greylist = 300;
	session.mail.size = 1000;
	strlcpy(
	    session.mail.sender, "a@b.example", sizeof(session.mail.sender));
	ok(check("<carol@example.org>",
	       (struct rcpt_answer){ .result = RCPT_GREY }, &q,
	       &r) == RCPT_GREY &&
		q.ask == (RCPT_QUOTA | RCPT_GREYLIST) && q.size == 1000 &&
		strcmp(q.user, "carol") == 0 &&
		strcmp(q.sender, "a@b.example") == 0 &&
		strcmp(q.rcpt, "carol@example.org") == 0,
	    "quota and greylist are one request");
	ok(check("<nobody@example.org>",
	       (struct rcpt_answer){ .result = RCPT_OK }, &q, &r) == RCPT_NO &&
		q.ask == 0,
	    "an unknown user is refused before greylisting");
	ok(check("<away@example.org>",
	       (struct rcpt_answer){ .result = RCPT_GREY }, &q,
	       &r) == RCPT_OK &&
		q.ask == 0,
	    "an alias that tells of another address is not greylisted");
	ok(check("<bob@example.org>",
	       (struct rcpt_answer){ .result = RCPT_OK, .greylist_failed = 1 },
	       &q, &r) == RCPT_OK &&
		q.ask == RCPT_GREYLIST,
	    "a greylist that fails lets mail through");
	ok(check("<bob@example.org>",
	       (struct rcpt_answer){ .result = RCPT_GREY }, &q,
	       &r) == RCPT_OK &&
		q.ask == 0,
	    "and is not asked again");
	ok(check("<carol@example.org>",
	       (struct rcpt_answer){ .result = RCPT_FULL }, &q,
	       &r) == RCPT_FULL &&
		q.ask == RCPT_QUOTA,
	    "a quota still is");
}

static void
put_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	scratch_need(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0 &&
			 chmod(path, 0600) == 0,
	    "a file");
}

int
main(void)
{
	char folder[] = "/tmp/t-rcpt-policy.XXXXXX", path[3][64], text[512];
	char error[CONFIG_ERROR];

	scratch_need(mkdtemp(folder) != NULL, "mkdtemp");
	snprintf(path[0], sizeof(path[0]), "%s/users", folder);
	snprintf(path[1], sizeof(path[1]), "%s/aliases", folder);
	snprintf(path[2], sizeof(path[2]), "%s/conf", folder);
	put_file(path[0], "bob:!\ncarol:!\n");
	put_file(path[1], "list: bob\naway: :moved: away@example.net\n");
	snprintf(text, sizeof(text),
	    "hostname mail.example.org\ndomains example.org\nusers %s\n"
	    "aliases %s\nquota 5000 carol\n",
	    path[0], path[1]);
	put_file(path[2], text);
	config = config_load(path[2], error);
	scratch_need(config != NULL, error);
	connection.config = config;
	connection.role = ROLE_MX;
	strlcpy(connection.peer.address, "192.0.2.1",
	    sizeof(connection.peer.address));
	connection.names = names_load(config, error);
	connection.aliases = aliases_load(config, error);
	scratch_need(
	    connection.names != NULL && connection.aliases != NULL, error);
	test_known();
	test_report();
	test_asked();
	for (size_t i = 0; i < 3; i++) {
		unlink(path[i]);
	}
	rmdir(folder);
	return tap_done();
}
