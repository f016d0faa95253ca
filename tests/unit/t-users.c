/* SPDX-License-Identifier: ISC */
/*
 * The users file, and who is meant by a name.  A name becomes part of a path:
 * none may lead out of the folder of the mailboxes.
 */
#include "common/login/users.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEN "abcdefghij"
#define SIXTY TEN TEN TEN TEN TEN TEN
#define HUNDRED SIXTY TEN TEN TEN TEN
#define THOUSAND                                                               \
	HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED        \
	    HUNDRED HUNDRED

static char path[PATH_MAX];

static const struct {
	const char *line;
	enum user_line_kind kind;
	const char *name, *credentials, *owner;
} lines[] = {
	{ "", USER_LINE_EMPTY, "", "", "" },
	{ "  \t", USER_LINE_EMPTY, "", "", "" },
	{ "# alice:x", USER_LINE_EMPTY, "", "", "" },
	{ "  # alice:x", USER_LINE_EMPTY, "", "", "" },
	{ "alice:", USER_LINE_USER, "alice", "", "" },
	{ "alice:x", USER_LINE_USER, "alice", "x", "" },
	{ "  alice:x", USER_LINE_USER, "alice", "x", "" },
	{ "alice:x y z", USER_LINE_USER, "alice", "x y z", "" },
	{ "alice:x:", USER_LINE_USER, "alice", "x", "" },
	{ "alice:x:owner", USER_LINE_USER, "alice", "x", "owner" },
	{ "alice::owner", USER_LINE_USER, "alice", "", "owner" },
	{ "alice:x:owner:more", USER_LINE_USER, "alice", "x", "owner" },
	{ "alice:x#y", USER_LINE_USER, "alice", "x#y", "" },
	{ "Alice:x", USER_LINE_USER, "Alice", "x", "" },
	{ SIXTY "abcd:x", USER_LINE_USER, SIXTY "abcd", "x", "" },
	{ "alice:x:" SIXTY "abcd", USER_LINE_USER, "alice", "x", SIXTY "abcd" },
	{ "alice:" THOUSAND TEN TEN "abc", USER_LINE_USER, "alice",
	    THOUSAND TEN TEN "abc", "" },
	{ "alice/phone:x:owner", USER_LINE_USER, "alice", "x", "owner" },
	{ "alice/:x", USER_LINE_BAD, "", "", "" },
	{ "alice/a/b:x", USER_LINE_BAD, "", "", "" },
	{ "alice/a b:x", USER_LINE_BAD, "", "", "" },
	{ "/phone:x", USER_LINE_BAD, "", "", "" },
	{ "alice", USER_LINE_BAD, "", "", "" },
	{ ":x", USER_LINE_BAD, "", "", "" },
	{ ":", USER_LINE_BAD, "", "", "" },
	{ SIXTY "abcde:x", USER_LINE_BAD, "", "", "" },
	{ "alice:x:" SIXTY "abcde", USER_LINE_BAD, "", "", "" },
	{ "alice:" THOUSAND TEN TEN "abcd", USER_LINE_BAD, "", "", "" },
	{ "alice:x:y:" THOUSAND THOUSAND, USER_LINE_BAD, "", "", "" },
};

static bool
is_line(const struct user_line *u, enum user_line_kind kind, size_t i)
{
	return kind == lines[i].kind &&
	       (kind != USER_LINE_USER ||
		   (strcmp(u->name, lines[i].name) == 0 &&
		       strcmp(u->credentials, lines[i].credentials) == 0 &&
		       strcmp(u->owner, lines[i].owner) == 0));
}

/* True if the copy of the line is the line. */
static bool
is_copied(const struct users_file *f, const char *line, bool cr)
{
	static char copy[8192];
	size_t n = strlen(line);
	int fd = memfd_create("copy", MFD_CLOEXEC);

	scratch_need(fd != -1, "memfd_create");
	bool good = users_copy(f, users_line_at(f), users_line_end(f), fd) == 0;
	ssize_t size = pread(fd, copy, sizeof(copy) - 1, 0);
	close(fd);
	copy[size > 0 ? size : 0] = '\0';
	return good && (size_t)size == n + cr + 1 &&
	       memcmp(copy, line, n) == 0 &&
	       strcmp(copy + n, cr ? "\r\n" : "\n") == 0;
}

/* Each line between two others, and as the last one without an end. */
static void
test_lines(void)
{
	static const char *const forms[] = { "a:b\n%s\nc:d\n",
		"a:b\r\n%s\r\nc:d\r\n", "a:b\n%s" };

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		bool good = true;
		for (size_t k = 0; k < 3; k++) {
			struct bytes b = { .len = 0 };
			struct user_line u;
			const char *at = strstr(forms[k], "%s");
			bytes_add(&b, forms[k], (size_t)(at - forms[k]));
			bytes_text(&b, lines[i].line);
			bytes_text(&b, at + 2);
			scratch_write(path, b.data, b.len);
			struct users_file *f = users_open(path);
			scratch_need(f != NULL, "users_open");
			good = good && users_next(f, &u) == USER_LINE_USER;
			enum user_line_kind kind = users_next(f, &u);
			bool none = k == 2 && lines[i].line[0] == '\0';
			good = good && (none ? kind == USER_LINE_END
					     : is_line(&u, kind, i));
			good = good &&
			       (none || is_copied(f, lines[i].line, k == 1));
			good = good &&
			       (k == 2 || users_next(f, &u) == USER_LINE_USER);
			good = good && users_next(f, &u) == USER_LINE_END;
			users_close(f);
			free(b.data);
		}
		ok(good, "line \"%.40s\" of %zu octets", lines[i].line,
		    strlen(lines[i].line));
	}
}

static void
test_file(void)
{
	static const char nul[] = "a:b\nal\0ice:x\nc:d\n";
	struct user_line u;

	ok(users_open("/nonexistent/users") == NULL && errno == ENOENT,
	    "a missing file is ENOENT");
	scratch_write(path, nul, sizeof(nul) - 1);
	struct users_file *f = users_open(path);
	ok(f != NULL && users_next(f, &u) == USER_LINE_USER &&
		users_next(f, &u) == USER_LINE_BAD &&
		users_next(f, &u) == USER_LINE_USER &&
		strcmp(u.name, "c") == 0 && users_next(f, &u) == USER_LINE_END,
	    "NUL makes a line bad, and only that one");
	ok(users_next(f, &u) == USER_LINE_END, "the end stays the end");
	users_close(f);
	f = users_open(scratch_dir);
	ok(f == NULL || users_next(f, &u) == USER_LINE_ERROR,
	    "a folder cannot be read");
	if (f != NULL) {
		users_close(f);
	}
}

/* Lines at each place of the reading buffer. */
static void
test_many(void)
{
	struct bytes b = { .len = 0 };
	struct user_line u;
	unsigned n = 0, wrong = 0;

	for (unsigned i = 0; i < 20000; i++) {
		char line[sizeof(THOUSAND) + 64];
		snprintf(line, sizeof(line), "user%u:%.*s:o%u\n", i,
		    (int)random_below(20), THOUSAND, i);
		bytes_text(&b, line);
	}
	scratch_write(path, b.data, b.len);
	struct users_file *f = users_open(path);
	while (users_next(f, &u) == USER_LINE_USER) {
		char name[32], owner[32];
		snprintf(name, sizeof(name), "user%u", n);
		snprintf(owner, sizeof(owner), "o%u", n++);
		wrong +=
		    strcmp(name, u.name) != 0 || strcmp(owner, u.owner) != 0;
	}
	ok(n == 20000 && wrong == 0, "20000 users");
	users_close(f);
	free(b.data);
}

static const struct {
	const char *login, *user; /* NULL: nobody's */
} logins[] = {
	{ "alice", "alice" },
	{ "Alice", "alice" },
	{ "alice@example.org", "alice" },
	{ "ALICE@EXAMPLE.ORG", "alice" },
	{ "alice@mail.example.org", "alice" },
	{ "alice@example.net", "alice" },
	{ "a.b_c+d-e=f", "a.b_c+d-e=f" },
	{ "0", "0" },
	{ "a..b", "a..b" },
	{ SIXTY "abcd", SIXTY "abcd" },
	{ SIXTY "abcd@example.org", SIXTY "abcd" },
	{ "", NULL },
	{ "@", NULL },
	{ "@example.org", NULL },
	{ "alice@", NULL },
	{ "alice@example.com", NULL },
	{ "alice@x.example.org", NULL },
	{ "alice@example.org@example.com", NULL },
	{ "alice@example.com@example.org", NULL },
	{ SIXTY "abcde", NULL },
	{ ".", NULL },
	{ "..", NULL },
	{ ".alice", NULL },
	{ "-alice", NULL },
	{ "a/b", NULL },
	{ "../alice", NULL },
	{ "a/../b", NULL },
	{ "/etc/passwd", NULL },
	{ "a b", NULL },
	{ " alice", NULL },
	{ "alice ", NULL },
	{ "a:b", NULL },
	{ "a\nb", NULL },
	{ "a\\b", NULL },
	{ "a%u", NULL },
	{ "a*", NULL },
	{ "\"alice\"", NULL },
	{ "b\xc3\xbc", NULL },
	{ "a\x7f", NULL },
	{ "a\x01", NULL },
};

static void
test_names(struct config *c)
{
	char user[USER_NAME + 1];

	for (size_t i = 0; i < sizeof(logins) / sizeof(logins[0]); i++) {
		bool some = user_name(c, logins[i].login, user);
		ok(some == (logins[i].user != NULL) &&
			(!some || strcmp(user, logins[i].user) == 0),
		    "login %zu: \"%.40s\" is %s", i,
		    strchr(logins[i].login, '\n') != NULL ? "a LF b"
							  : logins[i].login,
		    logins[i].user != NULL ? logins[i].user : "nobody's");
	}
}

/* SCRAM-SHA-256 is offered when it shuts nobody out who could log in. */
static void
test_names_scram(const struct config *c, const char *file)
{
#define VERIFIER                                                               \
	"{SCRAM-SHA-256}4096$W22ZaJ0SNY7soEsUEjb6gQ==$"                        \
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=$"                        \
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define SHA1                                                                   \
	"{SCRAM-SHA-1}4096$QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=$"     \
	"D+CSWLOshSulAsxiupA+qs2/fTE="
	static const struct {
		const char *test, *text;
		bool scram, sha1;
	} cases[] = {
		{ "no users", "", false, false },
		{ "a verifier", "a:" VERIFIER "\n", true, false },
		{ "two", "a:" VERIFIER "\nb:" VERIFIER "\n", true, false },
		{ "a hash", "a:$6$salt$hash\n", false, false },
		{ "one of each", "a:" VERIFIER "\nb:$6$salt$hash\n", false,
		    false },
		{ "the other way round", "b:$6$salt$hash\na:" VERIFIER "\n",
		    false, false },
		{ "both for one", "a:$6$salt$hash " VERIFIER "\n", true,
		    false },
		{ "one without credential", "a:" VERIFIER "\nb:\n", true,
		    false },
		{ "one locked", "a:" VERIFIER "\nb:!\n", true, false },
		{ "SHA-1 alone", "a:" SHA1 "\n", false, true },
		{ "both hashes", "a:" VERIFIER " " SHA1 "\n", true, true },
		{ "SHA-1 for one", "a:" VERIFIER " " SHA1 "\nb:" VERIFIER "\n",
		    true, false },
		{ "SHA-1 and a broken word", "a:" SHA1 " x\n", false, true },
		{ "one hash each", "a:" SHA1 "\nb:" VERIFIER "\n", false,
		    false },
		{ "one more password", "a:" VERIFIER "\na/x:" VERIFIER "\n",
		    true, false },
		{ "one more hash", "a:" VERIFIER "\na/x:$6$salt$hash\n", false,
		    false },
		{ "a broken one", "a:{SCRAM-SHA-256}4096$x\n", false, false },
	};
	char error[CONFIG_ERROR];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		scratch_write(file, cases[i].text, strlen(cases[i].text));
		struct names *n = names_load(c, error);
		ok(n != NULL &&
			names_all_have_scram(n, CRYPTO_KIND_SHA256) ==
			    cases[i].scram &&
			names_all_have_scram(n, CRYPTO_KIND_SHA1) ==
			    cases[i].sha1,
		    "SCRAM: %s", cases[i].test);
		names_free(n);
	}
}

static void
test_load(struct config *c)
{
	static const char text[] = "zoe:{CRAM-MD5}0\nAlice:x\n# eve:x\nbad\n"
				   "bob:\nbob:again\nbob/phone:\n"
				   "carol/phone:x\n";
	char error[CONFIG_ERROR];

	scratch_write(path, text, sizeof(text) - 1);
	struct names *n = names_load(c, error);
	scratch_need(n != NULL, "names_load");
	ok(names_have(n, "zoe") && names_have(n, "alice") &&
		names_have(n, "bob"),
	    "users are found, whatever the case in the file");
	ok(!names_have(n, "eve") && !names_have(n, "bad") &&
		!names_have(n, "") && !names_have(n, "al"),
	    "comments and bad lines are nobody");
	ok(!names_have(n, "carol") && !names_have(n, "bob/phone") &&
		!names_have(n, "phone"),
	    "a line with a label makes no user");
	ok(names_have(n, "postmaster"), "there is always a postmaster");
	ok(!names_have_cram(n), "a broken CRAM-MD5 is none");
	ok(!names_open(n), "and there is nobody else");
	ok(!names_stale(n, c), "the file has not changed");
	scratch_write(path, "x:y\n", 4);
	ok(names_stale(n, c), "now it has");
	names_free(n);
	test_names_scram(c, path);
	scratch_write(path, "", 0);
	n = names_load(c, error);
	ok(n != NULL && !names_have(n, "alice"), "an empty file has no users");
	names_free(n);
	unlink(path);
	ok(names_load(c, error) == NULL && strstr(error, path) != NULL,
	    "a missing file is named");
}

/* A users file that is long enough for an image; the last user is new. */
static void
write_many(const char *last)
{
	struct bytes b = { .len = 0 };
	char line[80];

	for (int i = 0; i < 3000; i++) {
		snprintf(line, sizeof(line), "User%d:{PLAIN}%d:owner%d\n", i, i,
		    i % 7);
		bytes_text(&b, line);
		if (i % 100 == 0) {
			snprintf(line, sizeof(line), "user%d/x:y\n", i);
			bytes_text(&b, line);
		}
	}
	bytes_text(&b, "carol/phone:x\n");
	bytes_text(&b, last);
	scratch_write(path, b.data, b.len);
	free(b.data);
}

/* True if the names are those that write_many() has written. */
static bool
knows_many(const struct names *n, const char *last)
{
	char user[32], owner[32];
	const char *found;
	size_t count;
	bool good = true;

	for (int i = 0; i < 3000; i++) {
		snprintf(user, sizeof(user), "user%d", i);
		snprintf(owner, sizeof(owner), "owner%d", i % 7);
		good = good && names_find(n, user, &found) &&
		       strcmp(found, owner) == 0;
		(void)names_lines(n, user, &count);
		good = good && count == (i % 100 == 0 ? 2 : 1);
	}
	return good && names_have(n, last) && !names_have(n, "carol") &&
	       !names_have(n, "user") && !names_have(n, "user3000");
}

/* Changes an octet of a file. */
static void
spoil(const char *file, off_t at)
{
	int fd = open(file, O_RDWR | O_CLOEXEC);
	char c;

	scratch_need(fd != -1 && pread(fd, &c, 1, at) == 1, "pread");
	c ^= 1;
	scratch_need(pwrite(fd, &c, 1, at) == 1, "pwrite");
	close(fd);
}

static struct names *
load_again(const struct config *c, struct names *n)
{
	char error[CONFIG_ERROR];

	names_free(n);
	return names_load(c, error);
}

static void
test_image(struct config *c)
{
	char image[PATH_MAX];
	struct names *n;
	struct stat st;
	bool slow;

	snprintf(c->state, sizeof(c->state), "%s", scratch_dir);
	scratch_path(image, "users.image");
	write_many("zoe:x\n");
	ok(names_ready(c, &slow) == NULL && slow,
	    "a long file without an image takes its time");
	n = load_again(c, NULL);
	ok(n != NULL && n->map != NULL && knows_many(n, "zoe"),
	    "it gets one, which has all names");
	ok(stat(image, &st) == 0 && (st.st_mode & 077) == 0,
	    "which only its owner can read");
	size_t len;
	char *data = scratch_read(image, &len);
	ok(memmem(data, len, "PLAIN", 5) == NULL, "it has no credentials");
	free(data);
	names_free(n);
	n = names_ready(c, &slow);
	ok(n != NULL && !slow && knows_many(n, "zoe"), "then it is quick");
	write_many("yoe:x\n");
	ok(names_stale(n, c), "a change of the file is noticed");
	n = load_again(c, n);
	ok(n != NULL && knows_many(n, "yoe") && !names_have(n, "zoe"),
	    "and the image made again");
	unsigned wrong = 0;
	for (size_t i = 0; i < 60; i++) {
		spoil(image, (off_t)random_below((size_t)st.st_size));
		names_free(n);
		n = names_ready(c, &slow);
		wrong += n != NULL || !slow;
		n = load_again(c, n);
		wrong += n == NULL || n->map == NULL || !knows_many(n, "yoe");
	}
	ok(wrong == 0, "a damaged image is not believed, and made again");
	scratch_need(chmod(image, 0622) == 0, "chmod");
	names_free(n);
	ok(names_ready(c, &slow) == NULL && slow,
	    "nor is one that others can write to");
	snprintf(c->state, sizeof(c->state), "%s/none/none", scratch_dir);
	n = load_again(c, NULL);
	ok(n != NULL && n->map == NULL && knows_many(n, "yoe"),
	    "without a folder for it the names are in memory");
	names_free(n);
}

static const struct {
	const char *mailbox, *name, *home, *path; /* NULL: none */
} mailboxes[] = {
	{ "/var/mail/%u", "alice", "", "/var/mail/alice" },
	{ "/srv/%d/%u/mbox", "alice", "", "/srv/example.org/alice/mbox" },
	{ "%h/mbox", "alice", "/home/alice", "/home/alice/mbox" },
	{ "%h/mbox", "alice", "", NULL },
	{ "%u%u", "a", "", "aa" },
	{ "%h/%u", "a", "/" HUNDRED, "/" HUNDRED "/a" },
};

static void
test_mailboxes(struct config *c)
{
	for (size_t i = 0; i < sizeof(mailboxes) / sizeof(mailboxes[0]); i++) {
		struct account a = { .uid = 1 };
		char box[PATH_MAX];
		strlcpy(c->mailbox, mailboxes[i].mailbox, sizeof(c->mailbox));
		strlcpy(a.name, mailboxes[i].name, sizeof(a.name));
		strlcpy(a.home, mailboxes[i].home, sizeof(a.home));
		int result = account_mailbox(c, &a, box);
		ok((result == 0) == (mailboxes[i].path != NULL) &&
			(result == -1 || strcmp(box, mailboxes[i].path) == 0),
		    "mailbox %s of %s", mailboxes[i].mailbox,
		    mailboxes[i].name);
	}
	struct account a = { .name = "alice" };
	char box[PATH_MAX];
	memset(c->mailbox, 'x', sizeof(c->mailbox));
	strlcpy(c->mailbox + PATH_MAX - 5, "/%u", 4);
	ok(account_mailbox(c, &a, box) == -1, "a path that is too long");
	strlcpy(c->mailbox + PATH_MAX - 6, "/%u", 4);
	ok(account_mailbox(c, &a, box) == -1, "by one octet");
	strlcpy(c->mailbox + PATH_MAX - 7, "/%u", 4);
	ok(account_mailbox(c, &a, box) == 0 && strlen(box) == PATH_MAX - 1,
	    "one that just fits");
}

int
main(void)
{
	static struct config c = { .hostname = "mail.example.org",
		.domains = { "example.org", "example.net" },
		.ndomains = 2 };

	scratch_make();
	scratch_path(path, "users");
	strlcpy(c.users, path, sizeof(c.users));
	test_lines();
	test_file();
	test_many();
	test_names(&c);
	test_load(&c);
	test_image(&c);
	test_mailboxes(&c);
	return tap_done();
}
