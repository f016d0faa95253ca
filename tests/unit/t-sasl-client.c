/* SPDX-License-Identifier: ISC */
/*
 * Logging in: the exchanges of the RFCs to the octet, and a server that does
 * not know the password, or wants too much, does not get an answer.
 */
#include "common/sasl/sasl_client.h"

#include "common/sasl/scram.h"
#include "common/text/base64.h"
#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

static char answer[SASL_CLIENT_DATA];
static size_t len;

/* True if a step succeeds with that answer. */
static bool
says(struct sasl_client *c, const char *challenge, const void *want, size_t n)
{
	return sasl_client_step(c, challenge,
		   challenge == NULL ? 0 : strlen(challenge), answer, &len) &&
	       len == n && memcmp(answer, want, n) == 0;
}

static void
test_choose(void)
{
	static const struct {
		const char *offered, *tried;
		bool token, secure;
		const char *best;
	} cases[] = {
		{ "PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256", "", false, true,
		    "SCRAM-SHA-256" },
		{ "PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256", "SCRAM-SHA-256", false,
		    true, "PLAIN" },
		{ "PLAIN LOGIN CRAM-MD5", "SCRAM-SHA-256 PLAIN", false, true,
		    "LOGIN" },
		{ "PLAIN LOGIN CRAM-MD5", "PLAIN LOGIN", false, true,
		    "CRAM-MD5" },
		{ "PLAIN LOGIN CRAM-MD5", "PLAIN LOGIN CRAM-MD5", false, true,
		    NULL },
		{ "PLAIN LOGIN CRAM-MD5", "", false, false, "CRAM-MD5" },
		{ "PLAIN LOGIN XOAUTH2", "", false, false, NULL },
		{ "plain  login", "", false, true, "PLAIN" },
		{ "XPLAIN PLAINX", "", false, true, NULL },
		{ "PLAIN XOAUTH2", "", true, true, "XOAUTH2" },
		{ "PLAIN XOAUTH2", "", true, false, NULL },
		{ "PLAIN XOAUTH2", "XOAUTH2", true, true, NULL },
		{ "XOAUTH2 OAUTHBEARER", "", true, true, "OAUTHBEARER" },
		{ "XOAUTH2 OAUTHBEARER", "OAUTHBEARER", true, true, "XOAUTH2" },
		{ "LOGIN OAUTHBEARER", "", true, false, NULL },
		{ "LOGIN OAUTHBEARER", "", false, true, "LOGIN" },
		{ "PLAIN LOGIN", "", true, true, NULL },
		{ "SCRAM-SHA-256-PLUS GSSAPI", "", false, true, NULL },
		{ "", "", false, true, NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *best = sasl_client_choose(cases[i].offered,
		    cases[i].tried, cases[i].token, cases[i].secure);
		ok(best == cases[i].best ||
			(best != NULL && cases[i].best != NULL &&
			    strcmp(best, cases[i].best) == 0),
		    "of \"%s\" after \"%s\"%s%s", cases[i].offered,
		    cases[i].tried, cases[i].token ? ", a token" : "",
		    cases[i].secure ? "" : ", in the clear");
	}
}

static void
test_plain(void)
{
	struct sasl_client *c = sasl_client_open("PLAIN", "tim", "tanstaaf");

	ok(sasl_client_starts(c) && !sasl_client_done(c) &&
		says(c, NULL, "\0tim\0tanstaaf", 13) && sasl_client_done(c),
	    "PLAIN");
	ok(!sasl_client_step(c, "", 0, answer, &len), "once only");
	sasl_client_close(c);
	c = sasl_client_open("LOGIN", "tim", "secret");
	ok(!sasl_client_starts(c) && says(c, "Username:", "tim", 3) &&
		!sasl_client_done(c) && says(c, "whatever", "secret", 6) &&
		sasl_client_done(c),
	    "LOGIN");
	ok(!sasl_client_step(c, "Once more:", 10, answer, &len), "twice only");
	sasl_client_close(c);
	/* RFC 2195 section 2. */
	c = sasl_client_open("cram-md5", "tim", "tanstaaftanstaaf");
	ok(!sasl_client_starts(c) &&
		says(c, "<1896.697170952@postoffice.reston.mci.net>",
		    "tim b913a602c7eda7a495b4e6e7334d3890", 36) &&
		sasl_client_done(c),
	    "CRAM-MD5 of RFC 2195");
	sasl_client_close(c);
	c = sasl_client_open("XOAUTH2", "a@b", "ya29.x");
	ok(sasl_client_starts(c) &&
		says(c, NULL, "user=a@b\001auth=Bearer ya29.x\001\001", 29) &&
		sasl_client_done(c) && says(c, "{\"status\":\"401\"}", "", 0) &&
		!sasl_client_done(c),
	    "XOAUTH2, and an empty answer to its reasons");
	sasl_client_close(c);
	/* RFC 7628 section 4.1, but for host and port; and section 4.3. */
	c = sasl_client_open("OAUTHBEARER", "user@example.com",
	    "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==");
	ok(sasl_client_starts(c) &&
		says(c, NULL,
		    "n,a=user@example.com,\001auth=Bearer "
		    "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\001\001",
		    78) &&
		sasl_client_done(c) &&
		says(c, "{\"status\":\"invalid_token\"}", "\001", 1) &&
		!sasl_client_done(c) &&
		!sasl_client_step(c, "{}", 2, answer, &len),
	    "OAUTHBEARER, and its answer to a refusal, once");
	sasl_client_close(c);
	c = sasl_client_open("OAUTHBEARER", "a,b=c", "t");
	ok(says(c, NULL, "n,a=a=2Cb=3Dc,\001auth=Bearer t\001\001", 30),
	    "a name with a comma");
	sasl_client_close(c);
	ok(sasl_client_open("ANONYMOUS", "x", "y") == NULL, "no such thing");
	char *much = calloc(1, 10000);
	memset(much, 'x', 9999);
	ok(sasl_client_open("PLAIN", much, "y") == NULL &&
		sasl_client_open("PLAIN", "x", much) == NULL,
	    "names and secrets that are too long");
	free(much);
}

#define NONCE "rOprNGfwEbeRWgbNEkqO"
#define ALL NONCE "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define SALT "s=W22ZaJ0SNY7soEsUEjb6gQ=="

/* RFC 7677 section 3. */
static void
test_scram(void)
{
	static const char proved[] =
	    "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
	static const char *const wrong[] = {
		"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5=",
		"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95g4=",
		"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjk=", "v=", "v", "",
		"e=invalid-proof", "x=6rri"
	};
	struct scram_client s;
	char message[SCRAM_MESSAGE];
	const char *first = "r=" ALL "," SALT ",i=4096";

	ok(scram_first(&s, "user", NONCE, message) &&
		strcmp(message, "n,,n=user,r=" NONCE) == 0,
	    "SCRAM-SHA-256: the first message");
	ok(scram_final(&s, "pencil", first, strlen(first), message) &&
		strcmp(message,
		    "c=biws,r=" ALL
		    ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=") == 0,
	    "the proof");
	ok(scram_verify(&s, proved, strlen(proved)), "the server's proof");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ok(!scram_verify(&s, wrong[i], strlen(wrong[i])), "not \"%s\"",
		    wrong[i]);
	}
	ok(scram_first(&s, "a=b,c", NONCE, message) &&
		strcmp(message, "n,,n=a=3Db=2Cc,r=" NONCE) == 0,
	    "a name with = and ,");
	char *much = calloc(1, 2000);
	memset(much, ',', 1999);
	ok(!scram_first(&s, much, NONCE, message), "a name too long");
	free(much);
}

static void
test_scram_refuses(void)
{
	static const char *const bad[] = { "", "r=", "r=" ALL,
		"r=" ALL "," SALT, "r=" ALL ",i=4096," SALT,
		"r=" NONCE "," SALT ",i=4096", "r=x" ALL "," SALT ",i=4096",
		"r=" ALL "," SALT ",i=0",
		"r=" ALL "," SALT ",i=", "r=" ALL "," SALT ",i=-1",
		"r=" ALL "," SALT ",i=+1", "r=" ALL "," SALT ",i=4096x",
		"r=" ALL "," SALT ",i=1000001",
		"r=" ALL "," SALT ",i=99999999999999999999",
		"r=" ALL "," SALT ",i= 1", "r=" ALL ",s=,i=4096",
		"r=" ALL ",s=!!!!,i=4096", "m=x,r=" ALL "," SALT ",i=4096",
		"e=other-error", "r" };
	struct scram_client s;
	char message[SCRAM_MESSAGE];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		(void)scram_first(&s, "user", NONCE, message);
		ok(!scram_final(&s, "pencil", bad[i], strlen(bad[i]), message),
		    "no answer to \"%s\"", bad[i]);
	}
	const char *more = "r=" ALL "," SALT ",i=4096,x=extension";
	ok(scram_final(&s, "pencil", more, strlen(more), message),
	    "an extension after it is let through");
	ok(!scram_final(&s, "pencil", "r=" ALL "\0," SALT ",i=4096",
	       strlen(more), message),
	    "no NUL");
	struct bytes b = { .data = NULL };
	bytes_text(&b, "r=" NONCE);
	bytes_fill(&b, 'x', 3000);
	bytes_text(&b, "," SALT ",i=1");
	ok(!scram_final(&s, "pencil", b.data, b.len, message),
	    "nor a nonce without end");
	free(b.data);
}

/* The whole exchange, against a server that is made of the same hashes. */
static void
test_exchange(bool honest)
{
	struct sasl_client *c =
	    sasl_client_open("SCRAM-SHA-256", "user", "pencil");
	struct scram_client twin;
	char challenge[SCRAM_MESSAGE], message[SCRAM_MESSAGE];
	char proof[2 + BASE64_SIZE(CRYPTO_SHA256)] = "v=";

	bool good = sasl_client_step(c, NULL, 0, answer, &len) && len > 30 &&
	            memcmp(answer, "n,,n=user,r=", 12) == 0;
	snprintf(challenge, sizeof(challenge), "r=%.*sserver," SALT ",i=4096",
	    (int)len - 12, answer + 12);
	answer[len] = '\0';
	good = good && scram_first(&twin, "user", answer + 12, message) &&
	       scram_final(&twin, honest ? "pencil" : "pencils", challenge,
		   strlen(challenge), message);
	bool answered =
	    sasl_client_step(c, challenge, strlen(challenge), answer, &len);
	answer[len] = '\0';
	ok(good && answered && !sasl_client_done(c) &&
		(strcmp(answer, message) == 0) == honest,
	    "a challenge is answered");
	good = base64_encode(twin.server, sizeof(twin.server), proof + 2,
		   sizeof(proof) - 2) > 0;
	ok(good &&
		sasl_client_step(c, proof, strlen(proof), answer, &len) ==
		    honest &&
		len == 0 && sasl_client_done(c) == honest,
	    "a server that does%s know the password", honest ? "" : " not");
	ok(!sasl_client_step(c, "", 0, answer, &len) && !sasl_client_done(c),
	    "and there is nothing after that");
	sasl_client_close(c);
}

/* Challenges with octets changed: nothing may be read or written outside. */
static void
test_damage(void)
{
	static const char good[] = "r=" ALL "," SALT ",i=1";
	struct scram_client s;
	char message[SCRAM_MESSAGE];

	for (int i = 0; i < 5000; i++) {
		char *exact = malloc(sizeof(good) - 1);
		scratch_need(exact != NULL, "malloc");
		memcpy(exact, good, sizeof(good) - 1);
		exact[random_below(sizeof(good) - 1)] = (char)random_below(256);
		size_t n =
		    i % 2 == 0 ? sizeof(good) - 1 : random_below(sizeof(good));
		(void)scram_first(&s, "user", NONCE, message);
		(void)scram_final(&s, "pencil", exact, n, message);
		(void)scram_verify(&s, exact, n);
		free(exact);
	}
	ok(true, "damaged challenges do no harm");
}

static void
test_nonces(void)
{
	char other[SASL_CLIENT_DATA];
	size_t n;
	struct sasl_client *a = sasl_client_open("SCRAM-SHA-256", "u", "p");
	struct sasl_client *b = sasl_client_open("SCRAM-SHA-256", "u", "p");

	ok(sasl_client_step(a, NULL, 0, answer, &len) &&
		sasl_client_step(b, NULL, 0, other, &n) && n == len &&
		memcmp(answer, other, n) != 0,
	    "nonces are never the same");
	sasl_client_close(a);
	sasl_client_close(b);
}

int
main(void)
{
	test_choose();
	test_plain();
	test_scram();
	test_scram_refuses();
	test_exchange(true);
	test_exchange(false);
	test_nonces();
	test_damage();
	return tap_done();
}
