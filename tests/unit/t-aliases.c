/* SPDX-License-Identifier: ISC */
/*
 * The aliases file: its grammar, and what an address is by it.  A line misread
 * sends mail to somebody else, or runs what nobody wrote.
 */
#include "common/login/aliases_load.h"
#include "common/login/users.h"
#include "common/names/aliases_file.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#include <ctype.h>
#include <fcntl.h>

static char path[PATH_MAX], users[PATH_MAX];

/* ---- targets ---- */

static bool
join(void *context, const char *target)
{
	struct bytes *b = context;

	bytes_text(b, b->len > 0 ? ";" : "");
	bytes_text(b, target);
	return true;
}

static const struct {
	const char *text, *targets; /* NULL: malformed */
} lists[] = {
	{ "", "" },
	{ "   \t ", "" },
	{ ",,\n,", "" },
	{ "alice", "alice" },
	{ "  alice \t", "alice" },
	{ "alice,bob", "alice;bob" },
	{ "alice , bob,", "alice;bob" },
	{ ",alice", "alice" },
	{ "alice\nbob", "alice;bob" },
	{ "alice,\n\tbob\n", "alice;bob" },
	{ "alice\r\nbob\r\n", "alice;bob" },
	{ "alice,\r\n bob\r", "alice;bob" },
	{ "# alice\nbob", "bob" },
	{ "  # alice, carol\nbob", "bob" },
	{ "alice # carol, dave\nbob", "alice;bob" },
	{ "alice,# carol\nbob", "alice;bob" },
	{ "alice#1", "alice#1" },
	{ "\\alice", "\\alice" },
	{ "\"\\alice\"", "\\alice" },
	{ "|/bin/cmd a b", "|/bin/cmd a b" },
	{ "|/bin/cmd\ta", "|/bin/cmd a" },
	{ "\"|/bin/cmd a, b # c\"", "|/bin/cmd a, b # c" },
	{ "\"|/bin/cmd \\\"a, b\\\" \\\\ \\n\"", "|/bin/cmd \"a, b\" \\ \\n" },
	{ "|\"/bin/cmd a, b\"", "|/bin/cmd a, b" },
	{ "| \"/bin/cmd a, b\", x", "| /bin/cmd a, b;x" },
	{ "|/bin/cmd \"a, b\" c", "|/bin/cmd \"a, b\" c" },
	{ "|\"/bin/cmd\" \"a, b\"", "|\"/bin/cmd\" \"a, b\"" },
	{ "\"/var/a, b\"", "/var/a, b" },
	{ ":include:/etc/list", ":include:/etc/list" },
	{ "\":include:/etc/a list\"", ":include:/etc/a list" },
	{ "\"a b\"@example.org, c", "\"a b\"@example.org;c" },
	{ "\"a,b\"@example.org", "\"a,b\"@example.org" },
	{ "\"a\\\"b\"@example.org", "\"a\\\"b\"@example.org" },
	{ "A B <a@example.org>, c", "A B <a@example.org>;c" },
	{ "\"B, A\" <a@example.org>", "\"B, A\" <a@example.org>" },
	{ "\"\"", "" },
	{ "\"", NULL },
	{ "\"alice", NULL },
	{ "\"alice\nbob\"", NULL },
	{ "\"alice\\", NULL },
	{ "\"alice\\\"", NULL },
	{ "alice, \"bob", NULL },
	{ "al\x01ice", NULL },
	{ "al\rice", NULL },
	{ "alice\x7f", NULL },
};

static const char *
shown(const char *text)
{
	static char out[64];
	size_t n = 0;

	for (; *text != '\0' && n < sizeof(out) - 1; text++) {
		out[n++] =
		    isprint((unsigned char)*text) && *text != '#' ? *text : '_';
	}
	out[n] = '\0';
	return out;
}

static void
test_targets(void)
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct bytes b = { .len = 0 };
		bool good = aliases_targets(
		    lists[i].text, strlen(lists[i].text), join, &b);
		bytes_add(&b, "", 1);
		ok(good == (lists[i].targets != NULL) &&
			(!good || strcmp(b.data, lists[i].targets) == 0),
		    "targets: %s", shown(lists[i].text));
		if (good && lists[i].targets != NULL &&
		    strcmp(b.data, lists[i].targets) != 0) {
			note("%s", shown(b.data));
		}
		free(b.data);
	}
	struct bytes b = { .len = 0 }, out = { .len = 0 };
	ok(!aliases_targets("a\0b", 3, join, &out), "NUL is malformed");
	bytes_fill(&b, 'x', ALIAS_TARGET);
	ok(aliases_targets(b.data, ALIAS_TARGET - 1, join, &out),
	    "a target that just fits");
	ok(!aliases_targets(b.data, ALIAS_TARGET, join, &out),
	    "a target too long is not cut off");
	free(b.data);
	free(out.data);
}

/* ---- the file ---- */

static struct config *
config(void)
{
	static struct config c = {
		.hostname = "mail.example.org",
		.domains = { "example.org", "example.net" },
		.ndomains = 2,
		.virtual_domains = { "virtual.example" },
		.nvirtual_domains = 1,
		.subaddress = "+",
	};

	strlcpy(c.aliases, path, sizeof(c.aliases));
	strlcpy(c.users, users, sizeof(c.users));
	snprintf(c.state, sizeof(c.state), "%s", scratch_dir);
	return &c;
}

static struct aliases *
load(const char *text, size_t len)
{
	char error[CONFIG_ERROR] = "";

	scratch_write(path, text, len);
	struct aliases *a = aliases_load(config(), error);
	scratch_need(a != NULL, error);
	return a;
}

/* What a key is, as text: its kind and targets. */
static const char *
entry(const struct aliases *a, const char *key)
{
	static const char *const kinds[] = { "none",
		"list:", "moved:", "forwarded:" };
	static char text[256];
	struct alias alias;
	enum alias_kind kind = aliases_find(a, key, &alias);

	strlcpy(text, kinds[kind], sizeof(text));
	for (const char *t = alias.targets; kind != ALIAS_NONE && *t != '\0';
	     t = alias_next(t)) {
		strlcat(text, t != alias.targets ? ";" : "", sizeof(text));
		strlcat(text, t, sizeof(text));
	}
	return text;
}

static const struct {
	const char *text, *key, *entry;
	size_t malformed;
} files[] = {
	{ "", "a", "none", 0 },
	{ "a: b", "a", "list:b", 0 },
	{ "a:b\n", "a", "list:b", 0 },
	{ "a : b\n", "a", "list:b", 0 },
	{ "A: B\n", "a", "list:B", 0 },
	{ "a: b\n", "A", "list:b", 0 },
	{ "a: b\r\nc: d\r\n", "a", "list:b", 0 },
	{ "a: b\r\nc: d\r\n", "c", "list:d", 0 },
	{ "a: b,\n  c,\n\td\ne: f\n", "a", "list:b;c;d", 0 },
	{ "a: b,\n  c\ne: f\n", "e", "list:f", 0 },
	{ "a:\n b\n", "a", "list:b", 0 },
	{ "a: b,\n# x: y\n  c\n", "a", "list:b;c", 0 },
	{ "a: b,\n\n  c\n", "a", "list:b;c", 0 },
	{ "a: b # c\nd: e\n", "a", "list:b", 0 },
	{ "# a: b\n", "a", "none", 0 },
	{ "\n#\n\na: b\n", "a", "list:b", 0 },
	{ "\"a b\": c\n", "a b", "list:c", 0 },
	{ "\"a:b\": c\n", "a:b", "list:c", 0 },
	{ "\"a\\\"b\" : c\n", "a\"b", "list:c", 0 },
	{ "a@example.org: b\n", "A@Example.ORG", "list:b", 0 },
	{ "@example.org: b\n", "@example.org", "list:b", 0 },
	{ "a: :include:/x, b\n", "a", "list::include:/x;b", 0 },
	{ "a: \"|x y, z\", /f\n", "a", "list:|x y, z;/f", 0 },
	{ "a: :moved: b@c.d\n", "a", "moved:b@c.d", 0 },
	{ "a: :moved:b@c.d\n", "a", "moved:b@c.d", 0 },
	{ "a: :forwarded: b@c.d\n", "a", "forwarded:b@c.d", 0 },
	{ "a: b\na: c\n", "a", "list:b", 1 },
	{ "a: b\nA: c\n", "a", "list:b", 1 },
	/* What cannot be read whole goes nowhere, and is known. */
	{ "a:\n", "a", "list:", 1 },
	{ "a: # b\n", "a", "list:", 1 },
	{ "a: b, \"c\n", "a", "list:", 1 },
	{ "a: :moved: b, c\n", "a", "list:", 1 },
	{ "a: b, :moved: c\n", "a", "list:", 1 },
	{ "a: :moved:\n", "a", "list:", 1 },
	{ "a: b\n: c\nd: e\n", "d", "list:e", 1 },
	{ "a b: c\nd: e\n", "d", "list:e", 1 },
	{ "a b: c\n", "a", "none", 1 },
	{ "a b: c\n", "a b", "none", 1 },
	{ "a\nd: e\n", "d", "list:e", 1 },
	{ "\"a: b\nd: e\n", "d", "list:e", 1 },
	{ "a@b..c: d\n", "a@b..c", "none", 1 },
	{ "a@: d\n", "a@", "none", 1 },
	{ " a: b\nd: e\n", "d", "list:e", 1 },
};

static void
test_files(void)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct aliases *a = load(files[i].text, strlen(files[i].text));
		ok(strcmp(entry(a, files[i].key), files[i].entry) == 0 &&
			aliases_malformed(a) == files[i].malformed,
		    "%s: %s", files[i].key, shown(files[i].text));
		if (strcmp(entry(a, files[i].key), files[i].entry) != 0) {
			note("%s", entry(a, files[i].key));
		}
		aliases_free(a);
	}
	static const char nul[] = "a: b\0c\nd\0: e\nf: g\n";
	struct aliases *a = load(nul, sizeof(nul) - 1);
	ok(strcmp(entry(a, "a"), "list:") == 0 &&
		strcmp(entry(a, "d"), "none") == 0 &&
		strcmp(entry(a, "f"), "list:g") == 0 &&
		aliases_malformed(a) == 2,
	    "NUL spoils its own line alone");
	ok(strcmp(aliases_key(a, 0), "a") == 0 &&
		strcmp(aliases_key(a, 1), "f") == 0 &&
		aliases_key(a, 2) == NULL,
	    "the keys in order");
	aliases_free(a);
}

static void
test_trust(void)
{
	char error[CONFIG_ERROR];
	struct aliases *a = load("a: b\n", 5);

	ok(!aliases_stale(a, config()), "the file has not changed");
	scratch_write(path, "a: c\nd: e\n", 10);
	ok(aliases_stale(a, config()), "now it has");
	unlink(path);
	ok(!aliases_stale(a, config()), "that it is gone is no change");
	aliases_free(a);
	a = aliases_load(config(), error);
	ok(a != NULL && aliases_key(a, 0) == NULL &&
		!aliases_stale(a, config()),
	    "a missing file is an empty one");
	scratch_write(path, "a: b\n", 5);
	ok(a != NULL && aliases_stale(a, config()), "until there is one");
	aliases_free(a);
	const mode_t modes[] = { 0666, 0660, 0602 };
	for (size_t i = 0; i < 3; i++) {
		scratch_need(chmod(path, modes[i]) == 0, "chmod");
		a = aliases_load(config(), error);
		ok((a == NULL) == (geteuid() == 0), "mode %o", modes[i]);
		aliases_free(a);
	}
	scratch_need(chmod(path, 0644) == 0, "chmod");
	if (geteuid() == 0) {
		scratch_need(chown(path, 65534, 0) == 0, "chown");
		ok(aliases_load(config(), error) == NULL &&
			strstr(error, "root") != NULL,
		    "another's file is refused");
	}
	unlink(path);
	scratch_need(mkfifo(path, 0600) == 0, "mkfifo");
	ok(aliases_load(config(), error) == NULL &&
		strstr(error, "not a file") != NULL,
	    "a FIFO is refused at once");
	unlink(path);
	struct config null = *config();
	strlcpy(null.aliases, "/dev/null", sizeof(null.aliases));
	a = aliases_load(&null, error);
	ok(a != NULL && aliases_key(a, 0) == NULL, "/dev/null is empty");
	aliases_free(a);
}

/* Writes many lines, and one that is malformed. */
static void
write_many(unsigned lines, const char *last)
{
	struct bytes b = { .len = 0 };
	char line[80];

	for (unsigned i = 0; i < lines; i++) {
		snprintf(line, sizeof(line),
		    "User%u: u%u,\n  v%u@example.com\n", i, i, i);
		bytes_text(&b, line);
	}
	bytes_text(&b, "bad: \"c\nmany: :include:/x, j\303\274rg\n");
	bytes_text(&b, last);
	scratch_write(path, b.data, b.len);
	free(b.data);
}

/* True if the aliases are those that write_many() has written. */
static bool
knows_many(const struct aliases *a, unsigned lines, const char *last)
{
	char key[32], wanted[64];
	unsigned wrong = 0;

	for (unsigned i = 0; i < lines; i++) {
		snprintf(key, sizeof(key), "user%u", i);
		snprintf(
		    wanted, sizeof(wanted), "list:u%u;v%u@example.com", i, i);
		wrong += strcmp(entry(a, key), wanted) != 0;
	}
	snprintf(key, sizeof(key), "user%u", lines);
	return wrong == 0 && aliases_malformed(a) == 1 &&
	       aliases_have_high(a) && aliases_have_lists(a) &&
	       strcmp(entry(a, key), "none") == 0 &&
	       strcmp(entry(a, "bad"), "list:") == 0 &&
	       strcmp(entry(a, last), "moved:x@example.com") == 0 &&
	       strcmp(aliases_key(a, lines + 2), last) == 0 &&
	       aliases_key(a, lines + 3) == NULL;
}

/* As many lines as a large site may have, read and from the image. */
static void
test_many(void)
{
	enum { LINES = 100000 };
	char error[CONFIG_ERROR];

	write_many(LINES, "zoe: :moved: x@example.com\n");
	struct aliases *a = aliases_load_lines(config(), error);
	ok(a != NULL && a->map == NULL && knows_many(a, LINES, "zoe"),
	    "%d aliases", LINES);
	aliases_free(a);
	a = aliases_load(config(), error);
	ok(a != NULL && a->map != NULL && knows_many(a, LINES, "zoe"),
	    "from the image the same");
	aliases_free(a);
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

static void
test_image(void)
{
	enum { LINES = 3000 };
	char image[PATH_MAX], error[CONFIG_ERROR];
	struct stat st;
	bool slow;

	scratch_path(image, "aliases.image");
	unlink(image);
	write_many(LINES, "zoe: :moved: x@example.com\n");
	ok(aliases_ready(config(), &slow) == NULL && slow,
	    "a long file without an image takes its time");
	struct aliases *a = aliases_load(config(), error);
	ok(a != NULL && a->map != NULL && knows_many(a, LINES, "zoe"),
	    "it gets one, which has all aliases");
	ok(stat(image, &st) == 0 && (st.st_mode & 077) == 0,
	    "which only its owner can read");
	aliases_free(a);
	a = aliases_ready(config(), &slow);
	ok(a != NULL && !slow && knows_many(a, LINES, "zoe"),
	    "then it is quick");
	write_many(LINES, "yoe: :moved: x@example.com\n");
	ok(aliases_stale(a, config()), "a change of the file is noticed");
	aliases_free(a);
	ok(aliases_ready(config(), &slow) == NULL && slow,
	    "and the old image is not believed");
	a = aliases_load(config(), error);
	ok(a != NULL && knows_many(a, LINES, "yoe"), "it is made again");
	unsigned wrong = 0;
	for (size_t i = 0; i < 60; i++) {
		spoil(image, (off_t)random_below((size_t)st.st_size));
		aliases_free(a);
		a = aliases_ready(config(), &slow);
		wrong += a != NULL || !slow;
		a = aliases_load(config(), error);
		wrong +=
		    a == NULL || a->map == NULL || !knows_many(a, LINES, "yoe");
	}
	ok(wrong == 0, "a damaged image is not believed, and made again");
	aliases_free(a);
	scratch_need(chmod(image, 0622) == 0, "chmod");
	ok(aliases_ready(config(), &slow) == NULL && slow,
	    "nor is one that others can write to");
	struct config none = *config();
	snprintf(none.state, sizeof(none.state), "%s/none/none", scratch_dir);
	a = aliases_load(&none, error);
	ok(a != NULL && a->map == NULL && knows_many(a, LINES, "yoe"),
	    "without a folder for it the aliases are in memory");
	aliases_free(a);
}

/* ---- what an address is ---- */

static const char resolve_text[] = "info: alice\n"
				   "list: alice, bob\n"
				   "bob: carol\n"
				   "plus+special: alice\n"
				   "sales@example.net: bob\n"
				   "@example.net: catchall\n"
				   "alice@virtual.example: alice\n"
				   "x+y@virtual.example: bob\n"
				   "x@virtual.example: alice\n"
				   "\"a b\": alice\n";

static const struct {
	const char *delimiters, *address, *result;
} resolved[] = {
	{ "+", "alice@example.org", "user alice" },
	{ "+", "ALICE@Example.ORG", "user alice" },
	{ "+", "alice", "user alice" },
	{ "+", "\"alice\"@example.org", "user alice" },
	{ "+", "alice+x@example.org", "user alice, x" },
	{ "+", "alice+@example.org", "user alice" },
	{ "+", "alice+x+y@example.org", "user alice, x+y" },
	{ "+", "+alice@example.org", "none" },
	{ "+", "alice-x@example.org", "none" },
	{ "-", "alice-x@example.org", "user alice, x" },
	{ "-", "www-data@example.org", "user www-data" },
	{ "-", "www-data-x@example.org", "none" },
	{ "+-", "alice-x+y@example.org", "user alice, x+y" },
	{ "", "alice+x@example.org", "none" },
	{ "+", "eve@example.org", "none" },
	{ "+", "info@example.org", "alias info" },
	{ "+", "Info+x@example.org", "alias info, x" },
	{ "+", "bob@example.org", "alias bob" },
	{ "+", "plus+special@example.org", "alias plus+special" },
	{ "+", "plus+other@example.org", "none" },
	{ "+", "\"a b\"@example.org", "alias a b" },
	{ "+", "sales@example.net", "alias sales@example.net" },
	{ "+", "sales+x@example.net", "alias sales@example.net, x" },
	{ "+", "sales@example.org", "none" },
	{ "+", "alice@example.net", "user alice" },
	{ "+", "info@example.net", "alias info" },
	{ "+", "eve@example.net", "alias @example.net" },
	{ "+", "alice@virtual.example", "alias alice@virtual.example" },
	{ "+", "x+y@virtual.example", "alias x+y@virtual.example" },
	{ "+", "x+z@virtual.example", "alias x@virtual.example, z" },
	{ "+", "carol@virtual.example", "none" },
	{ "+", "info@virtual.example", "none" },
	{ "+", "postmaster@virtual.example", "user postmaster" },
	{ "+", "root@virtual.example", "user postmaster" },
	{ "+", "postmaster@example.org", "user postmaster" },
	{ "+", "Postmaster", "user postmaster" },
	{ "+", "MAILER-DAEMON@mail.example.org", "user postmaster" },
	{ "+", "mailer-daemon@example.org", "user postmaster" },
	{ "+", "MAILER-DAEMON", "user postmaster" },
	{ "+", "mailer-daemon@localhost", "user postmaster" },
	{ "+", "postmaster+x@example.org", "user postmaster, x" },
	{ "+", "root@example.org", "user postmaster" },
	{ "+", "root@mail.example.org", "user postmaster" },
	{ "+", "a%b@example.org", "none" },
	{ "+", "b!a@example.org", "none" },
	{ "+", "\"alice@example.org\"@example.org", "none" },
	{ "+", "\"\"@example.org", "none" },
	{ "+", "../alice@example.org", "none" },
	{ "+", "|alice@example.org", "none" },
	{ "+", "\":include:/x\"@example.org", "none" },
};

static const char *
resolve(const struct aliases *a, const struct config *c,
    const struct names *names, const char *text)
{
	static char out[512];
	struct address address;
	struct resolved r;
	const char *rest;

	scratch_need(
	    address_path(text, &address, &rest) == PATH_OK, "address_path");
	aliases_resolve(a, c, names, &address, &r);
	const char *name = r.kind == RESOLVED_ALIAS ? r.alias.name : r.user;
	static const char *const kinds[] = { "none", "user ", "alias ",
		"ask " };
	snprintf(out, sizeof(out), "%s%s%s%s", kinds[r.kind],
	    r.kind == RESOLVED_NONE ? "" : name,
	    r.extension[0] != '\0' ? ", " : "", r.extension);
	if (r.kind == RESOLVED_ASK) {
		snprintf(out, sizeof(out), "ask %s,%s,%s", r.whole, r.user,
		    r.alias.kind == ALIAS_NONE ? "" : r.alias.name);
	}
	return out;
}

static void
test_resolve(void)
{
	struct config *c = config();
	char error[CONFIG_ERROR];
	struct aliases *a = load(resolve_text, sizeof(resolve_text) - 1);

	scratch_write(users, "alice:\nbob:\ncarol:\nwww-data:\n", 29);
	struct names *names = names_load(c, error);
	scratch_need(names != NULL, error);
	for (size_t i = 0; i < sizeof(resolved) / sizeof(resolved[0]); i++) {
		strlcpy(c->subaddress, resolved[i].delimiters, CONFIG_NAME);
		const char *is = resolve(a, c, names, resolved[i].address);
		if (!ok(strcmp(is, resolved[i].result) == 0, "\"%s\": %s is %s",
			resolved[i].delimiters, resolved[i].address,
			resolved[i].result)) {
			note("%s", is);
		}
	}
	strlcpy(c->subaddress, "+", CONFIG_NAME);
	aliases_free(a);
	static const char duty[] = "root: alice\nPostmaster: root\n"
				   "@virtual.example: bob\n";
	a = load(duty, sizeof(duty) - 1);
	ok(strcmp(resolve(a, c, names, "postmaster@example.org"),
	       "alias postmaster") == 0 &&
		strcmp(resolve(a, c, names, "root@example.org"),
		    "alias root") == 0,
	    "root and postmaster go where their aliases say");
	ok(strcmp(resolve(a, c, names, "root@virtual.example"),
	       "alias @virtual.example") == 0,
	    "or into the catch-all of a virtual domain");
	aliases_free(a);
	names_free(names);
}

static void
test_system(void)
{
	static const char text[] = "info: alice\n@example.net: info\n";
	struct config c = *config();
	char error[CONFIG_ERROR];
	struct aliases *a = load(text, sizeof(text) - 1);

	strlcpy(c.users, "system", sizeof(c.users));
	c.system_users = true;
	struct names *names = names_load(&c, error);
	scratch_need(names != NULL, error);
	static const struct {
		const char *address, *result;
	} table[] = {
		{ "alice@example.org", "ask ,alice," },
		{ "alice+x@example.org", "ask alice+x,alice," },
		{ "alice@example.net", "ask ,alice,@example.net" },
		{ "info@example.net", "alias info" },
		{ "root@example.org", "ask ,root," },
		{ "postmaster@example.org", "user postmaster" },
		{ "a*b@example.org", "none" },
		{ "alice@virtual.example", "none" },
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		ok(strcmp(resolve(a, &c, names, table[i].address),
		       table[i].result) == 0,
		    "of the system's accounts: %s", table[i].address);
	}
	names_free(names);
	aliases_free(a);
}

int
main(void)
{
	scratch_make();
	scratch_path(path, "aliases");
	scratch_path(users, "users");
	test_targets();
	test_files();
	test_trust();
	test_many();
	test_image();
	test_resolve();
	test_system();
	return tap_done();
}
