/* SPDX-License-Identifier: ISC */
/*
 * A command gets the message, its words and a clean environment, and whatever
 * it does, what it means for the message is decided in the end.
 */
#include "smtpd/local/pipe.h"

#include "common/io/file.h"
#include "spool/mail.h"
#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#include <signal.h>
#include <sys/wait.h>

enum { BIG = 4 * 1024 * 1024, LIMIT = 60 * 1000, MOMENT = 300 };

static struct account account;
static int message;

/* In a process of its own: it is confined beside the command, for good. */
static struct verdict
run(const char *text, int limit)
{
	struct verdict v = { .kind = OUTCOME_DEAD };
	int answer[2];
	struct pipe_command c = { .text = text,
		.owner = &account,
		.sender = "carol@example.com",
		.recipient = "alice+lists@example.org",
		.delimiters = "+",
		.message = message,
		.limit = limit,
		.grace = MOMENT };

	scratch_need(pipe(answer) == 0, "pipe");
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		pipe_run(&c, &v);
		_exit(write(answer[1], &v, sizeof(v)) != sizeof(v));
	}
	close(answer[1]);
	scratch_need(read(answer[0], &v, sizeof(v)) == sizeof(v), "verdict");
	close(answer[0]);
	waitpid(pid, NULL, 0);
	return v;
}

static void
write_message(const char *text, size_t filler)
{
	static const char line[] = "0123456789012345678901234567890\n";
	off_t at = (off_t)strlen(text);

	scratch_need(ftruncate(message, 0) == 0 &&
			 file_write(message, text, strlen(text), 0) == 0,
	    "message");
	for (; filler > 0; filler -= sizeof(line) - 1) {
		scratch_need(
		    file_write(message, line, sizeof(line) - 1, at) == 0,
		    "message");
		at += (off_t)sizeof(line) - 1;
	}
}

/* Runs a command that writes to the file "out", and compares that. */
static void
test_output(const char *name, const char *command, const char *expected)
{
	char text[MAIL_TEXT], path[PATH_MAX];
	size_t len;

	scratch_write(scratch_path(path, "out"), "", 0);
	snprintf(text, sizeof(text), "/bin/sh -c '{ %s; } >out'", command);
	struct verdict v = run(text, LIMIT);
	char *got = scratch_read(path, &len);
	if (!ok(v.kind == OUTCOME_SENT && strcmp(got, expected) == 0, "%s",
		name)) {
		note("%s", v.text);
		for (char *rest = got, *line;
		     (line = strsep(&rest, "\n")) != NULL;) {
			note("%s", line);
		}
	}
	free(got);
}

static void
test_input(void)
{
	char home[2 * PATH_MAX];

	write_message("Subject: x\n\nbody\n", 0);
	test_output("the message", "cat",
	    "Return-Path: <carol@example.com>\n"
	    "Delivered-To: alice+lists@example.org\n"
	    "Subject: x\n\nbody\n");
	scratch_need(setenv("SECRET", "x", 1) == 0, "setenv");
	snprintf(home, sizeof(home),
	    "EXTENSION=lists\nHOME=%s\nLANG=C\nLOGNAME=tester\n"
	    "ORIGINAL_RECIPIENT=alice+lists@example.org\n"
	    "PATH=/usr/local/bin:/usr/bin:/bin\n"
	    "RECIPIENT=alice+lists@example.org\n"
	    "SENDER=carol@example.com\nSHELL=/bin/sh\nUSER=tester\n",
	    account.home);
	test_output("its environment",
	    "env | grep -v -e ^PWD= -e ^_= -e ^OLDPWD= -e ^SHLVL= | sort",
	    home);
	test_output(
	    "its descriptors", "ls /proc/self/fd | grep -v 3", "0\n1\n2\n");
	test_output("a session of its own",
	    "read a b c d e f g </proc/$$/stat; test $f = $$ && echo yes",
	    "yes\n");
	test_output("its umask and its folder",
	    "umask; test . -ef \"$HOME\" && echo home", "0077\nhome\n");
	test_output("no signal is ignored or blocked",
	    "grep -E \"^Sig(Blk|Ign)\" /proc/self/status | cut -f 2 | sort -u",
	    "0000000000000000\n");
}

static const struct {
	const char *command;
	enum outcome_kind kind;
	const char *dsn;
	const char *text; /* something in the text */
} ends[] = {
	{ "/bin/true", OUTCOME_SENT, "2.0.0", "/bin/true" },
	{ "/bin/echo 'a  b' ';' '$(c)'", OUTCOME_SENT, "2.0.0", "a  b ; $(c)" },
	{ "/bin/echo ; | > * $HOME", OUTCOME_SENT, "2.0.0", "; | > * $HOME" },
	{ "/bin/sh -c 'exit 1'", OUTCOME_FAILED, "5.3.0", "status 1" },
	{ "/bin/sh -c 'echo why >&2; exit 67'", OUTCOME_FAILED, "5.1.1",
	    "why" },
	{ "/bin/sh -c 'exit 64'", OUTCOME_FAILED, "5.3.0", "status 64" },
	{ "/bin/sh -c 'exit 65'", OUTCOME_FAILED, "5.6.0", "status 65" },
	{ "/bin/sh -c 'exit 68'", OUTCOME_FAILED, "5.1.2", "status 68" },
	{ "/bin/sh -c 'exit 71'", OUTCOME_DEFERRED, "4.3.0", "status 71" },
	{ "/bin/sh -c 'exit 74'", OUTCOME_DEFERRED, "4.3.0", "status 74" },
	{ "/bin/sh -c 'exit 75'", OUTCOME_DEFERRED, "4.3.0", "status 75" },
	{ "/bin/sh -c 'exit 77'", OUTCOME_FAILED, "5.7.1", "status 77" },
	{ "/bin/sh -c 'exit 78'", OUTCOME_FAILED, "5.3.0", "status 78" },
	{ "/bin/sh -c 'exit 79'", OUTCOME_FAILED, "5.3.0", "status 79" },
	{ "/bin/sh -c 'kill -9 $$'", OUTCOME_DEFERRED, "4.3.0", "signal 9" },
	{ "/nowhere/command", OUTCOME_DEFERRED, "4.3.5", "cannot run" },
	{ "/etc/passwd", OUTCOME_DEFERRED, "4.3.5", "cannot run" },
	{ "true", OUTCOME_DEFERRED, "4.3.5", "absolute path" },
	{ "/bin/true 'x", OUTCOME_DEFERRED, "4.3.5", "quote" },
	{ "", OUTCOME_DEFERRED, "4.3.5", "" },
};

static void
test_ends(void)
{
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct verdict v = run(ends[i].command, LIMIT);
		if (!ok(v.kind == ends[i].kind &&
			    strcmp(v.dsn, ends[i].dsn) == 0 &&
			    strstr(v.text, ends[i].text) != NULL,
			"end of: %s", ends[i].command)) {
			note("%s %s", v.dsn, v.text);
		}
	}
}

static void
test_trouble(void)
{
	write_message("Subject: big\n\n", BIG);
	ok(run("/bin/true", LIMIT).kind == OUTCOME_SENT,
	    "a command that reads nothing of a large message");
	ok(run("/bin/sh -c 'exec <&-; sleep 0.1'", LIMIT).kind == OUTCOME_SENT,
	    "a command that closes its input");
	struct verdict v = run("/bin/sh -c 'cat | wc -c'", LIMIT);
	ok(strstr(v.text, "4194389") != NULL, "a large message is whole");
	v = run(
	    "/bin/sh -c 'head -c 1000000 /dev/zero | tr \\\\0 x; cat'", LIMIT);
	ok(v.kind == OUTCOME_SENT && strlen(v.text) < OUTCOME_TEXT,
	    "a command that says too much");
	ok(run("/bin/sh -c 'sleep 5 & exit 0'", LIMIT).kind == OUTCOME_SENT,
	    "a child that keeps the output open");
	v = run("/bin/sleep 600", MOMENT);
	ok(v.kind == OUTCOME_DEFERRED && strstr(v.text, "within") != NULL,
	    "a command that does not end");
	v = run(
	    "/bin/sh -c 'trap \"\" TERM; while :; do sleep 600; done'", MOMENT);
	ok(v.kind == OUTCOME_DEFERRED, "a command that ignores SIGTERM");
	v = run("/bin/sh -c 'kill -STOP $$'", MOMENT);
	ok(v.kind == OUTCOME_DEFERRED, "a command that stops");
	strlcpy(account.home, "/nowhere", sizeof(account.home));
	ok(run("/bin/pwd", LIMIT).kind == OUTCOME_SENT,
	    "a home that is not there");
}

static const struct {
	const char *recipient, *delimiters, *extension;
} extensions[] = {
	{ "alice@example.org", "+", "" },
	{ "alice+lists@example.org", "+", "lists" },
	{ "alice+a+b@example.org", "+", "a+b" },
	{ "alice-a+b@example.org", "+-", "a+b" },
	{ "alice+lists@example.org", "-", "" },
	{ "alice+lists@example.org", "", "" },
	{ "alice+@example.org", "+", "" },
	{ "+alice@example.org", "+", "" },
	{ "alice@a+b.example.org", "+", "" },
	{ "alice+\x1b[m\nX=y@example.org", "+", "" },
	{ "\"alice+a b\"@example.org", "+", "" },
	{ "\"alice+$(id)\"@example.org", "+", "" },
	{ "alice+a'b@example.org", "+", "" },
	{ "alice+`id`@example.org", "+", "" },
	{ "alice+a|b@example.org", "+", "" },
	{ "alice+a*b@example.org", "+", "" },
	{ "alice+a/b@example.org", "+", "" },
	{ "alice+a.B-c_d=e+f9@example.org", "+", "a.B-c_d=e+f9" },
	{ "@", "+", "" },
	{ "", "+", "" },
};

static void
test_extensions(void)
{
	static struct environment e;
	char expected[128];

	for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]);
	     i++) {
		bool found = false, set = false;
		snprintf(expected, sizeof(expected), "EXTENSION=%s",
		    extensions[i].extension);
		environment_make(&e, &account, "", extensions[i].recipient,
		    extensions[i].delimiters);
		for (char **p = e.list; *p != NULL; p++) {
			found = found || strcmp(*p, expected) == 0;
			set = set || strncmp(*p, expected, 10) == 0;
		}
		/* Without one that is safe the variable is not set. */
		ok(extensions[i].extension[0] == '\0' ? !set : found,
		    "extension %zu: %s", i, extensions[i].extension);
	}
}

int
main(void)
{
	scratch_make();
	strlcpy(account.name, "tester", sizeof(account.name));
	strlcpy(account.home, scratch_dir, sizeof(account.home));
	message = open(scratch_dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	scratch_need(message != -1, "message");
	signal(SIGUSR1, SIG_IGN);
	test_input();
	test_ends();
	test_trouble();
	test_extensions();
	return tap_done();
}
