/* SPDX-License-Identifier: ISC */
/*
 * Tokens: what a client says becomes exactly this name and this token, and
 * what is malformed never becomes a login; and the program that is asked about
 * them, which may do anything.
 */
#include "common/login/helper.h"
#include "common/sasl/sasl.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#include <signal.h>

#define T(text) text, sizeof(text) - 1
#define FIFTY "01234567890123456789012345678901234567890123456789"
#define TWOHUNDRED FIFTY FIFTY FIFTY FIFTY
#define THOUSAND TWOHUNDRED TWOHUNDRED TWOHUNDRED TWOHUNDRED TWOHUNDRED
#define BEARER "auth=Bearer "
#define A "\001"

static const struct {
	const char *test, *mechanism, *data;
	size_t len;
	enum sasl_result result;
	const char *name, *token, *place; /* with SASL_DONE */
} cases[] = {
#define O "OAUTHBEARER"
#define X "XOAUTH2"
	/* RFC 7628 section 4.1 */
	{ "of RFC 7628", O,
	    T("n,a=user@example.com," A "host=server.example.com" A "port=143" A
	      "auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==" A A),
	    SASL_DONE, "user@example.com",
	    "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==",
	    "server.example.com 143" },
	{ "the least", O, T("n,a=u," A BEARER "t" A A), SASL_DONE, "u", "t",
	    " " },
	{ "it could bind", O, T("y,a=u," A BEARER "t" A A), SASL_DONE, "u", "t",
	    " " },
	{ "escapes", O, T("n,a=a=2Cb=3Dc," A BEARER "t" A A), SASL_DONE,
	    "a,b=c", "t", " " },
	{ "another case", O, T("n,a=u," A "auth=bEARER t" A A), SASL_DONE, "u",
	    "t", " " },
	{ "another key", O, T("n,a=u," A "mthd=POST" A BEARER "t" A A),
	    SASL_DONE, "u", "t", " " },
	{ "no user", O, T("n,," A BEARER "t" A A), SASL_DONE, "", "t", " " },
	{ "no token", O, T("n,a=u," A A), SASL_DONE, "", "", " " },
	{ "an empty one", O, T("n,a=u," A "auth=" A A), SASL_DONE, "", "",
	    " " },
	{ "nothing", O, T(""), SASL_MALFORMED, NULL, NULL, NULL },
	{ "^A", O, T(A), SASL_MALFORMED, NULL, NULL, NULL },
	{ "n", O, T("n"), SASL_MALFORMED, NULL, NULL, NULL },
	{ "a header", O, T("n,a=u,"), SASL_MALFORMED, NULL, NULL, NULL },
	{ "a header and ^A", O, T("n,a=u," A), SASL_MALFORMED, NULL, NULL,
	    NULL },
	{ "bound", O, T("p=tls-exporter,a=u," A BEARER "t" A A), SASL_MALFORMED,
	    NULL, NULL, NULL },
	{ "no end", O, T("n,a=u," A BEARER "t" A), SASL_MALFORMED, NULL, NULL,
	    NULL },
	{ "no ^A at all", O, T("n,a=u," A BEARER "t"), SASL_MALFORMED, NULL,
	    NULL, NULL },
	{ "something after it", O, T("n,a=u," A BEARER "t" A A "x"),
	    SASL_MALFORMED, NULL, NULL, NULL },
	{ "^A after", O, T("n,a=u," A BEARER "t" A A A), SASL_MALFORMED, NULL,
	    NULL, NULL },
	{ "two tokens", O, T("n,a=u," A BEARER "t" A BEARER "s" A A),
	    SASL_MALFORMED, NULL, NULL, NULL },
	{ "another scheme", O, T("n,a=u," A "auth=Basic dTpw" A A),
	    SASL_MALFORMED, NULL, NULL, NULL },
	{ "Bearer alone", O, T("n,a=u," A BEARER A A), SASL_MALFORMED, NULL,
	    NULL, NULL },
	{ "a blank in the token", O, T("n,a=u," A BEARER "a b" A A),
	    SASL_MALFORMED, NULL, NULL, NULL },
	{ "LF in the token", O, T("n,a=u," A BEARER "a\nuser root" A A),
	    SASL_MALFORMED, NULL, NULL, NULL },
	{ "NUL in the token", O, T("n,a=u," A BEARER "a\0b" A A),
	    SASL_MALFORMED, NULL, NULL, NULL },
	{ "8-bit in the token", O, T("n,a=u," A BEARER "\377" A A),
	    SASL_MALFORMED, NULL, NULL, NULL },
	{ "LF in the host", O, T("n,a=u," A "host=a\nb" A BEARER "t" A A),
	    SASL_MALFORMED, NULL, NULL, NULL },
	{ "LF in the name", O, T("n,a=u\nv," A BEARER "t" A A), SASL_MALFORMED,
	    NULL, NULL, NULL },
	{ "NUL in the name", O, T("n,a=u\0v," A BEARER "t" A A), SASL_MALFORMED,
	    NULL, NULL, NULL },
	{ "a bare equals sign", O, T("n,a=u=v," A BEARER "t" A A),
	    SASL_MALFORMED, NULL, NULL, NULL },
	{ "half an escape", O, T("n,a=u=2," A BEARER "t" A A), SASL_MALFORMED,
	    NULL, NULL, NULL },
	{ "an empty name", O, T("n,a=," A BEARER "t" A A), SASL_MALFORMED, NULL,
	    NULL, NULL },
	{ "a pair without a value", O, T("n,a=u," A "x" A BEARER "t" A A),
	    SASL_MALFORMED, NULL, NULL, NULL },
	{ "a name too long", O,
	    T("n,a=" TWOHUNDRED FIFTY "123456," A BEARER "t" A A),
	    SASL_MALFORMED, NULL, NULL, NULL },
	{ "a host too long", O, T("n,a=u," A "host=" THOUSAND A BEARER "t" A A),
	    SASL_MALFORMED, NULL, NULL, NULL },
	{ "the usual", X, T("user=a@b.example" A BEARER "ya29.x" A A),
	    SASL_DONE, "a@b.example", "ya29.x", " " },
	{ "no escapes here", X, T("user=a=2Cb" A BEARER "t" A A), SASL_DONE,
	    "a=2Cb", "t", " " },
	{ "no user", X, T(BEARER "t" A A), SASL_DONE, "", "t", " " },
	{ "two users", X, T("user=a" A "user=b" A BEARER "t" A A),
	    SASL_MALFORMED, NULL, NULL, NULL },
	{ "nothing", X, T(""), SASL_MALFORMED, NULL, NULL, NULL },
	{ "no end", X, T("user=a" A BEARER "t" A), SASL_MALFORMED, NULL, NULL,
	    NULL },
	{ "a name too long", X,
	    T("user=" TWOHUNDRED FIFTY "123456" A BEARER "t" A A),
	    SASL_MALFORMED, NULL, NULL, NULL },
};

static void
test_messages(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		/* In a block of its own, so that a tool sees overruns. */
		size_t n = cases[i].len;
		char *copy = malloc(n > 0 ? n : 1);
		struct sasl s;
		scratch_need(copy != NULL, "malloc");
		memcpy(copy, cases[i].data, n);
		bool good = sasl_start(&s, cases[i].mechanism, "x") &&
		            sasl_client_first(&s) &&
		            sasl_step(&s, copy, n) == cases[i].result;
		if (good && cases[i].result == SASL_DONE) {
			good = strcmp(s.login.name, cases[i].name) == 0 &&
			       strcmp(s.login.challenge, cases[i].token) == 0 &&
			       strcmp(s.login.secret, cases[i].place) == 0 &&
			       login_valid(&s.login, LOGIN_SIZE(0)) &&
			       login_is_token(&s.login) &&
			       (s.wrong != NULL) == (s.login.name[0] == '\0');
		}
		free(copy);
		ok(good, "%s: %s", cases[i].mechanism, cases[i].test);
	}
}

static void
test_longest(void)
{
	for (size_t n = LOGIN_CHALLENGE - 1; n <= LOGIN_CHALLENGE; n++) {
		struct bytes b = { .data = NULL };
		struct sasl s;
		bytes_text(&b, "n,a=u," A BEARER);
		bytes_fill(&b, 'x', n);
		bytes_text(&b, A A);
		bool good = sasl_start(&s, O, "x");
		enum sasl_result r = sasl_step(&s, b.data, b.len);
		bool fits = n < LOGIN_CHALLENGE;
		ok(good && r == (fits ? SASL_DONE : SASL_MALFORMED) &&
			(!fits || strlen(s.login.challenge) == n),
		    "a token of %zu octets", n);
		free(b.data);
	}
}

/* ---- the program ---- */

#define SHELL "/bin/sh -s two  words"

/* A script is the question to a shell. */
static enum process_end
run(const char *command, const char *question, int limit,
    struct helper_answer *a)
{
	struct helper h = { .command = command,
		.question = question,
		.size = strlen(question),
		.uid = 65534,
		.gid = 65534,
		.limit = limit };

	return helper_run(&h, a);
}

static void
test_helper(void)
{
	static struct helper_answer a;
	enum { LONG = 60 * 1000 };

	ok(run(SHELL, "echo \"$# $1 $2\"; echo no >&2; exit 3", LONG, &a) ==
		    PROCESS_EXITED &&
		a.status == 3 && strcmp(a.out, "2 two words\n") == 0 &&
		strcmp(a.err, "no\n") == 0,
	    "it reads, writes and ends");
	ok(run("/bin/true", "unread", LONG, &a) == PROCESS_EXITED &&
		a.status == 0 && a.out[0] == '\0' && a.err[0] == '\0',
	    "it need not read or write");
	ok(run(SHELL, "ls /proc/self/fd | wc -l; pwd; umask", LONG, &a) ==
		    PROCESS_EXITED &&
		strcmp(a.out, "4\n/\n0077\n") == 0,
	    "it has three descriptors, / and the umask 077");
	ok(run(SHELL, "id -u", LONG, &a) == PROCESS_EXITED &&
		strtol(a.out, NULL, 10) > 0,
	    "it is never root");
	ok(run(SHELL, "kill -9 $$", LONG, &a) == PROCESS_SIGNALED &&
		a.status == SIGKILL,
	    "it may be killed");
	ok(run(SHELL, "trap '' XFSZ; while :; do echo yes; done 2>&-", 300,
	       &a) == PROCESS_LATE &&
		strlen(a.out) == HELPER_OUTPUT,
	    "one that writes without end is ended");
	ok(run(SHELL, "trap '' TERM HUP; sleep 1000", 100, &a) == PROCESS_LATE,
	    "one that does not end is ended");
	ok(run(SHELL, "sleep 1000 & exit 1", LONG, &a) == PROCESS_EXITED &&
		a.status == 1,
	    "what it leaves behind is not waited for");
	ok(run("/nonexistent/program", "", LONG, &a) == PROCESS_EXITED &&
		a.status > 1 && strstr(a.err, "No such file") != NULL,
	    "one that is not there says so");
	ok(run("   ", "", LONG, &a) == PROCESS_EXITED && a.status > 1,
	    "nor is nothing a command");
}

int
main(void)
{
	test_messages();
	test_longest();
	test_helper();
	return tap_done();
}
