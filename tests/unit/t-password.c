/* SPDX-License-Identifier: ISC */
/*
 * Stored credentials: those of the RFCs and of crypt(3) open to their password
 * and to no other, and what is malformed opens to nothing.
 */
#include "common/login/password.h"

#include "common/login/users.h"
#include "common/tls/crypto.h"
#include "tests/unit/tap.h"

#include <string.h>

/* RFC 7677 section 3: user "user", password "pencil"; the keys by hand. */
#define SCRAM                                                                  \
	"{SCRAM-SHA-256}4096$W22ZaJ0SNY7soEsUEjb6gQ==$"                        \
	"WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=$"                        \
	"wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
/* RFC 5802 section 5, the same password. */
#define SCRAM_SHA1                                                             \
	"{SCRAM-SHA-1}4096$QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=$"     \
	"D+CSWLOshSulAsxiupA+qs2/fTE="
#define SHA512                                                                 \
	"$6$rounds=1000$saltsalt$TPu4UqmyL5OVZGYM2Kk9GTRVrXLPxIJOBXlPlWA3JDTo" \
	"9p7SPTrJE2SDVNbogN/WdkPbIQriAQFeTSYtjphWJ/"
#define YESCRYPT                                                               \
	"$y$j75$saltsaltsalt$SYgWXqqW6uZxlSffSexf2CqPMuZtM4Mwb7pPAbYkNZ6"
#define BCRYPT "$2b$04$abcdefghijklmnopqrstuuFuhxWRTXIsURoluSTZ1N4tYaWGn9oOi"
#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define KEY32 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static const struct {
	const char *name, *credentials, *password;
	enum status result;
} checks[] = {
	{ "SCRAM of RFC 7677", SCRAM, "pencil", STATUS_OK },
	{ "another password", SCRAM, "pencils", STATUS_NO },
	{ "a shorter one", SCRAM, "penci", STATUS_NO },
	{ "no password", SCRAM, "", STATUS_NO },
	{ "its case", SCRAM, "Pencil", STATUS_NO },
	{ "a blank more", SCRAM, "pencil ", STATUS_NO },
	{ "the verifier as password", SCRAM, SCRAM, STATUS_NO },
	{ "SCRAM-SHA-1 of RFC 5802", SCRAM_SHA1, "pencil", STATUS_OK },
	{ "SCRAM-SHA-1, another password", SCRAM_SHA1, "pencils", STATUS_NO },
	{ "SCRAM-SHA-1 after it", SCRAM " " SCRAM_SHA1, "pencil", STATUS_OK },
	{ "SHA-512 crypt", SHA512, "opensesame", STATUS_OK },
	{ "SHA-512 crypt, another password", SHA512, "opensesam", STATUS_NO },
	{ "the hash as password", SHA512, SHA512, STATUS_NO },
	{ "yescrypt", YESCRYPT, "opensesame", STATUS_OK },
	{ "yescrypt, another password", YESCRYPT, "opensesame!", STATUS_NO },
	{ "bcrypt", BCRYPT, "opensesame", STATUS_OK },
	{ "bcrypt, another password", BCRYPT, "pencil", STATUS_NO },
	{ "blanks around", "  " SCRAM "\t", "pencil", STATUS_OK },
	{ "CRAM-MD5 in front", "{CRAM-MD5}" HEX64 " " SCRAM, "pencil",
	    STATUS_OK },
	{ "CRAM-MD5 after it", SCRAM " {CRAM-MD5}" HEX64, "pencil", STATUS_OK },
	{ "CRAM-MD5 alone", "{CRAM-MD5}" HEX64, "pencil", STATUS_NO },
	{ "its digits as password", "{CRAM-MD5}" HEX64, HEX64, STATUS_NO },
	{ "an unknown scheme", "{SHA}AAAA", "pencil", STATUS_NO },
	{ "no credentials", "", "pencil", STATUS_NO },
	{ "no credentials, no password", "", "", STATUS_NO },
	{ "blanks", "   ", "", STATUS_NO },
	{ "a locked account", "!", "!", STATUS_NO },
	{ "a locked hash", "!" SHA512, "opensesame", STATUS_NO },
	{ "no login", "*", "*", STATUS_NO },
	{ "a plain word", "pencil", "pencil", STATUS_NO },
	{ "a hash cut off", "$6$rounds=1000$saltsalt$TPu4", "opensesame",
	    STATUS_NO },
	{ "a setting without a hash", "$6$rounds=1000$saltsalt$", "opensesame",
	    STATUS_NO },
	{ "half a setting", "$6$", "", STATUS_NO },
	{ "half a yescrypt setting", "$y$j75$saltsaltsalt$", "opensesame",
	    STATUS_NO },
};

static const struct {
	const char *credentials;
	bool valid, cram;
} lists[] = {
	{ SCRAM, true, false },
	{ SCRAM " {CRAM-MD5}" HEX64, true, true },
	{ "{CRAM-MD5}" HEX64, true, true },
	{ "{CRAM-MD5}" HEX64 " " SCRAM, true, true },
	{ SHA512, true, false },
	{ YESCRYPT, true, false },
	{ BCRYPT, true, false },
	{ "{SCRAM-SHA-256}1$AAAA$" KEY32 "$" KEY32, true, false },
	{ SCRAM_SHA1, true, false },
	{ SCRAM " " SCRAM_SHA1 " {CRAM-MD5}" HEX64, true, true },
	{ "{SCRAM-SHA-1}4096$AAAA$" KEY32 "$" KEY32, false, false },
	{ "{SCRAM-SHA-256}4096$AAAA$6dlGYMOdZcOPutkcNY8U2g7vK9Y=$"
	  "D+CSWLOshSulAsxiupA+qs2/fTE=",
	    false, false },
	{ "{OAUTH}", true, false },
	{ "{OAUTH}x", false, false },
	{ "{oauth}", false, false },
	{ "{EXTERNAL}sha256-" HEX64, true, false },
	{ "{EXTERNAL}sha256-" HEX64 "0", false, false },
	{ "{EXTERNAL}sha256-ABCDEF", false, false },
	{ "{EXTERNAL}" HEX64, false, false },
	{ SCRAM " {OAUTH} {EXTERNAL}sha256-" HEX64, true, false },
	{ "{SCRAM-SHA-512}4096$AAAA$" KEY32 "$" KEY32, false, false },
	{ "", false, false },
	{ "  ", false, false },
	{ "!", false, false },
	{ "*", false, false },
	{ "!" SHA512, false, false },
	{ "secret", false, false },
	{ "{PLAIN}secret", false, false },
	{ "{SHA}AAAA", false, false },
	{ SCRAM " secret", false, false },
	{ SCRAM " {PLAIN}secret", false, false },
	{ "{CRAM-MD5}", false, false },
	{ "{CRAM-MD5}0123", false, false },
	{ "{CRAM-MD5}" HEX64 "0", false, false },
	{ "{CRAM-MD5}" HEX64 "x", false, false },
	{ "{CRAM-MD5}g123456789abcdef0123456789abcdef"
	  "0123456789abcdef0123456789abcdef",
	    false, false },
	{ "{SCRAM-SHA-256}", false, false },
	{ "{SCRAM-SHA-256}4096", false, false },
	{ "{SCRAM-SHA-256}4096$AAAA", false, false },
	{ "{SCRAM-SHA-256}4096$AAAA$" KEY32, false, false },
	{ "{SCRAM-SHA-256}4096$AAAA$" KEY32 "$" KEY32 "$", false, false },
	{ "{SCRAM-SHA-256}4096$AAAA$" KEY32 "$" KEY32 "$x", false, false },
	{ "{SCRAM-SHA-256}4096$$" KEY32 "$" KEY32, false, false },
	{ "{SCRAM-SHA-256}4096$A$" KEY32 "$" KEY32, false, false },
	{ "{SCRAM-SHA-256}4096$AAAA$AAAA$" KEY32, false, false },
	{ "{SCRAM-SHA-256}4096$AAAA$" KEY32 "$AAAA", false, false },
	{ "{SCRAM-SHA-256}0$AAAA$" KEY32 "$" KEY32, false, false },
	{ "{SCRAM-SHA-256}$AAAA$" KEY32 "$" KEY32, false, false },
	{ "{SCRAM-SHA-256}x$AAAA$" KEY32 "$" KEY32, false, false },
	{ "{SCRAM-SHA-256}-1$AAAA$" KEY32 "$" KEY32, false, false },
	{ "{SCRAM-SHA-256}+4096$AAAA$" KEY32 "$" KEY32, false, false },
	{ "{SCRAM-SHA-256}-18446744073709547520$AAAA$" KEY32 "$" KEY32, false,
	    false },
	{ "{SCRAM-SHA-256}4294971392$AAAA$" KEY32 "$" KEY32, false, false },
	{ "{SCRAM-SHA-256}99999999999999999999$AAAA$" KEY32 "$" KEY32, false,
	    false },
	{ "{scram-sha-256}4096$AAAA$" KEY32 "$" KEY32, false, false },
};

static void
test_tables(void)
{
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		for (int system_users = 0; system_users < 2; system_users++) {
			enum status s = password_check(checks[i].credentials,
			    checks[i].password, system_users != 0);
			ok(s == checks[i].result, "%s%s", checks[i].name,
			    system_users ? " (system users)" : "");
		}
	}
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		ok(password_is_valid(lists[i].credentials) == lists[i].valid,
		    "%s: \"%.60s\"", lists[i].valid ? "valid" : "not valid",
		    lists[i].credentials);
		ok(password_has_cram(lists[i].credentials) == lists[i].cram,
		    "%s: \"%.60s\"", lists[i].cram ? "CRAM-MD5" : "no CRAM-MD5",
		    lists[i].credentials);
	}
}

/* What is no secret opens to no password, and is told from those that are. */
static void
test_no_secret(void)
{
	static const char both[] = "{OAUTH} {EXTERNAL}sha256-" HEX64;

	ok(password_check(both, "", false) == STATUS_NO &&
		password_check(both, "{OAUTH}", false) == STATUS_NO &&
		password_check(both, HEX64, false) == STATUS_NO,
	    "no password opens what is no secret");
	ok(!password_opens(both) && !password_opens("") &&
		!password_opens("!") && !password_opens("secret"),
	    "no secret");
	ok(password_opens(SCRAM) && password_opens(SHA512) &&
		password_opens(both) == false &&
		password_opens("{OAUTH} " SCRAM) &&
		password_opens("{CRAM-MD5}" HEX64),
	    "a secret");
	ok(password_has_certificate(both, HEX64) &&
		password_has_certificate(both, NULL) &&
		!password_has_certificate(both, KEY32) &&
		!password_has_certificate("{OAUTH} " SCRAM, NULL) &&
		!password_has_certificate("{EXTERNAL}sha256-", ""),
	    "a certificate, this one or any");
	ok(password_has(both, PASSWORD_OAUTH) &&
		!password_has(SCRAM, SCRAM "x"),
	    "a word");
}

/* A malformed verifier must not open, nor look like a wrong password. */
static void
test_malformed(void)
{
	ok(password_check("{SCRAM-SHA-256}4096$AAAA", "pencil", false) ==
		STATUS_TEMPORARY,
	    "a malformed verifier is our trouble, not the user's");
}

#define LONG_LONG "long long long long long long long long long long long "
#define SIXTY_FOUR                                                             \
	"0123456789012345678901234567890123456789012345678901234567890123"

static const char *const passwords[] = {
	"pencil",
	"",
	" ",
	"two words",
	"b\303\274cher",
	"colon:dollar$percent%",
	"\001",
	SIXTY_FOUR,
	SIXTY_FOUR "4",
	LONG_LONG LONG_LONG "long long long long long",
};

static const struct password_extras all = { .cram = true, .scram_sha1 = true };

static void
test_make(void)
{
	char one[USER_CREDENTIALS], two[USER_CREDENTIALS], other[256];

	for (size_t i = 0; i < sizeof(passwords) / sizeof(passwords[0]); i++) {
		const char *password = passwords[i];
		const struct password_extras extras = { .cram = i % 2 == 1,
			.scram_sha1 = i % 3 == 1 };
		bool good =
		    password_make(password, &extras, one, sizeof(one)) == 0 &&
		    password_make(password, &extras, two, sizeof(two)) == 0;
		snprintf(other, sizeof(other), "%sx", password);
		ok(good && strcmp(one, two) != 0 && password_is_valid(one) &&
			password_has_cram(one) == extras.cram &&
			password_has_scram(one, CRYPTO_KIND_SHA256) &&
			password_has_scram(one, CRYPTO_KIND_SHA1) ==
			    extras.scram_sha1 &&
			strchr(one, ':') == NULL && strchr(one, '\n') == NULL,
		    "made for password %zu: salted, and fit for the file", i);
		ok(password_check(one, password, false) == STATUS_OK &&
			password_check(two, password, false) == STATUS_OK,
		    "it opens to it");
		ok(password_check(one, other, false) == STATUS_NO,
		    "and to no other");
	}
	for (size_t size = 10; size < 360; size += 10) {
		char small[360];
		memset(small, 'x', sizeof(small));
		if (password_make("pencil", &all, small, size) == 0 &&
		    strlen(small) >= size) {
			ok(false, "cut off at %zu", size);
		}
	}
	ok(password_make("pencil", &all, one, 100) == -1 &&
		password_make("pencil", &all, one, 200) == -1 &&
		password_make("pencil", &all, one, 300) == -1,
	    "no room is an error");
}

/* RFC 2195 section 2, user tim. */
static void
test_cram(void)
{
	static const char challenge[] =
	    "<1896.697170952@postoffice.reston.mci.net>";
	static const char answer[] = "b913a602c7eda7a495b4e6e7334d3890";
	char tim[USER_CREDENTIALS], long_one[USER_CREDENTIALS];

	ok(password_make("tanstaaftanstaaf", &all, tim, sizeof(tim)) == 0,
	    "credentials for RFC 2195's tim");
	ok(password_check_cram(tim, challenge, answer) == STATUS_OK,
	    "the answer of RFC 2195");
	static const char *const wrong[] = { "",
		"b913a602c7eda7a495b4e6e7334d3891",
		"c913a602c7eda7a495b4e6e7334d3890",
		"b913a602c7eda7a495b4e6e7334d389",
		"b913a602c7eda7a495b4e6e7334d38900",
		"b913a602c7eda7a495b4e6e7334d3890 ",
		"00000000000000000000000000000000" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ok(password_check_cram(tim, challenge, wrong[i]) == STATUS_NO,
		    "answer \"%s\"", wrong[i]);
	}
	ok(password_check_cram(tim, "<1@x>", answer) == STATUS_NO,
	    "the answer to another challenge");
	ok(password_check_cram("", challenge, answer) == STATUS_NO,
	    "no credentials");
	ok(password_check_cram(SCRAM, challenge, answer) == STATUS_NO,
	    "none for CRAM-MD5");
	/* The stand-in for unknown users opens to nobody, not even to whoever
	   can compute with it. */
	ok(password_check_cram("{CRAM-MD5}" HEX64, challenge, answer) ==
		STATUS_NO,
	    "others' credentials");
	/* A key longer than a block of MD5 is hashed first. */
	ok(password_make(passwords[9], &all, long_one, sizeof(long_one)) == 0 &&
		password_check_cram(long_one, challenge,
		    "9b788ce3fd87a28161df4de8631acaad") == STATUS_OK,
	    "a long password");
}

static void
test_equal(void)
{
	static const char a[] = "0123456789abcdef0123456789abcdef";
	char b[sizeof(a)];
	unsigned wrong = 0;

	for (size_t i = 0; i < sizeof(a); i++) {
		for (int bit = 0; bit < 8; bit++) {
			memcpy(b, a, sizeof(a));
			b[i] = (char)(b[i] ^ (1 << bit));
			wrong += crypto_equal(a, b, sizeof(a));
		}
	}
	ok(wrong == 0, "each different bit is seen");
	memcpy(b, a, sizeof(a));
	ok(crypto_equal(a, b, sizeof(a)) && crypto_equal(a, b, 0),
	    "and the same is the same");
}

/* The words that begin the credentials, and what they open to. */
static bool
renewed(const char *old, const char *kinds, bool same_salt)
{
	const struct password_salt salt = {
		.iterations = 4096, .size = 4, .salt = { 1, 2, 3, 4 }
	};
	char now[USER_CREDENTIALS], found[256] = "";
	struct password_salt shown;

	if (password_renew(old, "pencil case", same_salt ? &salt : NULL, now,
		sizeof(now)) == -1) {
		return false;
	}
	bool good = password_check(now, "pencil case", false) == STATUS_OK &&
	            password_check(now, "pencil", false) == STATUS_NO &&
	            password_check(now, "opensesame", false) == STATUS_NO;
	if (same_salt) {
		good = good && password_shown_salt(now, &shown) &&
		       shown.iterations == 4096 && shown.size == 4 &&
		       memcmp(shown.salt, salt.salt, 4) == 0;
	}
	for (char *rest = now, *word; (word = strsep(&rest, " ")) != NULL;) {
		size_t n = word[0] == '{' ? strcspn(word, "}") + 1
		                          : strcspn(word + 1, "$") + 2;
		strlcat(found, found[0] != '\0' ? " " : "", sizeof(found));
		strncat(found, word, n);
	}
	return good && strcmp(found, kinds) == 0;
}

static void
test_renew(void)
{
	char small[64];

	ok(renewed(SCRAM, "{SCRAM-SHA-256}", false), "SCRAM");
	ok(renewed(SCRAM, "{SCRAM-SHA-256}", true), "SCRAM with a given salt");
	ok(renewed(SCRAM " " SCRAM_SHA1 " {CRAM-MD5}" HEX64 " {OAUTH}",
	       "{SCRAM-SHA-256} {SCRAM-SHA-1} {CRAM-MD5} {OAUTH}", true),
	    "each kind in its place");
	ok(renewed(SHA512, "$6$", false), "SHA-512 crypt");
	ok(renewed(YESCRYPT, "$y$", false), "yescrypt");
	ok(renewed(BCRYPT, "$2b$", false), "bcrypt");
	ok(renewed("$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/", "$y$", false),
	    "MD5 crypt becomes what is good today");
	ok(!renewed("*", "", false) && !renewed("", "", false) &&
		!renewed("{OAUTH}", "{OAUTH}", false),
	    "who has no password gets none");
	ok(password_renew(SCRAM, "x", NULL, small, sizeof(small)) == -1,
	    "no room");
}

int
main(void)
{
	test_tables();
	test_malformed();
	test_no_secret();
	test_make();
	test_cram();
	test_equal();
	test_renew();
	return tap_done();
}
