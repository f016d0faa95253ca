/* SPDX-License-Identifier: ISC */
/*
 * From addresses to those who get the message.  What goes wrong here loses
 * mail, sends it in circles, or runs commands that nobody wrote.
 */
#include "common/login/aliases_load.h"
#include "common/login/users.h"
#include "smtpd/route/expand.h"
#include "smtpd/route/target.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

enum { SHOWN = 4096 };

static char path[PATH_MAX], users[PATH_MAX], list[PATH_MAX];

static struct config *
config(void)
{
	static struct config c = {
		.hostname = "mail.example.org",
		.domains = { "example.org" },
		.ndomains = 1,
		.virtual_domains = { "virtual.example" },
		.nvirtual_domains = 1,
		.subaddress = "+",
		.alias_owner = "nobody",
	};

	strlcpy(c.aliases, path, sizeof(c.aliases));
	strlcpy(c.users, users, sizeof(c.users));
	return &c;
}

/* Takes the list away, or puts it back. */
static void
hide_list(bool hide)
{
	char other[PATH_MAX + 8];

	snprintf(other, sizeof(other), "%s.hidden", list);
	(void)rename(hide ? list : other, hide ? other : list);
}

/* Aliases for a test; @LIST@ stands for the path of the list. */
static struct aliases *
load(const char *text)
{
	struct bytes b = { .len = 0 };
	char error[CONFIG_ERROR] = "";
	const char *at;

	for (; (at = strstr(text, "@LIST@")) != NULL; text = at + 6) {
		bytes_add(&b, text, (size_t)(at - text));
		bytes_text(&b, list);
	}
	bytes_text(&b, text);
	scratch_write(path, b.data, b.len);
	free(b.data);
	struct aliases *a = aliases_load(config(), error);
	scratch_need(a != NULL, error);
	return a;
}

/* "u:alice a:x@y.z p:/bin/cmd=nobody", or what went wrong. */
static const char *
shown(enum expanded result, const struct mail *m, size_t from)
{
	static const char *const words[] = { "", "none", "temporary",
		"broken" };
	static const char kinds[] = "aufp"; /* as enum target */
	static char text[SHOWN];

	strlcpy(text, words[result], sizeof(text));
	for (size_t i = from; i < m->count; i++) {
		const struct recipient *r = &m->recipients[i];
		size_t n = strlen(text);
		/* Not root, we run what we would run as the owner. */
		const char *owner = geteuid() != 0 && r->owner[0] == '\0' &&
		                            r->target != TARGET_ADDRESS &&
		                            r->target != TARGET_USER
		                        ? "nobody"
		                        : r->owner;
		char kind = kinds[r->target];
		snprintf(text + n, sizeof(text) - n, "%s%c:%s%s%s",
		    n > 0 ? " " : "", kind, r->text,
		    owner[0] != '\0' ? "=" : "", owner);
	}
	return text;
}

static const struct recipient plain = {
	.given = "",
	.owner = "",
	.orcpt = "",
};

static const char *
expand(const char *text, const char *address)
{
	struct recipient r = plain;
	char error[CONFIG_ERROR];
	struct names *names = names_load(config(), error);
	struct aliases *a = load(text);
	struct expand e = { .config = config(), .names = names, .aliases = a };
	struct mail m;

	scratch_need(names != NULL, error);
	mail_init(&m);
	r.text = address;
	enum expanded result = expand_recipient(&e, &r, &m);
	const char *out = shown(result, &m, 0);
	mail_free(&m);
	/* The same with lists that were read before, and are gone. */
	static char before[SHOWN];
	strlcpy(before, out, sizeof(before));
	struct lists *lists = lists_read(config(), a);
	e.lists = lists;
	hide_list(true);
	mail_init(&m);
	result = expand_recipient(&e, &r, &m);
	out = shown(result, &m, 0);
	hide_list(false);
	if (strcmp(out, before) != 0) {
		note("with lists that were read before: %.200s", out);
		out = "not the same";
	}
	lists_free(lists);
	mail_free(&m);
	aliases_free(a);
	names_free(names);
	return out;
}

static void
is(const char *found, const char *wanted, const char *what)
{
	if (!ok(strcmp(found, wanted) == 0, "%s", what)) {
		note("%.200s, not %.200s", found, wanted);
	}
}

static const struct {
	const char *aliases, *address, *result;
} table[] = {
	{ "", "alice@example.org", "u:alice" },
	{ "", "alice", "u:alice" },
	{ "", "eve@example.org", "none" },
	{ "", "bob@elsewhere.example", "a:bob@elsewhere.example" },
	{ "", "postmaster@example.org", "u:postmaster" },
	{ "", "root@example.org", "u:postmaster" },
	{ "", "alice+x@example.org", "u:alice" },
	{ "", "|id", "none" },
	{ "", "/etc/passwd", "none" },
	{ "", "|id@elsewhere.example", "a:|id@elsewhere.example" },
	{ "", "\":include:/etc/passwd\"@example.org", "none" },
	{ "", "not an address", "broken" },
	{ "", "", "broken" },
	{ "", "<>", "broken" },
	{ "info: alice", "info@example.org", "u:alice" },
	{ "info: alice", "INFO+x@mail.example.org", "u:alice" },
	{ "info: alice, bob, x@y.z", "info@example.org",
	    "u:alice u:bob a:x@y.z" },
	{ "info: alice, Alice, alice+x, alice@example.org, \\alice",
	    "info@example.org", "u:alice" },
	{ "info: X@Y.z, X@y.Z", "info@example.org", "a:X@Y.z" },
	{ "info: Bob <bob@example.org>, \"B, x\" <x@y.z>, <z@y.z>",
	    "info@example.org", "u:bob a:x@y.z a:z@y.z" },
	{ "info: \"a b\"@y.z", "info@example.org", "a:\"a b\"@y.z" },
	{ "a: b\nb: c\nc: alice", "a@example.org", "u:alice" },
	{ "a: b, c\nb: d\nc: d\nd: alice", "a@example.org", "u:alice" },
	{ "a: b@example.org\nb: alice", "a@example.org", "u:alice" },
	{ "bob: alice", "bob@example.org", "u:alice" },
	{ "bob: \\bob, alice", "bob@example.org", "u:bob=bob u:alice" },
	{ "bob: \\bob@example.org", "bob@example.org", "u:bob=bob" },
	{ "a: \\x@y.z", "a@example.org", "a:x@y.z" },
	{ "alice: \\bob\nbob: x@y.z", "alice@example.org", "u:bob=bob" },
	{ "root: alice\npostmaster: root", "postmaster", "u:alice" },
	{ "a: :forwarded: x@y.z", "a@example.org", "a:x@y.z" },
	{ "a: :moved: x@y.z", "a@example.org", "none" },
	/* An alias that names itself is the user, if there is one. */
	{ "alice: alice, x@y.z", "alice@example.org", "u:alice a:x@y.z" },
	{ "alice: Alice@example.org", "alice@example.org", "u:alice" },
	{ "alice@example.org: alice@example.org, bob", "alice@example.org",
	    "u:alice u:bob" },
	{ "a: a", "a@example.org", "broken" },
	{ "a: alice, a", "a@example.org", "broken" },
	{ "a: b\nb: a", "a@example.org", "broken" },
	{ "alice: bob\nbob: alice", "alice@example.org", "broken" },
	{ "a: b\nb: c\nc: alice, b", "a@example.org", "broken" },
	{ "@example.org: eve@example.org", "x@example.org", "broken" },
	/* Nobody, further down: the others get theirs. */
	{ "a: alice, eve", "a@example.org", "u:alice a:eve@mail.example.org" },
	{ "a: eve@example.org", "a@example.org", "a:eve@example.org" },
	{ "a: alice, \\eve", "a@example.org",
	    "u:alice a:eve@mail.example.org" },
	{ "a: b\nb: :moved: x@y.z", "a@example.org", "a:b@mail.example.org" },
	/* Commands and files, of the owner of aliases. */
	{ "a: \"|/bin/x 'y, z'\"", "a@example.org", "p:/bin/x 'y, z'=nobody" },
	{ "a: |/bin/x, |/bin/x, alice", "a@example.org",
	    "p:/bin/x=nobody u:alice" },
	{ "a: /var/f, \"/var/g h\"", "a@example.org",
	    "f:/var/f=nobody f:/var/g h=nobody" },
	{ "a: |", "a@example.org", "broken" },
	/* What is malformed keeps the mail waiting, all of it. */
	{ "a:", "a@example.org", "broken" },
	{ "a: \"b", "a@example.org", "broken" },
	{ "a: alice, b c", "a@example.org", "broken" },
	{ "a: alice, b@c..d", "a@example.org", "broken" },
	{ "a: alice, :x:", "a@example.org", "broken" },
	{ "a: alice, b\nb: \"", "a@example.org", "broken" },
	/* Virtual users and catch-alls. */
	{ "x@virtual.example: alice", "x@virtual.example", "u:alice" },
	{ "x@virtual.example: alice", "x+y@virtual.example", "u:alice" },
	{ "x@virtual.example: alice", "alice@virtual.example", "none" },
	{ "@virtual.example: bob", "any@virtual.example", "u:bob" },
	{ "@virtual.example: bob", "bob@virtual.example", "u:bob" },
	{ "@example.org: x@y.z", "eve@example.org", "a:x@y.z" },
	{ "@example.org: x@y.z", "alice@example.org", "u:alice" },
	{ "bob@example.org: x@y.z", "bob@mail.example.org", "u:bob" },
};

static void
test_table(void)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char what[256];
		snprintf(what, sizeof(what), "%zu: %s", i, table[i].address);
		is(expand(table[i].aliases, table[i].address), table[i].result,
		    what);
	}
}

/* A chain of aliases, as deep as it may be, and one deeper. */
static void
test_depth(void)
{
	struct bytes b = { .len = 0 };
	char line[64];

	for (int i = 0; i <= EXPAND_DEPTH; i++) {
		snprintf(line, sizeof(line), "a%d: a%d\n", i, i + 1);
		bytes_text(&b, line);
	}
	snprintf(line, sizeof(line), "a%d: alice\n", EXPAND_DEPTH + 1);
	bytes_text(&b, line);
	bytes_add(&b, "", 1);
	is(expand(b.data, "a2"), "u:alice", "as deep as it may be");
	is(expand(b.data, "a1"), "broken", "deeper than that");
	free(b.data);
}

/* ---- :include: ---- */

static void
include(const char *text, const char *wanted, const char *what)
{
	scratch_write(list, text, strlen(text));
	is(expand("a: :include:@LIST@", "a@example.org"), wanted, what);
}

static void
test_include(void)
{
	char text[PATH_MAX * 2];

	include("alice\n# bob\nbob # x\ncarol@y.z, x@y.z\n",
	    "u:alice u:bob a:carol@y.z a:x@y.z", "a list of addresses");
	include("", "broken", "an empty list");
	include("# nobody yet\n\n", "broken", "a list of comments");
	include("alice\r\nbob\r\n", "u:alice u:bob", "a list with CR LF");
	include("|/bin/x, /var/f", "p:/bin/x=nobody f:/var/f=nobody",
	    "files and commands in a list that root alone writes");
	include("alice\n\"bob", "broken", "an open quote");
	include("alice\nroot:x:0:0:root:/root:/bin/sh\n", "broken",
	    "a file that is no list");
	include("a", "broken", "a list that names its alias");
	snprintf(text, sizeof(text), ":include:%s", list);
	include(text, "broken", "a list that includes itself");
	is(expand("a: :include:@LIST@, alice, :include:@LIST@", "b"), "none",
	    "nothing is read for nobody");
	include("alice", "u:alice", "a list without a line end");
	is(expand("a: b, :include:@LIST@\nb: :include:@LIST@", "a"), "u:alice",
	    "a list that is included twice");
	is(expand("a: :include: @LIST@", "a"), "u:alice", "a blank before it");
	is(expand("a: :include:relative", "a"), "broken", "no absolute path");
	is(expand("a: :include:/nonexistent/list", "a"), "temporary",
	    "a list that is not there");
}

/* Lists that others write, or that are no files. */
static void
test_include_files(void)
{
	static const char command[] = "alice, |/bin/x";

	scratch_write(list, command, sizeof(command) - 1);
	scratch_need(chmod(list, 0660) == 0, "chmod");
	is(expand("a: :include:@LIST@", "a"), "broken",
	    "a command in a list that a group writes");
	scratch_write(list, "alice", 5);
	is(expand("a: :include:@LIST@", "a"), "u:alice",
	    "addresses are good there");
	scratch_need(chmod(list, 0606) == 0, "chmod");
	is(expand("a: :include:@LIST@", "a"), "broken",
	    "not in one that everybody writes");
	scratch_need(chmod(list, 0600) == 0, "chmod");
	if (geteuid() == 0) {
		scratch_need(chown(list, 4242, 4242) == 0, "chown");
		is(expand("a: :include:@LIST@", "a"), "u:alice",
		    "addresses in another's list");
		scratch_write(list, command, sizeof(command) - 1);
		is(expand("a: :include:@LIST@", "a"), "broken",
		    "but no command");
		char text[PATH_MAX * 2];
		snprintf(text, sizeof(text), ":include:%s.no", list);
		scratch_write(list, text, strlen(text));
		is(expand("a: :include:@LIST@", "a"), "broken",
		    "nor another list");
	}
	unlink(list);
	scratch_need(symlink("/etc/passwd", list) == 0, "symlink");
	is(expand("a: :include:@LIST@", "a"), "broken", "a symbolic link");
	unlink(list);
	scratch_need(mkfifo(list, 0600) == 0, "mkfifo");
	is(expand("a: :include:@LIST@", "a"), "broken", "a FIFO");
	unlink(list);
	is(expand("a: :include:/dev/zero", "a"), "broken", "a device");
	is(expand("a: :include:/etc", "a"), "broken", "a folder");
	scratch_write(list, "alice", 5);
	scratch_need(truncate(list, (16 << 20) + 1) == 0, "truncate");
	is(expand("a: :include:@LIST@", "a"), "broken", "a huge list");
	unlink(list);
}

/* As many targets as a message may have, and one more. */
static void
test_many(void)
{
	struct bytes b = { .len = 0 };
	char line[64], error[CONFIG_ERROR];
	struct mail m;

	for (int i = 0; i < EXPAND_TARGETS; i++) {
		snprintf(line, sizeof(line), "u%d@y.z\n", i);
		bytes_text(&b, line);
	}
	struct names *names = names_load(config(), error);
	struct aliases *a = load("a: :include:@LIST@");
	struct recipient r = plain;
	const struct expand e = {
		.config = config(), .names = names, .aliases = a
	};
	r.text = "a";
	for (int over = 0; over < 2; over++) {
		bytes_text(&b, over ? "alice\n" : "");
		scratch_write(list, b.data, b.len);
		mail_init(&m);
		enum expanded result = expand_recipient(&e, &r, &m);
		ok(over ? result == EXPANDED_BROKEN && m.count == 0
			: result == EXPANDED_OK && m.count == EXPAND_TARGETS,
		    "%d targets", EXPAND_TARGETS + over);
		mail_free(&m);
	}
	aliases_free(a);
	names_free(names);
	free(b.data);
}

/* ---- what else a recipient has ---- */

static const struct {
	const char *aliases;
	unsigned notify;
	const char *orcpt;
	unsigned passed;
	const char *passed_orcpt;
} notifies[] = {
	{ "", NOTIFY_SUCCESS, "", NOTIFY_SUCCESS, "" },
	{ "", 0, "rfc822;x@y.z", 0, "rfc822;x@y.z" },
	{ "alice: bob", NOTIFY_SUCCESS | NOTIFY_DELAY, "rfc822;x@y.z",
	    NOTIFY_SUCCESS | NOTIFY_DELAY, "rfc822;x@y.z" },
	{ "alice: bob", 0, "", 0, "rfc822;alice+2Bx@example.org" },
	{ "alice: bob, carol", 0, "", 0, "rfc822;alice+2Bx@example.org" },
	{ "alice: bob, carol", NOTIFY_SUCCESS | NOTIFY_FAILURE, "",
	    NOTIFY_FAILURE, "rfc822;alice+2Bx@example.org" },
	{ "alice: bob, carol", NOTIFY_SUCCESS, "rfc822;x@y.z", NOTIFY_NEVER,
	    "rfc822;x@y.z" },
	{ "alice: bob, carol", NOTIFY_DELAY | NOTIFY_FAILURE, "rfc822;x@y.z",
	    NOTIFY_FAILURE, "rfc822;x@y.z" },
	{ "alice: bob, carol", NOTIFY_NEVER, "rfc822;x@y.z", NOTIFY_NEVER,
	    "rfc822;x@y.z" },
};

static void
test_notify(void)
{
	char error[CONFIG_ERROR];
	struct names *names = names_load(config(), error);

	for (size_t i = 0; i < sizeof(notifies) / sizeof(notifies[0]); i++) {
		struct aliases *a = load(notifies[i].aliases);
		const struct expand e = {
			.config = config(), .names = names, .aliases = a
		};
		struct recipient r = { .text = "alice+x@example.org",
			.given = "",
			.owner = "",
			.orcpt = notifies[i].orcpt,
			.notify = notifies[i].notify };
		struct mail m;
		mail_init(&m);
		bool good = expand_recipient(&e, &r, &m) == EXPANDED_OK;
		for (size_t k = 0; k < m.count; k++) {
			const struct recipient *to = &m.recipients[k];
			good =
			    good && to->notify == notifies[i].passed &&
			    strcmp(to->orcpt, notifies[i].passed_orcpt) == 0 &&
			    strcmp(to->given, "alice+x@example.org") == 0;
		}
		ok(good && m.count > 0, "notify %u, orcpt \"%s\" of \"%s\"",
		    notifies[i].notify, notifies[i].orcpt, notifies[i].aliases);
		mail_free(&m);
		aliases_free(a);
	}
	names_free(names);
}

/* Several recipients of one message. */
static void
test_together(void)
{
	char error[CONFIG_ERROR];
	struct names *names = names_load(config(), error);
	struct aliases *a = load("a: alice, bob\nb: b\nc: bob, x@y.z\n");
	const struct expand e = {
		.config = config(), .names = names, .aliases = a
	};
	static const char *const addresses[] = { "bob", "a", "b", "c", "a" };
	struct recipient r = plain;
	struct mail m;

	mail_init(&m);
	for (size_t i = 0; i < 5; i++) {
		r.text = addresses[i];
		enum expanded result = expand_recipient(&e, &r, &m);
		ok(result == (i == 2 ? EXPANDED_BROKEN : EXPANDED_OK),
		    "%s among others", addresses[i]);
	}
	is(shown(EXPANDED_OK, &m, 0), "u:bob u:alice a:x@y.z",
	    "everybody gets it once");
	mail_free(&m);
	aliases_free(a);
	names_free(names);
}

/* ---- ~/.forward, of alice ---- */

static const struct {
	const char *forward, *result;
} forwards[] = {
	{ "bob", "u:bob" },
	{ "bob\n", "u:bob" },
	{ "x@y.z, bob\n", "a:x@y.z u:bob" },
	{ "\\alice, x@y.z", "u:alice=alice a:x@y.z" },
	{ "alice", "u:alice=alice" },
	{ "Alice@Example.org", "u:alice=alice" },
	{ "alice+x@example.org", "u:alice=alice" },
	{ "team", "u:alice=alice u:bob" },
	{ "\"|/bin/x y\", /home/alice/f", "p:/bin/x y=alice f:/home/alice/f="
					  "alice" },
	{ "run", "p:/bin/run=nobody" },
	{ "|/bin/run, run", "p:/bin/run=alice p:/bin/run=nobody" },
	{ "# nothing", "u:alice=alice" },
	{ "", "u:alice=alice" },
	{ "eve", "a:eve@mail.example.org" },
	{ ":include:/etc/list", "broken" },
	{ "bob, \"", "broken" },
	{ "bob, a b", "broken" },
	{ "loop", "broken" },
};

static void
test_forward(void)
{
	char error[CONFIG_ERROR];
	struct names *names = names_load(config(), error);
	struct aliases *a =
	    load("team: alice, bob\nrun: |/bin/run\nloop: loop\n");
	const struct expand e = {
		.config = config(), .names = names, .aliases = a
	};
	struct recipient r = { .target = TARGET_USER,
		.text = "alice",
		.given = "info@example.org",
		.owner = "",
		.orcpt = "" };

	for (size_t i = 0; i < sizeof(forwards) / sizeof(forwards[0]); i++) {
		const char *text = forwards[i].forward;
		struct mail m;
		char what[128];
		mail_init(&m);
		enum expanded result = expand_forward(
		    &e, "alice", "alice", text, strlen(text), &r, &m);
		snprintf(what, sizeof(what), "forward %zu", i);
		is(shown(result, &m, 0), forwards[i].result, what);
		ok(m.count == 0 ||
			strcmp(m.recipients[0].given, "info@example.org") == 0,
		    "for the address that was given");
		mail_free(&m);
	}
	aliases_free(a);
	names_free(names);
}

static void
count(void *context, unsigned depth, const char *text)
{
	unsigned *steps = context;

	*steps = *steps * 10 + depth;
	note("%u %s", depth, text);
}

static void
test_trace(void)
{
	char error[CONFIG_ERROR];
	struct names *names = names_load(config(), error);
	struct aliases *a = load("a: b, x@y.z\nb: alice\n");
	unsigned steps = 0;
	const struct expand e = { .config = config(),
		.names = names,
		.aliases = a,
		.trace = count,
		.context = &steps };
	struct recipient r = plain;
	struct mail m;

	r.text = "a";
	mail_init(&m);
	ok(expand_recipient(&e, &r, &m) == EXPANDED_OK && steps == 121,
	    "each step is told, with its depth");
	mail_free(&m);
	aliases_free(a);
	names_free(names);
}

int
main(void)
{
	static const char lines[] = "alice:\nbob:\ncarol:\n";

	scratch_make();
	scratch_path(path, "aliases");
	scratch_path(users, "users");
	scratch_path(list, "list");
	scratch_write(users, lines, sizeof(lines) - 1);
	test_table();
	test_depth();
	test_include();
	test_include_files();
	test_many();
	test_notify();
	test_together();
	test_forward();
	test_trace();
	return tap_done();
}
