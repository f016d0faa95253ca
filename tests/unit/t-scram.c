/* SPDX-License-Identifier: ISC */
/*
 * SCRAM as the server sees it: the example of RFC 7677 comes out to the
 * letter, and what is malformed, replayed or bound to another channel never
 * becomes a login.
 */
#include "common/job/channel.h"
#include "common/login/password.h"
#include "common/sasl/sasl.h"

#include "common/text/base64.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#define NONCE "rOprNGfwEbeRWgbNEkqO"
#define SERVER_NONCE "%hvYDpWUa2RaTCAfuxFIlj)h"
#define SALT "W22ZaJ0SNY7soEsUEjb6gQ=="
#define PROOF "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
#define FIFTY "01234567890123456789012345678901234567890123456789"
#define TWOHUNDRED FIFTY FIFTY FIFTY FIFTY
#define T(text) text, sizeof(text) - 1

/* "pencil", with the salt of RFC 7677 section 3 and 4096 iterations. */
static const char pencil[] =
    "{SCRAM-SHA-256}4096$" SALT "$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="
    "$wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

/*
 * A message in a block of its own size, so that a tool sees overruns.
 */
static enum sasl_result
step(struct sasl *s, const char *data, size_t len)
{
	char *copy = malloc(len > 0 ? len : 1);

	scratch_need(copy != NULL, "malloc");
	memcpy(copy, data, len);
	enum sasl_result result = sasl_step(s, copy, len);
	free(copy);
	return result;
}

static bool
start(struct sasl *s, const char *mechanism)
{
	return sasl_start(s, mechanism, "x") && sasl_client_first(s);
}

static enum sasl_result
salt(struct sasl *s)
{
	const uint8_t secret[PASSWORD_DIGEST] = { 0 };
	struct password_salt p;

	password_salt(pencil, CRYPTO_KIND_SHA256, "user", secret, &p);
	return sasl_salt(s, &p);
}

/*
 * RFC 7677 section 3, whose server adds 28 characters and not our 24: what is
 * said there is checked by password_check_scram(), CRYPTO_KIND_SHA256, the form
 * here.
 */
static void
test_example(void)
{
	static const char text[] =
	    "n=user,r=" NONCE ",r=" NONCE "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
	    "s=" SALT ",i=4096,"
	    "c=biws,r=" NONCE "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
	uint8_t signature[PASSWORD_DIGEST];
	struct sasl s = { .nbindings = 0 };

	s.login.mechanism = MECHANISM_SCRAM;
	ok(password_has_scram(pencil, CRYPTO_KIND_SHA256),
	    "the verifier is one");
	ok(password_check_scram(
	       pencil, CRYPTO_KIND_SHA256, text, PROOF, signature) == STATUS_OK,
	    "RFC 7677: the proof is right");
	ok(sasl_signature(&s, signature) == SASL_CONTINUE &&
		strcmp(s.prompt, "v=6rriTRBi23WpRR/wtup+mMhUZUn/"
				 "dB5nLTJRsjl95G4=") == 0,
	    "RFC 7677: the signature is right");
	static const char *const others[] = { "", "=", "AAAA",
		"dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVA=",
		"dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ",
		"AHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", PROOF PROOF };
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		ok(password_check_scram(pencil, CRYPTO_KIND_SHA256, text,
		       others[i], signature) == STATUS_NO,
		    "another proof: \"%s\"", others[i]);
	}
	ok(password_check_scram(pencil, CRYPTO_KIND_SHA256, text + 1, PROOF,
	       signature) == STATUS_NO,
	    "other words");
	ok(password_check_scram(
	       "", CRYPTO_KIND_SHA256, text, PROOF, signature) == STATUS_NO,
	    "no user");
	ok(password_check_scram("$6$x$y", CRYPTO_KIND_SHA256, text, PROOF,
	       signature) == STATUS_NO,
	    "no verifier");
}

/* RFC 5802 section 5: the same user, by SHA-1. */
static void
test_sha1(void)
{
	static const char verifier[] =
	    "{SCRAM-SHA-1}4096$QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y="
	    "$D+CSWLOshSulAsxiupA+qs2/fTE=";
	static const char text[] =
	    "n=user,r=fyko+d2lbbFgONRv9qkxdawL,"
	    "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,"
	    "i=4096,c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j";
	static const char proof[] = "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=";
	const uint8_t secret[PASSWORD_DIGEST] = { 0 };
	uint8_t signature[PASSWORD_DIGEST];
	struct password_salt salt;
	char both[512];
	struct sasl s;

	snprintf(both, sizeof(both), "%s %s", pencil, verifier);
	ok(start(&s, "scram-sha-1"), "the client begins");
	ok(password_check_scram(
	       both, CRYPTO_KIND_SHA1, text, proof, signature) == STATUS_OK,
	    "RFC 5802: the proof is right");
	ok(sasl_signature(&s, signature) == SASL_CONTINUE &&
		strcmp(s.prompt, "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=") == 0,
	    "RFC 5802: the signature is right");
	password_salt(both, CRYPTO_KIND_SHA1, "x", secret, &salt);
	ok(salt.size == 12 && salt.salt[0] == 0x41, "the salt of that kind");
	ok(password_check_scram(
	       both, CRYPTO_KIND_SHA256, text, proof, signature) == STATUS_NO,
	    "not by the other hash");
	ok(password_check_scram(
	       pencil, CRYPTO_KIND_SHA1, text, proof, signature) == STATUS_NO,
	    "nor by a verifier of the other kind");
	ok(password_check_scram(
	       both, CRYPTO_KIND_SHA1, text, PROOF, signature) == STATUS_NO,
	    "a proof of another size");
	ok(password_check_scram(both, CRYPTO_KIND_SHA1, text,
	       "v0X8v3Bz2T0CJGbJQyF0X+HI4Tw=", signature) == STATUS_NO,
	    "another proof");
}

static void
test_exchange(void)
{
	static const char last[] = "c=biws,r=" NONCE SERVER_NONCE ",p=" PROOF;
	struct sasl s;

	ok(start(&s, "scram-sha-256"), "the client begins");
	ok(sasl_step(&s, NULL, 0) == SASL_CONTINUE && s.prompt[0] == '\0',
	    "or is asked to");
	strlcpy(s.nonce, SERVER_NONCE, sizeof(s.nonce));
	ok(step(&s, T("n,,n=user,r=" NONCE)) == SASL_SALT &&
		strcmp(s.login.name, "user") == 0,
	    "it says who it is");
	ok(salt(&s) == SASL_CONTINUE &&
		strcmp(s.prompt,
		    "r=" NONCE SERVER_NONCE ",s=" SALT ",i=4096") == 0,
	    "and gets the salt");
	ok(step(&s, T(last)) == SASL_PROOF && s.wrong == NULL &&
		strcmp(s.login.secret, PROOF) == 0 &&
		strcmp(s.login.challenge,
		    "n=user,r=" NONCE ",r=" NONCE SERVER_NONCE ",s=" SALT
		    ",i=4096,c=biws,r=" NONCE SERVER_NONCE) == 0,
	    "its proof is under all that was said");
	ok(login_valid(&s.login, LOGIN_SIZE(0)), "which is a request");
	struct sasl t = s;
	ok(step(&s, T("")) == SASL_DONE, "an empty answer ends it");
	ok(step(&t, T("x")) == SASL_MALFORMED, "any other does not");
	ok(start(&s, "SCRAM-SHA-256") && start(&t, "SCRAM-SHA-256") &&
		strlen(s.nonce) == SASL_NONCE && strcmp(s.nonce, t.nonce) != 0,
	    "a nonce is never the same");
}

static const struct {
	const char *test, *data;
	size_t len;
	enum sasl_result result;
	const char *name; /* with SASL_SALT; else what is wrong, or NULL */
} firsts[] = {
	{ "it could bind", T("y,,n=a,r=x"), SASL_SALT, "a" },
	{ "an identity of its own", T("n,a=a,n=a,r=x"), SASL_SALT, "a" },
	{ "a comma, an equals sign", T("n,,n=a=2Cb=3Dc,r=x"), SASL_SALT,
	    "a,b=c" },
	{ "an extension", T("n,,n=a,r=x,e=1"), SASL_SALT, "a" },
	{ "8-bit", T("n,,n=b\303\274,r=x"), SASL_SALT, "b\303\274" },
	{ "the longest name", T("n,,n=" TWOHUNDRED FIFTY "12345,r=x"),
	    SASL_SALT, TWOHUNDRED FIFTY "12345" },
	{ "the longest nonce", T("n,,n=a,r=" TWOHUNDRED FIFTY "123456"),
	    SASL_SALT, "a" },
	{ "another's identity", T("n,a=b,n=a,r=x"), SASL_DONE,
	    "wants to act for somebody else" },
	{ "nothing", T(""), SASL_MALFORMED, NULL },
	{ "a flag", T("n"), SASL_MALFORMED, NULL },
	{ "a header", T("n,,"), SASL_MALFORMED, NULL },
	{ "another flag", T("x,,n=a,r=x"), SASL_MALFORMED, NULL },
	{ "a flag in upper case", T("N,,n=a,r=x"), SASL_MALFORMED, NULL },
	{ "no second comma", T("n,n=a,r=x"), SASL_MALFORMED, NULL },
	{ "an empty identity", T("n,a=,n=a,r=x"), SASL_MALFORMED, NULL },
	{ "a binding without PLUS", T("p=tls-exporter,,n=a,r=x"),
	    SASL_MALFORMED, NULL },
	{ "no name", T("n,,r=x"), SASL_MALFORMED, NULL },
	{ "an empty name", T("n,,n=,r=x"), SASL_MALFORMED, NULL },
	{ "a bare equals sign", T("n,,n=a=b,r=x"), SASL_MALFORMED, NULL },
	{ "an escape in lower case", T("n,,n=a=2cb,r=x"), SASL_MALFORMED,
	    NULL },
	{ "half an escape", T("n,,n=a=2,r=x"), SASL_MALFORMED, NULL },
	{ "an escape at the end", T("n,,n=a=2"), SASL_MALFORMED, NULL },
	{ "no nonce", T("n,,n=a"), SASL_MALFORMED, NULL },
	{ "an empty nonce", T("n,,n=a,r="), SASL_MALFORMED, NULL },
	{ "a blank in the nonce", T("n,,n=a,r=x y"), SASL_MALFORMED, NULL },
	{ "8-bit in the nonce", T("n,,n=a,r=\377"), SASL_MALFORMED, NULL },
	{ "what we must know", T("n,,m=1,n=a,r=x"), SASL_MALFORMED, NULL },
	{ "the same after it", T("n,,n=a,r=x,m=1"), SASL_MALFORMED, NULL },
	{ "a comma after it", T("n,,n=a,r=x,"), SASL_MALFORMED, NULL },
	{ "NUL in the name", T("n,,n=a\0b,r=x"), SASL_MALFORMED, NULL },
	{ "NUL after it", T("n,,n=a,r=x\0"), SASL_MALFORMED, NULL },
	{ "a name too long", T("n,,n=" TWOHUNDRED FIFTY "123456,r=x"),
	    SASL_MALFORMED, NULL },
	{ "a nonce too long", T("n,,n=a,r=" TWOHUNDRED FIFTY "1234567"),
	    SASL_MALFORMED, NULL },
};

static void
test_first(void)
{
	for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
		struct sasl s;
		bool good = start(&s, "SCRAM-SHA-256");
		enum sasl_result r = step(&s, firsts[i].data, firsts[i].len);
		good = good && r == firsts[i].result;
		if (r == SASL_SALT) {
			good = good &&
			       strcmp(s.login.name, firsts[i].name) == 0 &&
			       salt(&s) == SASL_CONTINUE;
		} else if (r == SASL_DONE) {
			good = good && s.wrong != NULL &&
			       strcmp(s.wrong, firsts[i].name) == 0 &&
			       s.login.secret[0] == '\0';
		}
		ok(good, "first: %s", firsts[i].test);
	}
}

#define BOTH "x" SERVER_NONCE

static const struct {
	const char *test, *data;
	size_t len;
	enum sasl_result result;
} lasts[] = {
	{ "good", T("c=biws,r=" BOTH ",p=AAAA"), SASL_PROOF },
	{ "an extension", T("c=biws,r=" BOTH ",e=1,p=AAAA"), SASL_PROOF },
	{ "the client's nonce alone", T("c=biws,r=x,p=AAAA"), SASL_DONE },
	{ "ours alone", T("c=biws,r=" SERVER_NONCE ",p=AAAA"), SASL_DONE },
	{ "a nonce with more", T("c=biws,r=" BOTH "x,p=AAAA"), SASL_DONE },
	{ "another header", T("c=eSws,r=" BOTH ",p=AAAA"), SASL_DONE },
	{ "half a header", T("c=biw,r=" BOTH ",p=AAAA"), SASL_DONE },
	{ "a binding that is none", T("c=biwsAAAA,r=" BOTH ",p=AAAA"),
	    SASL_DONE },
	{ "nothing", T(""), SASL_MALFORMED },
	{ "no proof", T("c=biws,r=" BOTH), SASL_MALFORMED },
	{ "an empty proof", T("c=biws,r=" BOTH ",p="), SASL_MALFORMED },
	{ "a proof first", T("p=AAAA,c=biws,r=" BOTH), SASL_MALFORMED },
	{ "a proof alone", T("p=AAAA"), SASL_MALFORMED },
	{ "after the proof", T("c=biws,r=" BOTH ",p=AAAA,e=1"),
	    SASL_MALFORMED },
	{ "no binding", T("r=" BOTH ",p=AAAA"), SASL_MALFORMED },
	{ "the wrong order", T("r=" BOTH ",c=biws,p=AAAA"), SASL_MALFORMED },
	{ "no nonce", T("c=biws,p=AAAA"), SASL_MALFORMED },
	{ "what we must know", T("c=biws,r=" BOTH ",m=1,p=AAAA"),
	    SASL_MALFORMED },
	{ "a comma", T(","), SASL_MALFORMED },
	{ "NUL", T("c=biws,r=" BOTH ",p=AA\0A"), SASL_MALFORMED },
	{ "a proof too long",
	    T("c=biws,r=" BOTH ",p=" TWOHUNDRED TWOHUNDRED TWOHUNDRED),
	    SASL_MALFORMED },
};

static void
test_last(void)
{
	for (size_t i = 0; i < sizeof(lasts) / sizeof(lasts[0]); i++) {
		struct sasl s;
		bool good = start(&s, "SCRAM-SHA-256");
		strlcpy(s.nonce, SERVER_NONCE, sizeof(s.nonce));
		good = good && step(&s, T("n,,n=user,r=x")) == SASL_SALT &&
		       salt(&s) == SASL_CONTINUE &&
		       step(&s, lasts[i].data, lasts[i].len) == lasts[i].result;
		/* A login that is wrong has no proof to be checked. */
		if (lasts[i].result == SASL_DONE) {
			good = good && s.wrong != NULL &&
			       s.login.secret[0] == '\0';
		}
		ok(good, "last: %s", lasts[i].test);
	}
}

/* ---- channel binding ---- */

static void
test_binding(void)
{
	static const struct {
		const char *test, *mechanism, *first;
		enum sasl_result result;
		const char *said; /* of the channel, in the end */
		enum sasl_result end;
	} cases[] = {
#define EXPORTER "p=tls-exporter,,"
#define PLUS "SCRAM-SHA-256-PLUS"
		{ "bound", PLUS, EXPORTER, SASL_SALT, EXPORTER "data",
		    SASL_PROOF },
		{ "bound to the other", PLUS, "p=tls-server-end-point,,",
		    SASL_SALT, "p=tls-server-end-point,,cert", SASL_PROOF },
		{ "to another channel", PLUS, EXPORTER, SASL_SALT,
		    EXPORTER "datA", SASL_DONE },
		{ "to the other's data", PLUS, EXPORTER, SASL_SALT,
		    EXPORTER "cert", SASL_DONE },
		{ "to no data", PLUS, EXPORTER, SASL_SALT, EXPORTER,
		    SASL_DONE },
		{ "to what it did not say", PLUS, EXPORTER, SASL_SALT, "n,,",
		    SASL_DONE },
		{ "an unknown kind", PLUS, "p=tls-unique,,", SASL_DONE, NULL,
		    SASL_DONE },
		{ "half a name", PLUS, "p=tls-export,,", SASL_DONE, NULL,
		    SASL_DONE },
		{ "PLUS without", PLUS, "n,,", SASL_MALFORMED, NULL,
		    SASL_DONE },
		{ "PLUS, it thinks not", PLUS, "y,,", SASL_MALFORMED, NULL,
		    SASL_DONE },
		{ "bound, SHA-1", "SCRAM-SHA-1-PLUS", EXPORTER, SASL_SALT,
		    EXPORTER "data", SASL_PROOF },
		{ "SHA-1 PLUS without", "SCRAM-SHA-1-PLUS", "n,,",
		    SASL_MALFORMED, NULL, SASL_DONE },
		{ "hidden from it, SHA-1", "SCRAM-SHA-1", "y,,", SASL_DONE,
		    NULL, SASL_DONE },
		{ "not wanted", "SCRAM-SHA-256", "n,,", SASL_SALT, "n,,",
		    SASL_PROOF },
		{ "hidden from it", "SCRAM-SHA-256", "y,,", SASL_DONE, NULL,
		    SASL_DONE },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char message[1024], encoded[256];
		struct sasl s;
		bool good = start(&s, cases[i].mechanism);
		sasl_bind(&s, "tls-exporter", (const uint8_t *)"data", 4);
		sasl_bind(
		    &s, "tls-server-end-point", (const uint8_t *)"cert", 4);
		snprintf(
		    message, sizeof(message), "%sn=user,r=x", cases[i].first);
		enum sasl_result r = step(&s, message, strlen(message));
		good = good && r == cases[i].result &&
		       (r != SASL_DONE || s.wrong != NULL);
		if (cases[i].said != NULL) {
			good =
			    good && salt(&s) == SASL_CONTINUE &&
			    base64_encode(cases[i].said, strlen(cases[i].said),
				encoded, sizeof(encoded)) > 0;
			snprintf(message, sizeof(message), "c=%s,r=%s,p=AAAA",
			    encoded, s.both);
			good = good && step(&s, message, strlen(message)) ==
			                   cases[i].end;
		}
		ok(good, "binding: %s", cases[i].test);
	}
}

/* ---- salts ---- */

static void
test_salt(void)
{
	const uint8_t one[PASSWORD_DIGEST] = { 1 },
		      two[PASSWORD_DIGEST] = { 2 };
	struct password_salt a, b;

	password_salt(pencil, CRYPTO_KIND_SHA256, "x", one, &a);
	ok(a.iterations == 4096 && a.size == 16 && a.salt[0] == 0x5b,
	    "a user's salt");
	password_salt("", CRYPTO_KIND_SHA256, "x", one, &a);
	ok(a.size == 16 && a.iterations == 10000,
	    "nobody's salt looks like one");
	password_salt("$6$x$y", CRYPTO_KIND_SHA256, "x", one, &b);
	ok(memcmp(&a, &b, sizeof(a)) == 0, "it is always the same");
	password_salt("", CRYPTO_KIND_SHA256, "y", one, &b);
	ok(memcmp(a.salt, b.salt, a.size) != 0, "another name has another");
	password_salt("", CRYPTO_KIND_SHA256, "x", two, &b);
	ok(memcmp(a.salt, b.salt, a.size) != 0, "and so has another machine");
}

int
main(void)
{
	test_example();
	test_sha1();
	test_exchange();
	test_first();
	test_last();
	test_binding();
	test_salt();
	return tap_done();
}
