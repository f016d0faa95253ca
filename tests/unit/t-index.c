/* SPDX-License-Identifier: ISC */
/*
 * The index, which must never show: whatever happens to a mailbox, by us or by
 * others, with a clock that stands still or a file of the same length, an
 * opening finds what a scan of the file finds.
 */
#include "spool/append.h"

#include "tests/unit/t-mailbox.h"
#include "tests/unit/tap.h"

enum { ROUNDS = 1500 };

static char path[PATH_MAX], message[PATH_MAX];

/* We deliver. */
static bool
deliver(void)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "Subject: %zu%s\n\nFrom x\n%s",
	    random_below(6), random_below(3) == 0 ? "\xc3\xa9" : "",
	    random_below(3) == 0 ? "no end" : "");

	scratch_write(message, text, (size_t)n);
	int fd = open(message, O_RDONLY | O_CLOEXEC);
	struct append a = { .store = store_of(path),
		.sender = "a@b",
		.when = 1795330800,
		.message = fd };
	bool good = append_message(&a) == 0;
	close(fd);
	return good;
}

/* Another program delivers, in its own way. */
static void
others_deliver(void)
{
	static const char *const tails[] = { "From a\nSubject: 1\n\n",
		"From a\nSubject: \xc3\xa9\n\n\xc3\xa9\n\n",
		"From a\nSubject: \xe9\n\n", "From a\nTo: \xc3\xa9@b",
		"From a\nSubject: 2\nStatus: RO\n\nx\n\n",
		"From a Sun Nov 22 07:00:00 2026\nSubject: 3\n\nno end",
		"\nFrom a\nSubject: 4\n", "text behind\n", "\n", "\n\n" };
	const char *tail =
	    tails[random_below(sizeof(tails) / sizeof(tails[0]))];
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

	scratch_need(
	    write(fd, tail, strlen(tail)) == (ssize_t)strlen(tail), "write");
	close(fd);
}

/* An octet changes, and nothing that stat(2) tells but the ctime. */
static void
others_change(void)
{
	struct stat st;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	size_t len;
	char *data = scratch_read(path, &len);

	scratch_need(fstat(fd, &st) == 0, "fstat");
	char *digit = len == 0 ? NULL : strstr(data + random_below(len), ": ");
	if (digit != NULL && digit[2] >= '0' && digit[2] <= '9') {
		char other = (char)('0' + random_below(6));
		scratch_need(
		    pwrite(fd, &other, 1, digit + 2 - data) == 1, "pwrite");
		struct timespec times[2] = { st.st_atim, st.st_mtim };
		scratch_need(futimens(fd, times) == 0, "futimens");
	}
	free(data);
	close(fd);
}

/* A rewrite by others: messages lose a header field, or all is gone. */
static void
others_rewrite(void)
{
	size_t len;
	char *data = scratch_read(path, &len);
	char *from = len < 6 ? NULL : strstr(data + len / 2, "\nFrom a");

	if (from == NULL || random_below(4) == 0) {
		scratch_write(path, "", 0);
	} else {
		scratch_write(path, from + 1, len - (size_t)(from + 1 - data));
	}
	free(data);
}

static bool
expunge_some(void)
{
	static bool deleted[10 * ROUNDS];
	struct mailbox *m = mailbox_at(path);

	for (size_t i = 0; i < mailbox_count(m); i++) {
		deleted[i] = random_below(3) == 0;
	}
	bool good = expunge_from(m, deleted) == 0;
	mailbox_close(m);
	return good;
}

static int
by_uidl(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool
all_uidls_differ(const struct mailbox *m)
{
	size_t n = mailbox_count(m);
	char(*uidls)[MAILBOX_UIDL + 1] = calloc(n + 1, sizeof(*uidls));
	bool good = true;

	for (size_t i = 0; i < n; i++) {
		mailbox_uidl(mailbox_message(m, i), uidls[i]);
	}
	qsort(uidls, n, sizeof(*uidls), by_uidl);
	for (size_t i = 1; i < n; i++) {
		good = good && strcmp(uidls[i - 1], uidls[i]) != 0;
	}
	free(uidls);
	return good;
}

static bool
open_and_compare(void)
{
	struct mailbox *m;
	/* Nobody asks for UIDLs at every login. */
	bool asks = random_below(2) == 0;

	scratch_need(mailbox_open(&m, store_of(path), 0) == 0, "mailbox_open");
	bool good = mailbox_check(m) == 0;
	if (good && asks) {
		good = mailbox_identify(m) == 0 &&
		       mailbox_scans_alike(m, path) && all_uidls_differ(m);
	}
	uint64_t octets = 0, ascii = 0;

	for (size_t i = 0; i < mailbox_count(m); i++) {
		octets += mailbox_message(m, i)->octets;
		ascii += mailbox_message(m, i)->ascii;
	}
	good = good && octets == mailbox_octets(m, true) &&
	       ascii == mailbox_octets(m, false);
	mailbox_close(m);
	return good;
}

/* The index file damaged, as a disk may do it, or lost. */
static void
damage(void)
{
	const struct store *store = store_of(path);
	DIR *d = opendir(store->directory);

	for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
		int fd = openat(dirfd(d), e->d_name, O_RDWR | O_CLOEXEC);
		struct stat st;
		if (fd == -1 || fstat(fd, &st) == -1 || st.st_size == 0) {
			close(fd);
			continue;
		}
		char c = (char)random_below(256);
		off_t at = (off_t)random_below((size_t)st.st_size);
		switch (random_below(3)) {
		case 0:
			scratch_need(pwrite(fd, &c, 1, at) == 1, "pwrite");
			break;
		case 1:
			scratch_need(ftruncate(fd, at) == 0, "ftruncate");
			break;
		default:
			unlinkat(dirfd(d), e->d_name, 0);
		}
		close(fd);
	}
	closedir(d);
}

static void
test_random(void)
{
	unsigned wrong = 0, failed = 0;

	for (int round = 0; round < ROUNDS; round++) {
		size_t what = random_below(16);
		if (what < 8) {
			failed += !deliver();
		} else if (what < 11) {
			others_deliver();
		} else if (what < 13) {
			others_change();
		} else if (what < 15) {
			failed += !expunge_some();
		} else if (random_below(8) == 0) {
			others_rewrite();
		}
		if (random_below(2) == 0 && !open_and_compare()) {
			if (wrong++ < 3) {
				note("round %d, last step %zu", round, what);
			}
		}
	}
	ok(failed == 0, "each delivery and each expunge succeeds");
	ok(wrong == 0, "%d steps: each opening is like a scan", ROUNDS);
}

static void
test_damage(void)
{
	unsigned wrong = 0;

	for (int i = 0; i < 300; i++) {
		if (random_below(3) == 0) {
			(void)deliver();
		}
		(void)open_and_compare();
		damage();
		wrong += !open_and_compare();
	}
	ok(wrong == 0, "a damaged index is not believed");
}

static void
index_path(char name[PATH_MAX], const char *base)
{
	int n =
	    snprintf(name, PATH_MAX, "%s/%s", store_of(path)->directory, base);

	scratch_need(n < PATH_MAX, "index_path");
}

/* Changes an octet in a record of the index, after its header. */
static void
damage_record(void)
{
	char name[PATH_MAX];
	struct stat st;

	index_path(name, "index");
	int fd = open(name, O_RDWR | O_CLOEXEC);
	scratch_need(fd != -1 && fstat(fd, &st) == 0, "the index");
	off_t at = st.st_size - 10 * (off_t)sizeof(struct message) + 3;
	unsigned char c;
	scratch_need(pread(fd, &c, 1, at) == 1, "pread");
	c = (unsigned char)~c;
	scratch_need(pwrite(fd, &c, 1, at) == 1, "pwrite");
	close(fd);
}

/* An opening looks at no record, so that damage shows when one is needed. */
static void
test_late(void)
{
	struct mailbox *m;

	scratch_write(path, "", 0);
	for (int i = 0; i < 30; i++) {
		(void)deliver();
	}
	(void)open_and_compare();
	damage_record();
	scratch_need(mailbox_open(&m, store_of(path), 0) == 0, "mailbox_open");
	uint64_t octets = mailbox_octets(m, true);
	size_t count = mailbox_count(m);
	ok(count == 30 && mailbox_check(m) == 0 &&
		mailbox_octets(m, true) == octets,
	    "a damaged record does not matter at the opening");
	ok(mailbox_count(m) == count && mailbox_identify(m) == 0 &&
		mailbox_scans_alike(m, path),
	    "and is replaced before it is used");
	mailbox_close(m);
	damage_record();
	scratch_need(mailbox_open(&m, store_of(path), 0) == 0, "mailbox_open");
	(void)deliver();
	bool *deleted = calloc(count, sizeof(*deleted));
	errno = 0;
	ok(mailbox_check(m) == -1 && errno == ESTALE,
	    "not if the mailbox is another one by then");
	deleted[0] = true;
	ok(expunge_from(m, deleted) == -1 && mailbox_count(m) == count,
	    "which nothing is deleted of");
	free(deleted);
	mailbox_close(m);
	ok(open_and_compare(), "and the next opening is right");
}

/* The same message four times; asks: for UIDLs after each. */
static void
test_copies(void)
{
	for (int asks = 0; asks < 2; asks++) {
		unlink(path);
		scratch_write(message, "Subject: x\n", 11);
		int fd = open(message, O_RDONLY | O_CLOEXEC);
		struct append a = {
			.store = store_of(path), .sender = "a@b", .message = fd
		};
		bool good = true;
		for (int i = 0; good && i < 4; i++) {
			good = append_message(&a) == 0;
			if (asks != 0 || i == 3) {
				struct mailbox *m = mailbox_at(path);
				good = good && all_uidls_differ(m) &&
				       mailbox_scans_alike(m, path);
				mailbox_close(m);
			}
		}
		close(fd);
		ok(good, "copies are told apart, %s",
		    asks != 0 ? "one by one" : "all at once");
	}
}

/* An expunge that has to put an empty line in place of one that goes. */
static void
test_separator(void)
{
	static const char box[] =
	    "From a\nA: b\n\nx\nFrom b Sun Nov 22 07:00:00 2026\nB: c\n\n"
	    "From c\nC: d\n\n";
	bool deleted[3] = { false, true, false };

	scratch_write(path, box, sizeof(box) - 1);
	struct mailbox *m = mailbox_at(path);
	bool good = expunge_from(m, deleted) == 0;
	mailbox_close(m);
	ok(good && open_and_compare(), "an empty line put in between");
}

static ino_t
index_inode(void)
{
	char name[PATH_MAX];
	struct stat st;

	index_path(name, "index");
	scratch_need(stat(name, &st) == 0, "the index");
	return st.st_ino;
}

/* A mailbox as long as it has to be for changes of its end in place. */
static void
fill_long(size_t count)
{
	struct bytes box = { .len = 0 };
	char text[64];

	for (size_t i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "From a\nSubject: %zu\n\n", i);
		bytes_text(&box, text);
	}
	scratch_write(path, box.data, box.len);
	free(box.data);
}

/* What only adds to an index does not replace it. */
static void
test_in_place(void)
{
	static const char more[] = "From a\nSubject: z\n\n";

	scratch_write(path, more, sizeof(more) - 1);
	mailbox_close(mailbox_at(path));
	ino_t before = index_inode();
	scratch_write(message, "Subject: x\n\nx\n", 14);
	bool good = true;
	for (int i = 0; i < 6; i++) {
		int fd = open(message, O_RDONLY | O_CLOEXEC);
		struct append a = {
			.store = store_of(path), .sender = "a@b", .message = fd
		};
		good = good && append_message(&a) == 0;
		close(fd);
		fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
		scratch_need(write(fd, more, sizeof(more) - 1) ==
				 (ssize_t)sizeof(more) - 1,
		    "write");
		close(fd);
		good = good && open_and_compare();
	}
	ok(good && index_inode() == before,
	    "deliveries and UIDLs change the index in place");
	scratch_write(path, more, sizeof(more) - 1);
	ok(open_and_compare() && index_inode() != before,
	    "a mailbox that was rewritten gets another one");
}

/* Removes from the end in place, while another session has it mapped. */
static void
test_shared(void)
{
	enum { COUNT = 700 };
	static bool deleted[COUNT];
	struct mailbox *m, *other;
	struct received r = { .octets = 0 };

	fill_long(COUNT);
	mailbox_close(mailbox_at(path));
	ino_t before = index_inode();
	scratch_need(mailbox_open(&m, store_of(path), 0) == 0, "mailbox_open");
	other = mailbox_at(path);
	memset(deleted, 0, sizeof(deleted));
	deleted[COUNT - 3] = deleted[COUNT - 1] = true;
	bool good = expunge_from(other, deleted) == 0;
	mailbox_close(other);
	ok(good && index_inode() == before, "the end is changed in place");
	ok(deliver() && deliver() && open_and_compare(),
	    "and what is delivered then takes the places");
	ok(index_inode() == before, "in the same file");
	unsigned wrong = 0;
	for (size_t i = 0; i + 3 < COUNT; i++) {
		char want[32];
		int n = snprintf(want, sizeof(want), "Subject: %zu\n", i);
		wrong += mailbox_get(m, i, &r) == -1 ||
		         r.text.len != (size_t)n ||
		         memcmp(r.text.data, want, r.text.len) != 0;
	}
	ok(wrong == 0, "another session reads what stayed where it was");
	for (size_t i = COUNT - 3; i < COUNT; i++) {
		wrong += mailbox_get(m, i, &r) != -1 || errno != ESTALE;
	}
	ok(wrong == 0, "and never takes a later message for one that is gone");
	free(r.text.data);
	mailbox_close(m);
}

/* Gives the index that is there now the inode of the one that was linked. */
static void
take_inode(const char *linked)
{
	char name[PATH_MAX];
	size_t len;

	index_path(name, "index");
	char *data = scratch_read(name, &len);
	scratch_write(linked, data, len);
	free(data);
	scratch_need(rename(linked, name) == 0, "rename");
}

/*
 * Others rewrite the mailbox while a session has it open, and the new index
 * gets the inode of the old one, as file systems give them out again.
 */
static void
test_inode_again(void)
{
	static const char before[] = "From a\nA: 0\n\nFrom a\nA: 1\n\n"
				     "From a\nA: 2\n\n",
			  after[] = "From a\nA: 1\n\nFrom a\nA: 2\n\n"
				    "From a\nA: 3\n\nFrom a\nA: 4\n\n";
	bool deleted[3] = { false, true, false };
	char name[PATH_MAX], linked[PATH_MAX];
	struct mailbox *m, *other;

	index_path(name, "index");
	index_path(linked, "linked");
	scratch_write(path, before, sizeof(before) - 1);
	scratch_need(mailbox_open(&m, store_of(path), 0) == 0, "mailbox_open");
	ino_t inode = index_inode();
	scratch_need(rename(name, linked) == 0, "rename");
	scratch_write(path, after, sizeof(after) - 1);
	scratch_need(
	    mailbox_open(&other, store_of(path), 0) == 0, "mailbox_open");
	mailbox_close(other);
	take_inode(linked);
	ok(index_inode() == inode && mailbox_has(m, 2, "A: 2\n", 5) &&
		mailbox_has(m, 1, "A: 1\n", 5),
	    "an index with the inode of another one: texts are the right ones");
	ok(expunge_from(m, deleted) == 0, "a message is deleted");
	mailbox_close(m);
	size_t len;
	char *data = scratch_read(path, &len);
	ok(strcmp(data, after + strlen("From a\nA: 1\n\n")) == 0,
	    "it is the one that was chosen");
	free(data);
}

/* UIDLs of copies, and what may not change them. */
static void
test_kept_ids(void)
{
	static const char box[] = "From a\nA: b\n\nFrom a\nA: b\n\n"
				  "From a\nA: b\n\nFrom a\nC: d\n\n";
	char before[3][MAILBOX_UIDL + 1], after[MAILBOX_UIDL + 1];
	bool deleted[4] = { true, false, false, false };

	scratch_write(path, box, sizeof(box) - 1);
	struct mailbox *m = mailbox_at(path);
	for (size_t i = 0; i < 3; i++) {
		mailbox_uidl(mailbox_message(m, i + 1), before[i]);
	}
	bool good = expunge_from(m, deleted) == 0;
	mailbox_close(m);
	for (int step = 0; step < 4; step++) {
		/* 1: a login without UIDL, 2: by another program, 3: touched */
		if (step == 2) {
			int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
			scratch_need(
			    write(fd, "From a\nA: b\n\n", 13) == 13, "write");
			close(fd);
		} else if (step == 3) {
			scratch_need(utimensat(AT_FDCWD, path, NULL, 0) == 0,
			    "utimensat");
		}
		m = mailbox_at(path);
		for (size_t i = 0; i < 3; i++) {
			mailbox_uidl(mailbox_message(m, i), after);
			good = good && strcmp(before[i], after) == 0;
		}
		good = good && all_uidls_differ(m);
		mailbox_close(m);
	}
	ok(good, "copies keep their UIDLs though the first one has gone");
}

/* After a power cut the header may be there, and the record not. */
static void
test_blank_record(void)
{
	char name[PATH_MAX], blank[sizeof(struct message)] = "";
	struct mailbox *m;

	fill_long(20);
	mailbox_close(mailbox_at(path));
	scratch_need(deliver(), "deliver");
	index_path(name, "index");
	int fd = open(name, O_RDWR | O_CLOEXEC);
	struct stat st;
	scratch_need(fd != -1 && fstat(fd, &st) == 0 &&
			 pwrite(fd, blank, sizeof(blank),
			     st.st_size - (off_t)sizeof(blank)) ==
			     (ssize_t)sizeof(blank),
	    "pwrite");
	close(fd);
	scratch_need(mailbox_open(&m, store_of(path), 0) == 0, "mailbox_open");
	struct received r = { .octets = 0 };
	ok(mailbox_count(m) == 21 && mailbox_check_at(m, 20) == 0 &&
		mailbox_get(m, 20, &r) == 0 && r.octets > 0,
	    "a record that a power cut took is made again");
	free(r.text.data);
	mailbox_close(m);
	ok(open_and_compare(), "and the next opening is right");
}

/* UIDLs before and after the loss of all that is not the mailbox. */
static void
test_loss(void)
{
	char before[64][MAILBOX_UIDL + 1], after[MAILBOX_UIDL + 1];
	const struct store *store = store_of(path);
	unsigned wrong = 0;

	scratch_write(path, "", 0);
	for (int i = 0; i < 30; i++) {
		(void)deliver();
	}
	struct mailbox *m = mailbox_at(path);
	size_t count = mailbox_count(m);
	for (size_t i = 0; i < count; i++) {
		mailbox_uidl(mailbox_message(m, i), before[i]);
	}
	mailbox_close(m);
	scratch_empty(store->directory);
	m = mailbox_at(path);
	for (size_t i = 0; i < count; i++) {
		mailbox_uidl(mailbox_message(m, i), after);
		wrong += strcmp(before[i], after) != 0;
	}
	ok(count == 30 && wrong == 0 && mailbox_count(m) == count,
	    "a lost index changes no UIDL");
	mailbox_close(m);
}

/* A user who has no directory, because it could not be made. */
static void
test_none(void)
{
	struct store none = { .directory = "/nonexistent" };
	static const char box[] = "From a\nA: b\n\nFrom c\nC: d\n\n";
	bool deleted[2] = { true, false };
	struct mailbox *m;

	memcpy(none.mailbox, path, sizeof(path));
	scratch_write(path, box, sizeof(box) - 1);
	bool good = mailbox_open(&m, &none, 0) == 0;
	ok(good && mailbox_count(m) == 2 && mailbox_has(m, 0, "A: b\n", 5),
	    "without a directory mail is read");
	ok(expunge_from(m, deleted) == -1, "but not deleted");
	mailbox_close(m);
	size_t len;
	char *data = scratch_read(path, &len);
	ok(strcmp(data, box) == 0, "and nothing is changed");
	free(data);
	scratch_write(message, "C: d\n", 5);
	int fd = open(message, O_RDONLY | O_CLOEXEC);
	struct append a = { .store = &none, .sender = "a@b", .message = fd };
	ok(append_message(&a) == 0, "and mail is delivered");
	close(fd);
}

int
main(void)
{
	scratch_make();
	scratch_path(path, "box");
	scratch_path(message, "message");
	scratch_write(path, "", 0);
	test_copies();
	test_separator();
	test_in_place();
	test_shared();
	test_inode_again();
	test_kept_ids();
	test_blank_record();
	test_random();
	test_damage();
	test_late();
	test_loss();
	test_none();
	return tap_done();
}
