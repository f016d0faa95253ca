/* SPDX-License-Identifier: ISC */
/*
 * What a user logs in by: the lines with labels belong to their user and to
 * nobody else, and terms that cannot be read are never taken for none.
 */
#include "common/login/credentials.h"

#include "common/login/password.h"
#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

static const struct {
	const char *text;
	bool good, smtp, pop3;
	int64_t until;
	const char *again; /* NULL: as it was */
} terms[] = {
	{ "", true, true, true, 0, NULL },
	{ " \t", true, true, true, 0, "" },
	{ "for=smtp", true, true, false, 0, NULL },
	{ "for=pop3", true, false, true, 0, NULL },
	{ "until=1970-01-01", true, true, true, 86400, NULL },
	{ "until=2000-02-29", true, true, true, 951868800, NULL },
	{ "for=pop3 until=2031-12-31", true, false, true, 1956528000, NULL },
	{ " until=2031-12-31\tfor=smtp ", true, true, false, 1956528000,
	    "for=smtp until=2031-12-31" },
	{ "for=smtp for=pop3", false, false, false, 0, NULL },
	{ "for=", false, false, false, 0, NULL },
	{ "for=imap", false, false, false, 0, NULL },
	{ "for=SMTP", false, false, false, 0, NULL },
	{ "smtp", false, false, false, 0, NULL },
	{ "until=", false, false, false, 0, NULL },
	{ "until=0", false, false, false, 0, NULL },
	{ "until=2031-12-32", false, false, false, 0, NULL },
	{ "until=2031-02-29", false, false, false, 0, NULL },
	{ "until=2031-00-01", false, false, false, 0, NULL },
	{ "until=2031-13-01", false, false, false, 0, NULL },
	{ "until=1969-12-31", false, false, false, 0, NULL },
	{ "until=2031-1-1", false, false, false, 0, NULL },
	{ "until=2031-12-311", false, false, false, 0, NULL },
	{ "until=2031/12/31", false, false, false, 0, NULL },
	{ "until=2031-12-31 until=2032-12-31", false, false, false, 0, NULL },
	{ "until=20311231", false, false, false, 0, NULL },
	{ "x", false, false, false, 0, NULL },
	{ "for=pop3 x", false, false, false, 0, NULL },
	{ "for=pop3for=pop3for=pop3for=pop3for=pop3for=pop3", false, false,
	    false, 0, NULL },
};

static void
test_terms(void)
{
	for (size_t i = 0; i < sizeof(terms) / sizeof(terms[0]); i++) {
		char text[TERMS_TEXT];
		struct terms t;
		bool good = terms_parse(terms[i].text, &t) == terms[i].good;
		if (good && terms[i].good) {
			terms_print(&t, text);
			good = t.smtp == terms[i].smtp &&
			       t.pop3 == terms[i].pop3 &&
			       t.until == terms[i].until &&
			       strcmp(text, terms[i].again != NULL
						? terms[i].again
						: terms[i].text) == 0;
		}
		ok(good, "terms: \"%s\"", terms[i].text);
	}
}

static void
test_labels(void)
{
	static const char *const good[] = { "phone", "a", "A.b_c+d-e=2",
		"0123456789abcdef0123456789abcdef" };
	static const char *const bad[] = { "", " ", "a b", "a/b", "a:b", "#",
		"\303\274", "a\n", "0123456789abcdef0123456789abcdef0" };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ok(users_label(good[i]), "a label: \"%s\"", good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ok(!users_label(bad[i]), "no label: \"%s\"", bad[i]);
	}
}

/* True if a user's credentials are these, "LABEL=TEXT" one after the other. */
static bool
has(const struct config *c, const char *user, const char *want)
{
	static struct credentials found;
	char got[512] = "";

	if (credentials_find(c, NULL, user, &found) != STATUS_OK) {
		return false;
	}
	for (size_t i = 0; i < found.n; i++) {
		size_t n = strlen(got);
		snprintf(got + n, sizeof(got) - n, "%s%s=%s%s",
		    i > 0 ? " " : "", found.list[i].label, found.list[i].text,
		    found.list[i].good ? "" : "!");
	}
	return strcmp(got, want) == 0;
}

static void
test_find(void)
{
	static const char text[] =
	    "a:b\nBob:first\nbob:second\nbob/phone:third::for=pop3\n"
	    "BOB/tablet:fourth\nbob/x:fifth::for=imap\ncarol/phone:sixth\n"
	    "dave/x:y\ndave:\nbobby/phone:seventh\n";
	static struct credentials found;
	struct config c = { .hostname = "example.org" };

	snprintf(c.users, sizeof(c.users), "%s/users", scratch_dir);
	scratch_write(c.users, text, sizeof(text) - 1);
	ok(has(&c, "a", "=b"), "a user's own line");
	ok(has(&c, "bob", "=first phone=third tablet=fourth x=fifth!"),
	    "the first line of a name, and those with labels");
	ok(has(&c, "dave", "x=y ="), "in any order");
	ok(credentials_find(&c, NULL, "carol", &found) == STATUS_NO &&
		found.n == 0,
	    "a label alone makes no user");
	ok(credentials_find(&c, NULL, "eve", &found) == STATUS_NO &&
		found.n == 0,
	    "nobody has none");
	char error[CONFIG_ERROR];
	struct names *names = names_load(&c, error);
	ok(credentials_find(&c, names, "bob", &found) == STATUS_OK &&
		found.n == 4 && strcmp(found.list[0].text, "first") == 0 &&
		strcmp(found.list[2].label, "tablet") == 0,
	    "the names tell where lines are");
	ok(credentials_find(&c, names, "carol", &found) == STATUS_NO &&
		credentials_find(&c, names, "eve", &found) == STATUS_NO,
	    "and who is no user");
	scratch_write(c.users, text + 4, sizeof(text) - 5);
	ok(credentials_find(&c, names, "bob", &found) == STATUS_OK &&
		found.n == 4 &&
		credentials_find(&c, names, "a", &found) == STATUS_NO,
	    "they are not asked when the file is another one");
	names_free(names);
	unlink(c.users);
	ok(credentials_find(&c, NULL, "bob", &found) == STATUS_TEMPORARY &&
		found.n == 0,
	    "a missing file is no reason to say that there is no such user");
	struct bytes b = { .data = NULL };
	bytes_text(&b, "a:b\n");
	for (int i = 0; i < CREDENTIALS_MOST + 5; i++) {
		bytes_text(&b, "a/x:y\n");
	}
	scratch_write(c.users, b.data, b.len);
	ok(credentials_find(&c, NULL, "a", &found) == STATUS_OK &&
		found.n == CREDENTIALS_MOST,
	    "those beyond the most do not count");
	free(b.data);
	unlink(c.users);
}

/* One salt for all passwords of a user: SCRAM shows it before it knows which
   of them the client has. */
static void
test_one_salt(void)
{
	char first[USER_CREDENTIALS], second[USER_CREDENTIALS];
	struct password_salt a, b;
	struct password_extras extras = { .scram_sha1 = true };

	ok(!password_shown_salt("$6$x$y", &a), "a hash shows no salt");
	ok(password_make("one", &extras, first, sizeof(first)) == 0 &&
		password_shown_salt(first, &a),
	    "a verifier does");
	extras.salt = &a;
	ok(password_make("two", &extras, second, sizeof(second)) == 0 &&
		password_shown_salt(second, &b) &&
		memcmp(&a, &b, sizeof(a)) == 0 && strcmp(first, second) != 0,
	    "the second password has the same");
	ok(password_check(second, "two", false) == STATUS_OK &&
		password_check(second, "one", false) == STATUS_NO,
	    "and is another one");
}

int
main(void)
{
	scratch_make();
	test_terms();
	test_labels();
	test_find();
	test_one_salt();
	return tap_done();
}
