/* SPDX-License-Identifier: ISC */
/*
 * The command loop of both daemons: in which order a line is looked at, which
 * ends a session has, and that each limit is met exactly where it says.
 */
#include "common/session/dialogue.h"

#include "tests/unit/tap.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { OUTSIDE = 1, INSIDE = 2, TEXT = 64 * 1024 };

/* What a test's session remembers. */
struct session {
	struct stream *stream;
	struct dialogue_counts counts;
	unsigned state;
	bool must_log_in, must_progress;
	size_t len;
	char said[TEXT]; /* a word for each thing that happened */
};

static void
say(struct session *s, const char *word)
{
	size_t n = strlen(word);

	if (s->len + n + 2 < sizeof(s->said)) {
		memcpy(s->said + s->len, word, n);
		s->len += n;
		s->said[s->len++] = ' ';
		s->said[s->len] = '\0';
	}
}

/* ---- the commands and hooks ---- */

static enum next
run_enter(struct session *s, char *argument)
{
	(void)argument;
	say(s, "enter");
	s->state = INSIDE;
	return NEXT_COMMAND;
}

static enum next
run_echo(struct session *s, char *argument)
{
	say(s, argument);
	return NEXT_COMMAND;
}

static enum next
run_move(struct session *s, char *argument)
{
	(void)argument;
	s->counts.progress = true;
	return NEXT_COMMAND;
}

static enum next
run_fail(struct session *s, char *argument)
{
	(void)argument;
	s->counts.errors++;
	return NEXT_COMMAND;
}

static enum next
run_quit(struct session *s, char *argument)
{
	(void)argument;
	say(s, "quit");
	return NEXT_END;
}

static const struct command commands[] = {
	{ "ENTER", OUTSIDE, ARG_NONE, run_enter },
	{ "ECHO", INSIDE, ARG_REQUIRED, run_echo },
	{ "MOVE", OUTSIDE | INSIDE, ARG_NONE, run_move },
	{ "FAIL", OUTSIDE | INSIDE, ARG_NONE, run_fail },
	{ "AUTH", OUTSIDE, ARG_REQUIRED, run_fail },
	{ "QUIT", OUTSIDE | INSIDE, ARG_NONE, run_quit },
	{ NULL, 0, ARG_NONE, NULL },
};

static unsigned
state(const struct session *s)
{
	return s->state;
}

static bool
must_log_in(const struct session *s)
{
	return s->must_log_in;
}

static bool
must_progress(const struct session *s)
{
	return s->must_progress;
}

static void
excess(struct session *s, enum excess what)
{
	static const char *const words[] = { "errors!", "octets!",
		"commands!" };

	say(s, words[what]);
}

static enum next
bad_line(struct session *s, enum line got, const char *line)
{
	(void)line;
	say(s, got == LINE_LONG ? "long" : got == LINE_EOF ? "eof" : "bad");
	return got == LINE_EOF ? NEXT_END : NEXT_COMMAND;
}

static enum line_check
check_first(struct session *s, char *line)
{
	if (strcmp(line, "NO") == 0) {
		say(s, "no");
		return CHECK_REFUSED;
	}
	return CHECK_PASSED;
}

static enum line_check
check_second(struct session *s, char *line)
{
	if (strcmp(line, "NO") == 0 || strcmp(line, "OUT") == 0) {
		say(s, "out");
		return CHECK_FATAL;
	}
	return CHECK_PASSED;
}

static enum next
refuse(struct session *s, const struct command *row, enum refusal why)
{
	(void)row;
	say(s, why == REFUSE_UNKNOWN ? "unknown" : "refused");
	return NEXT_COMMAND;
}

static void
after(struct session *s)
{
	say(s, ".");
}

static enum line_check (*const checks[])(
    struct session *, char *) = { check_first, check_second, NULL };

static const struct dialogue dialogue = {
	.commands = commands,
	.state = state,
	.longest = 20,
	.longest_auth = DIALOGUE_LINE,
	.must_log_in = must_log_in,
	.must_progress = must_progress,
	.excess = excess,
	.bad_line = bad_line,
	.checks = checks,
	.refuse = refuse,
	.after = after,
};

/* ---- runs ---- */

/* Runs a session on what a client sends; what it said is in s. */
static void
converse(struct session *s, const char *input, size_t len)
{
	int pair[2], size = 4 * TEXT;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == -1 ||
	    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) ==
		-1 ||
	    write(pair[0], input, len) != (ssize_t)len ||
	    shutdown(pair[0], SHUT_WR) == -1) {
		abort();
	}
	s->state = OUTSIDE;
	s->stream = stream_open(pair[1], pair[1], 10000, 10000);
	dialogue_run(&dialogue, s, s->stream, &s->counts);
	stream_close(s->stream);
	close(pair[0]);
	close(pair[1]);
}

static const struct {
	const char *input, *said;
} cases[] = {
	{ "", "eof " },
	{ "QUIT\r\nENTER\r\n", "quit . " },
	{ "ENTER\r\nECHO x y\r\n", "enter . x y . eof " },
	{ "ECHO x\r\nENTER\r\nENTER\r\n", "refused . enter . refused . eof " },
	{ "ENTER x\r\nWHAT\r\n", "refused . unknown . eof " },
	{ "NO\r\nQUIT\r\n", "no quit . " },
	{ "OUT\r\nQUIT\r\n", "out " },
	{ "MOVE 45678901234567890\r\n", "long eof " },
	{ "MOVE\rMOVE\r\n", "bad eof " },
	{ "AUTH 45678901234567890\r\nAUTHE45678901234567890\r\n",
	    ". long eof " },
};

static void
test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static struct session s;
		memset(&s, 0, sizeof(s));
		converse(&s, cases[i].input, strlen(cases[i].input));
		if (!ok(strcmp(s.said, cases[i].said) == 0, "case %zu", i)) {
			note("%s", s.said);
		}
	}
}

/* Sends a command n times, then QUIT: true if it is met by the limit. */
static bool
is_met(
    const struct session *like, const char *line, unsigned n, const char *limit)
{
	static struct session s;
	static char input[4 * TEXT];
	size_t len = 0;

	s = *like;
	for (unsigned i = 0; i < n; i++) {
		memcpy(input + len, line, strlen(line));
		len += strlen(line);
	}
	memcpy(input + len, "QUIT\r\n", 6);
	converse(&s, input, len + 6);
	return strstr(s.said, limit) != NULL && strstr(s.said, "quit") == NULL;
}

static void
test_limits(void)
{
	static struct session s;

	ok(!is_met(&s, "FAIL\r\n", DIALOGUE_ERRORS - 1, "errors!"),
	    "one error less");
	ok(is_met(&s, "FAIL\r\n", DIALOGUE_ERRORS, "errors!"), "errors");
	ok(!is_met(&s, "WHAT\r\n", 3 * DIALOGUE_IDLE, "!"),
	    "a known client may idle");
	s.must_progress = true;
	ok(!is_met(&s, "WHAT\r\n", DIALOGUE_IDLE - 1, "commands!"),
	    "one command less");
	ok(is_met(&s, "WHAT\r\n", DIALOGUE_IDLE, "commands!"), "commands");
	ok(is_met(&s, "NO\r\n", DIALOGUE_IDLE, "commands!"),
	    "those that a check refuses count, too");
	ok(is_met(&s, "A\rB\r\n", DIALOGUE_IDLE, "commands!"), "and bad lines");
	ok(!is_met(&s, "MOVE\r\n", 3 * DIALOGUE_IDLE, "!"),
	    "what makes progress does not");
	s.must_progress = false;
	ok(!is_met(&s, "AUTH x\r\n", DIALOGUE_ERRORS - 1, "!"), "AUTH");
	ok(!is_met(&s, "WHAT IS THIS\r\n", 64 * 1024 / 14 + 9, "octets!"),
	    "a known client may talk");
	s.must_log_in = true;
	ok(is_met(&s, "WHAT IS THIS\r\n", 64 * 1024 / 14 + 9, "octets!"),
	    "octets");
	ok(!is_met(&s, "WHAT IS THIS\r\n", 4000, "octets!"), "fewer octets");
}

int
main(void)
{
	test_cases();
	test_limits();
	return tap_done();
}
