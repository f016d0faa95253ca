/* SPDX-License-Identifier: ISC */
/*
 * Copies of a message, which to a client are the same octet for octet: each
 * keeps its UIDL, whichever of them we or another program delete, and whatever
 * mail readers write into the others.
 */
#include "tests/unit/t-mailbox.h"
#include "tests/unit/tap.h"

enum { MOST = 8 };

typedef char uidls[MOST][MAILBOX_UIDL + 1];

static char path[PATH_MAX];

/*
 * Writes a mailbox from words such as "a1": a message with the content "a",
 * whose From_ line has the number, and a field of a mail reader.
 */
static void
write_box(const char *words, const char *status)
{
	struct bytes b = { .len = 0 };
	char text[128];

	for (const char *p = words; *p != '\0'; p += p[2] == ' ' ? 3 : 2) {
		snprintf(text, sizeof(text),
		    "From x@y Sun Nov 22 07:00:0%c 2026\n%sSubject: "
		    "%c\n\nx\n\n",
		    p[1], status, p[0]);
		bytes_text(&b, text);
	}
	scratch_write(path, b.len > 0 ? b.data : "", b.len);
	free(b.data);
}

/* The words of the mailbox as it is. */
static void
read_box(char words[4 * MOST])
{
	size_t len, n = 0;
	char *data = scratch_read(path, &len);

	for (const char *p = data; (p = strstr(p, "From x@y")) != NULL; p++) {
		const char *subject = strstr(p, "Subject: ");
		words[n++] = subject[9];
		words[n++] = p[27];
		words[n++] = ' ';
	}
	words[n > 0 ? n - 1 : 0] = '\0';
	free(data);
}

static size_t
get_uidls(uidls ids)
{
	struct mailbox *m = mailbox_at(path);
	size_t n = mailbox_count(m);

	scratch_need(n <= MOST, "too many messages");
	for (size_t i = 0; i < n; i++) {
		mailbox_uidl(mailbox_message(m, i), ids[i]);
	}
	mailbox_close(m);
	return n;
}

static void
forget(void)
{
	char index[PATH_MAX + 8];

	snprintf(index, sizeof(index), "%s/index", store_of(path)->directory);
	unlink(index);
}

static const struct {
	const char *name, *before, *after;
	const char *want; /* which each is of those before; -: none */
} others[] = {
	{ "write flags", "a1 a1 a1", "a1 a1 a1", "012" },
	{ "write flags, of copies and others", "a1 b1 a1 b2 a3",
	    "a1 b1 a1 b2 a3", "01234" },
	{ "delete the first", "a1 a2 a3", "a2 a3", "12" },
	{ "delete the second", "a1 a2 a3", "a1 a3", "02" },
	{ "delete the last", "a1 a2 a3", "a1 a2", "01" },
	{ "leave the second", "a1 a2 a3", "a2", "1" },
	{ "delete the first, which its place alone tells", "a1 b1 a1", "b1 a1",
	    "12" },
	{ "delete the last, which its place alone tells", "a1 b1 a1", "a1 b1",
	    "01" },
	{ "delete the second of three, by its place", "a1 b1 a1 c1 a1",
	    "a1 b1 c1 a1", "0134" },
	{ "delete one of two beside each other", "b1 a1 a1 c1", "b1 a1 c1",
	    "013" },
	{ "deliver another", "a1 a2 b1", "a1 a2 b1 a3", "012-" },
	{ "deliver another, and write flags", "a1 a1", "a1 a1 a1", "01-" },
	{ "delete one, and deliver one", "a1 a2 b1", "a2 b1 a3", "12-" },
	{ "sort", "a1 b1 a2 c1", "c1 a2 a1 b1", "3201" },
	{ "write all From_ lines anew", "a1 b1 a2", "a5 b6 a7", "012" },
	{ "write all From_ lines anew, and delete", "a1 b1 a2", "b5 a6", "12" },
	{ "write one From_ line anew", "a1 b1 a2", "a5 b1 a2", "012" },
	{ "delete all but another", "a1 b1 a2", "b1", "1" },
};

static void
test_others(void)
{
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		uidls before, after;
		const char *want = others[i].want;
		write_box(others[i].before, "");
		forget();
		size_t n = get_uidls(before);
		write_box(others[i].after, "Status: RO\n");
		size_t count = get_uidls(after);
		bool good = count == strlen(want);
		for (size_t k = 0; good && k < count; k++) {
			for (size_t old = 0; old < n; old++) {
				bool same = strcmp(after[k], before[old]) == 0;
				good = good &&
				       same == ((size_t)(want[k] - '0') == old);
			}
		}
		ok(good, "others %s", others[i].name);
	}
}

/* We delete some, and then a mail reader writes flags into the others. */
static void
test_ours(void)
{
	for (unsigned gone = 0; gone < 16; gone++) {
		bool deleted[4], good = true;
		uidls before, after;
		write_box("a1 a1 b1 a1", "");
		forget();
		size_t n = get_uidls(before), left = 0;
		struct mailbox *m = mailbox_at(path);
		for (size_t i = 0; i < 4; i++) {
			deleted[i] = (gone >> i & 1) != 0;
		}
		good = expunge_from(m, deleted) == 0;
		mailbox_close(m);
		char words[4 * MOST];
		read_box(words);
		write_box(words, "X-Status: A\nStatus: RO\n");
		size_t count = get_uidls(after);
		for (size_t i = 0; i < n; i++) {
			good = good && (deleted[i] ||
					   strcmp(after[left], before[i]) == 0);
			left += !deleted[i];
		}
		ok(good && count == left, "we delete some of four: %u", gone);
	}
}

/* In a session others delete one, and the client deletes another. */
static void
test_session(bool asked)
{
	static const struct {
		const char *before, *theirs;
		size_t ours;
		const char *left;
	} cases[] = {
		{ "a1 a2 a3", "a2 a3", 1, "a3" },
		{ "a1 a2 a3", "a2 a3", 0, "a2 a3" },
		{ "a1 a2 a3", "a1 a3", 2, "a1" },
		{ "a1 a2 a3", "a1 a2", 0, "a2" },
		{ "a1 b1 a2", "b1 a2", 2, "b1" },
		{ "a1 b1 a2", "a1 b1", 0, "b1" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool deleted[MOST] = { false };
		struct mailbox *m;
		write_box(cases[i].before, "");
		forget();
		scratch_need(
		    mailbox_open(&m, store_of(path), 0) == 0, "mailbox_open");
		scratch_need(
		    !asked || mailbox_identify(m) == 0, "mailbox_identify");
		write_box(cases[i].theirs, "Status: RO\n");
		deleted[cases[i].ours] = true;
		bool good = expunge_from(m, deleted) == 0;
		mailbox_close(m);
		char words[4 * MOST];
		read_box(words);
		ok(good && strcmp(words, cases[i].left) == 0,
		    "a session with %s, %s UIDLs: %s, less %zu, is %s",
		    cases[i].before, asked ? "with" : "without",
		    cases[i].theirs, cases[i].ours + 1, words);
	}
}

/* Without the index the order alone counts; restante-spool(5) says so. */
static void
test_lost_index(void)
{
	bool deleted[3] = { true };
	uidls before, after;

	write_box("a1 a2 b1", "");
	forget();
	get_uidls(before);
	struct mailbox *m = mailbox_at(path);
	scratch_need(expunge_from(m, deleted) == 0, "expunge");
	mailbox_close(m);
	get_uidls(after);
	ok(strcmp(after[0], before[1]) == 0 && strcmp(after[1], before[2]) == 0,
	    "with the index they keep their UIDLs");
	forget();
	get_uidls(after);
	ok(strcmp(after[0], before[0]) == 0 && strcmp(after[1], before[2]) == 0,
	    "without it copies are numbered anew, and nothing else is");
}

int
main(void)
{
	scratch_make();
	scratch_path(path, "box");
	test_others();
	test_ours();
	test_session(true);
	test_session(false);
	test_lost_index();
	return tap_done();
}
