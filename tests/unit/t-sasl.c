/* SPDX-License-Identifier: ISC */
/*
 * The SASL exchange: what a client says becomes exactly this name and this
 * secret, and what is malformed never becomes a login.
 */
#include "common/sasl/sasl.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#define TEN "0123456789"
#define FIFTY TEN TEN TEN TEN TEN
#define TWOHUNDRED FIFTY FIFTY FIFTY FIFTY
#define FIVEHUNDRED TWOHUNDRED TWOHUNDRED FIFTY FIFTY

static const struct {
	const char *test, *data;
	size_t len;
	enum sasl_result result;
	const char *name, *secret;
} plain[] = {
#define T(text) text, sizeof(text) - 1
	{ "without authzid", T("\0tim\0secret"), SASL_DONE, "tim", "secret" },
	{ "with the same", T("tim\0tim\0secret"), SASL_DONE, "tim", "secret" },
	/* Nobody acts for another: a name that no user can have. */
	{ "with another", T("root\0tim\0secret"), SASL_DONE, "", "secret" },
	{ "with a longer one", T("timo\0tim\0secret"), SASL_DONE, "",
	    "secret" },
	{ "with a shorter one", T("ti\0tim\0secret"), SASL_DONE, "", "secret" },
	{ "no password", T("\0tim\0"), SASL_DONE, "tim", "" },
	{ "blanks", T("\0tim\0 two  words "), SASL_DONE, "tim",
	    " two  words " },
	{ "8-bit", T("\0b\303\274\0\377"), SASL_DONE, "b\303\274", "\377" },
	{ "a domain", T("\0tim@example.org\0x"), SASL_DONE, "tim@example.org",
	    "x" },
	{ "LF", T("\0tim\0a\nb"), SASL_DONE, "tim", "a\nb" },
	{ "the longest name", T("\0" TWOHUNDRED FIFTY "12345\0x"), SASL_DONE,
	    TWOHUNDRED FIFTY "12345", "x" },
	{ "the longest password", T("\0tim\0" FIVEHUNDRED TEN "12"), SASL_DONE,
	    "tim", FIVEHUNDRED TEN "12" },
	{ "nothing", T(""), SASL_MALFORMED, NULL, NULL },
	{ "one NUL", T("\0"), SASL_MALFORMED, NULL, NULL },
	{ "two NULs", T("\0\0"), SASL_MALFORMED, NULL, NULL },
	{ "three NULs", T("\0\0\0"), SASL_MALFORMED, NULL, NULL },
	{ "no NUL", T("tim"), SASL_MALFORMED, NULL, NULL },
	{ "one part too few", T("tim\0secret"), SASL_MALFORMED, NULL, NULL },
	{ "one part too many", T("\0tim\0secret\0x"), SASL_MALFORMED, NULL,
	    NULL },
	{ "NUL after it", T("\0tim\0secret\0"), SASL_MALFORMED, NULL, NULL },
	{ "no name", T("\0\0secret"), SASL_MALFORMED, NULL, NULL },
	{ "no name but authzid", T("tim\0\0secret"), SASL_MALFORMED, NULL,
	    NULL },
	{ "a name too long", T("\0" TWOHUNDRED FIFTY "123456\0x"),
	    SASL_MALFORMED, NULL, NULL },
	{ "a password too long", T("\0tim\0" FIVEHUNDRED TEN "123"),
	    SASL_MALFORMED, NULL, NULL },
};

static const struct {
	const char *test, *data;
	size_t len;
	enum sasl_result result;
	const char *name, *secret;
} cram[] = {
	{ "RFC 2195", T("tim b913a602c7eda7a495b4e6e7334d3890"), SASL_DONE,
	    "tim", "b913a602c7eda7a495b4e6e7334d3890" },
	{ "upper case", T("tim B913A602C7EDA7A495B4E6E7334D3890"), SASL_DONE,
	    "tim", "b913a602c7eda7a495b4e6e7334d3890" },
	{ "a name with a blank", T("tim o b913a602c7eda7a495b4e6e7334d3890"),
	    SASL_DONE, "tim o", "b913a602c7eda7a495b4e6e7334d3890" },
	{ "nothing", T(""), SASL_MALFORMED, NULL, NULL },
	{ "a blank", T(" "), SASL_MALFORMED, NULL, NULL },
	{ "no blank", T("tim"), SASL_MALFORMED, NULL, NULL },
	{ "no name", T(" b913a602c7eda7a495b4e6e7334d3890"), SASL_MALFORMED,
	    NULL, NULL },
	{ "NUL in the name", T("t\0im b913a602c7eda7a495b4e6e7334d3890"),
	    SASL_MALFORMED, NULL, NULL },
	{ "NUL in the digits", T("tim b913a602c7eda7a495b4e6e7334d389\0"),
	    SASL_MALFORMED, NULL, NULL },
	{ "a name too long", T(TWOHUNDRED FIFTY "123456 b913"), SASL_MALFORMED,
	    NULL, NULL },
	{ "an answer too long", T("tim " FIVEHUNDRED TEN "123"), SASL_MALFORMED,
	    NULL, NULL },
};

static bool
is_login(const struct sasl *s, enum sasl_result result, enum sasl_result want,
    const char *name, const char *secret)
{
	return result == want &&
	       (want != SASL_DONE || (strcmp(s->login.name, name) == 0 &&
					 strcmp(s->login.secret, secret) == 0));
}

static void
test_start(void)
{
	struct sasl s, t;

	ok(sasl_start(&s, "PLAIN", "x") && sasl_client_first(&s) &&
		s.login.mechanism == MECHANISM_PLAIN,
	    "PLAIN begins with the client");
	ok(sasl_step(&s, NULL, 0) == SASL_CONTINUE && s.prompt[0] == '\0',
	    "PLAIN: an empty challenge");
	ok(sasl_start(&s, "login", "x") && s.login.mechanism == MECHANISM_LOGIN,
	    "LOGIN in lower case");
	ok(sasl_start(&s, "Cram-MD5", "mail.example.org") &&
		sasl_start(&t, "CRAM-MD5", "mail.example.org") &&
		!sasl_client_first(&s) &&
		sasl_step(&s, NULL, 0) == SASL_CONTINUE,
	    "CRAM-MD5 begins with the server");
	size_t n = strlen(s.prompt);
	ok(s.prompt[0] == '<' && s.prompt[n - 1] == '>' &&
		strstr(s.prompt, "@mail.example.org>") != NULL &&
		strcmp(s.prompt, s.login.challenge) == 0,
	    "its challenge is a message id");
	ok(strcmp(s.login.challenge, t.login.challenge) != 0,
	    "and never the same");
	static const char *const others[] = { "", "PLAI", "PLAINX", "PLAIN ",
		"SCRAM-SHA-512", "EXTERNAL-PLUS", "ANONYMOUS", "GSSAPI", "*" };
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		ok(!sasl_start(&s, others[i], "x"), "no mechanism \"%s\"",
		    others[i]);
	}
	char host[CONFIG_NAME];
	memset(host, 'h', sizeof(host) - 1);
	host[sizeof(host) - 1] = '\0';
	ok(sasl_start(&s, "CRAM-MD5", host) &&
		sasl_step(&s, NULL, 0) == SASL_CONTINUE &&
		s.prompt[strlen(s.prompt) - 1] == '>',
	    "the longest host name fits");
}

static void
test_plain(void)
{
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		struct sasl s;
		bool good = sasl_start(&s, "PLAIN", "x");
		/* In a block of its own size, so that a tool sees overruns. */
		char *data = malloc(plain[i].len + 1);
		memcpy(data, plain[i].data, plain[i].len);
		enum sasl_result result = sasl_step(&s, data, plain[i].len);
		ok(good && is_login(&s, result, plain[i].result, plain[i].name,
			       plain[i].secret),
		    "PLAIN: %s", plain[i].test);
		bool nobody = result == SASL_DONE && plain[i].name[0] == '\0';
		ok((s.wrong != NULL) == nobody, "PLAIN: %s, in words",
		    plain[i].test);
		free(data);
	}
}

static void
test_login(void)
{
	static const struct {
		const char *test, *name;
		size_t name_len;
		const char *secret;
		size_t secret_len;
		enum sasl_result first, second;
	} cases[] = {
		{ "a login", T("tim"), T("secret"), SASL_CONTINUE, SASL_DONE },
		{ "blanks", T(" tim "), T(" a b "), SASL_CONTINUE, SASL_DONE },
		{ "no password", T("tim"), T(""), SASL_CONTINUE, SASL_DONE },
		{ "no name", T(""), T(""), SASL_MALFORMED, SASL_MALFORMED },
		{ "NUL in the name", T("t\0m"), T(""), SASL_MALFORMED,
		    SASL_MALFORMED },
		{ "NUL in the password", T("tim"), T("a\0b"), SASL_CONTINUE,
		    SASL_MALFORMED },
		{ "a name too long", T(TWOHUNDRED FIFTY "123456"), T(""),
		    SASL_MALFORMED, SASL_MALFORMED },
		{ "a password too long", T("tim"), T(FIVEHUNDRED TEN "123"),
		    SASL_CONTINUE, SASL_MALFORMED },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int initial = 0; initial < 2; initial++) {
			struct sasl s;
			bool good = sasl_start(&s, "LOGIN", "x");
			/* With or without an initial response. */
			good = good &&
			       (initial ||
				   (sasl_step(&s, NULL, 0) == SASL_CONTINUE &&
				       strcmp(s.prompt, "Username:") == 0));
			enum sasl_result r =
			    sasl_step(&s, cases[i].name, cases[i].name_len);
			good = good && r == cases[i].first;
			if (r == SASL_CONTINUE) {
				good =
				    good && strcmp(s.prompt, "Password:") == 0;
				r = sasl_step(
				    &s, cases[i].secret, cases[i].secret_len);
			}
			ok(good && is_login(&s, r, cases[i].second,
				       cases[i].name, cases[i].secret),
			    "LOGIN%s: %s", initial ? " at once" : "",
			    cases[i].test);
		}
	}
}

static void
test_cram(void)
{
	for (size_t i = 0; i < sizeof(cram) / sizeof(cram[0]); i++) {
		struct sasl s;
		bool good = sasl_start(&s, "CRAM-MD5", "x") &&
		            sasl_step(&s, NULL, 0) == SASL_CONTINUE;
		char *data = malloc(cram[i].len + 1);
		memcpy(data, cram[i].data, cram[i].len);
		enum sasl_result result = sasl_step(&s, data, cram[i].len);
		ok(good && is_login(&s, result, cram[i].result, cram[i].name,
			       cram[i].secret),
		    "CRAM-MD5: %s", cram[i].test);
		free(data);
	}
}

/* What the server takes from a session that may be an attacker's. */
static void
test_valid(void)
{
	static struct login good, l;

	good.mechanism = MECHANISM_PLAIN;
	ok(login_valid(&good, LOGIN_SIZE(0)), "a request is valid");
	ok(!login_valid(&good, LOGIN_SIZE(0) - 1), "one too short is not");
	ok(!login_valid(&good, 0), "nor nothing");
	ok(!login_valid(&good, LOGIN_SIZE(1)), "nor one too long");
	l = good;
	l.pending = LOGIN_PENDING;
	ok(login_valid(&l, LOGIN_SIZE(LOGIN_PENDING)),
	    "one with the most bytes");
	ok(!login_valid(&l, LOGIN_SIZE(LOGIN_PENDING - 1)), "not with less");
	l.pending = LOGIN_PENDING + 1;
	ok(!login_valid(&l, LOGIN_SIZE(0)), "more bytes than there may be");
	l.pending = UINT32_MAX;
	ok(!login_valid(&l, LOGIN_SIZE(0)), "a count that overflows");
	l = good;
	l.mechanism = MECHANISMS;
	ok(!login_valid(&l, LOGIN_SIZE(0)), "no such mechanism");
	l = good;
	memset(l.name, 'x', sizeof(l.name));
	ok(!login_valid(&l, LOGIN_SIZE(0)), "a name without end");
	l = good;
	memset(l.secret, 'x', sizeof(l.secret));
	ok(!login_valid(&l, LOGIN_SIZE(0)), "a secret without end");
	l = good;
	memset(l.challenge, 'x', sizeof(l.challenge));
	ok(!login_valid(&l, LOGIN_SIZE(0)), "a challenge without end");
}

/* Who the client wants to be, or nothing; never whose certificate it is. */
static void
test_external(void)
{
	static const char longest[] = TWOHUNDRED FIFTY "12345";
	struct sasl s;

	ok(sasl_start(&s, "external", "x") && sasl_client_first(&s) &&
		sasl_step(&s, NULL, 0) == SASL_CONTINUE && s.prompt[0] == '\0',
	    "EXTERNAL begins with the client");
	strlcpy(s.certificate, "0123", sizeof(s.certificate));
	ok(sasl_step(&s, "tim", 3) == SASL_DONE &&
		strcmp(s.login.name, "tim") == 0 &&
		strcmp(s.login.secret, "0123") == 0 && s.wrong == NULL,
	    "a name");
	ok(sasl_step(&s, "", 0) == SASL_NAME &&
		strcmp(s.login.secret, "0123") == 0,
	    "nothing");
	ok(sasl_name_is(&s, "ann") == SASL_DONE &&
		strcmp(s.login.name, "ann") == 0 &&
		login_valid(&s.login, LOGIN_SIZE(0)),
	    "whose it is");
	ok(sasl_name_is(&s, "") == SASL_DONE && s.wrong != NULL &&
		s.login.secret[0] == '\0',
	    "nobody's, and nothing to check");
	ok(sasl_step(&s, longest, sizeof(longest) - 1) == SASL_DONE &&
		sasl_step(&s, longest, sizeof(longest)) == SASL_MALFORMED,
	    "NUL after the longest name");
	ok(sasl_step(&s, TWOHUNDRED FIFTY "123456", 256) == SASL_MALFORMED,
	    "a name too long");
}

int
main(void)
{
	test_external();
	test_start();
	test_plain();
	test_login();
	test_cram();
	test_valid();
	return tap_done();
}
