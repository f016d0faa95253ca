/* SPDX-License-Identifier: ISC */
/*
 * Delivery into a mailbox: whatever stands at its end, the message becomes one
 * of its own; and what fails leaves the mailbox as it was.
 */
#include "spool/append.h"

#include "spool/append_note.h"
#include "spool/foreign.h"
#include "tests/unit/t-mailbox.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

#define DATE " Sun Nov 22 07:00:00 2026"
#define TEXT "Subject: new\n\ntext\nFrom x\n"

static char path[PATH_MAX], message[PATH_MAX];

/* Delivers a message; what append_message() says. */
static int
deliver(const char *sender, const char *text, size_t len)
{
	scratch_write(message, text, len);
	int fd = open(message, O_RDONLY | O_CLOEXEC);
	struct append a = { .store = store_of(path),
		.sender = sender,
		.when = 1795330800,
		.message = fd };
	int result = append_message(&a);
	int saved = errno;

	close(fd);
	errno = saved;
	return result;
}

static const struct {
	const char *name, *tail;
	size_t messages; /* that were there */
} tails[] = {
	{ "an empty file", "", 0 },
	{ "an empty line", "\n", 0 },
	{ "a message", "From a\nA: b\n\nx\n\n", 1 },
	{ "a message without its empty line", "From a\nA: b\n\nx\n", 1 },
	{ "a torn line", "From a\nA: b\n\nx", 1 },
	{ "a torn From_ line", "From a\nA: b\n\nx\n\nFrom c Su", 1 },
	{ "a torn header", "From a" DATE "\nSubj", 1 },
	{ "more empty lines", "From a\nA: b\n\nx\n\n\n\n", 1 },
	{ "CRLF", "From a\r\nA: b\r\n\r\nx\r\n\r\n", 1 },
	{ "CRLF without its empty line", "From a\r\nA: b\r\n\r\nx\r\n", 1 },
	{ "half the first word", "Fro", 0 },
	{ "half the first line", "From a", 1 },
	{ "a control", "From a\nA: b\n\n\001", 1 },
};

static void
test_tails(void)
{
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		const char *tail = tails[i].tail;
		struct received before[2] = { { .octets = 0 } };
		struct mailbox *m;
		size_t n = tails[i].messages, len;
		scratch_write(path, tail, strlen(tail));
		m = mailbox_at(path);
		bool good = mailbox_count(m) == n;
		for (size_t k = 0; good && k < n; k++) {
			mailbox_get(m, k, &before[k]);
		}
		mailbox_close(m);
		good = good && deliver("s@x", TEXT, strlen(TEXT)) == 0;
		m = mailbox_at(path);
		good = good && mailbox_count(m) == n + 1;
		for (size_t k = 0; good && k < n; k++) {
			good = mailbox_has(
			    m, k, before[k].text.data, before[k].text.len);
		}
		const char *want = "Return-Path: <s@x>\n" TEXT;
		good = good && mailbox_has(m, n, want, strlen(want));
		mailbox_close(m);
		char *data = scratch_read(path, &len);
		ok(good && strncmp(data, tail, strlen(tail)) == 0, "after %s",
		    tails[i].name);
		free(data);
		free(before[0].text.data);
		free(before[1].text.data);
	}
}

enum { MOST_NULS = 9000 };

static const struct {
	const char *name, *box;
	size_t nuls, messages;
	bool foreign; /* the file is no mbox */
} cuts[] = {
	{ "a message", "From a\nA: b\n\nx\n\n", 434, 1, false },
	{ "two, and blocks of NULs",
	    "From a\nA: b\n\nx\n\nFrom b\nA: b\n\ny\n\n", MOST_NULS, 2, false },
	{ "a torn line", "From a\nA: b\n\nx", 1, 1, false },
	{ "nothing", "", MOST_NULS, 0, false },
	{ "data that is no mail", "\x1f\x8b\b", MOST_NULS, 0, true },
};

/* Writes a mailbox as a power cut leaves it. */
static void
cut_power(size_t row)
{
	static char box[MOST_NULS + 64];
	size_t len = strlen(cuts[row].box);

	memset(box, 0, sizeof(box));
	memcpy(box, cuts[row].box, len);
	scratch_write(path, box, len + cuts[row].nuls);
}

/* True if the mailbox begins so, without a NUL, and more may follow. */
static bool
goes_on_from(const char *box, bool more)
{
	size_t len, before = strlen(box);
	char *data = scratch_read(path, &len);
	bool good = len >= before && memcmp(data, box, before) == 0 &&
	            memchr(data, '\0', len) == NULL && (more || len == before);

	free(data);
	return good;
}

static void
test_power_cuts(void)
{
	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		size_t len, n = cuts[i].messages;
		struct mailbox *m = NULL;
		cut_power(i);
		if (cuts[i].foreign) {
			bool good = deliver("s@x", TEXT, strlen(TEXT)) == -1 &&
			            mailbox_open(&m, store_of(path), 0) == -1;
			free(scratch_read(path, &len));
			ok(good && len == strlen(cuts[i].box) + cuts[i].nuls,
			    "NULs of a power cut after %s stay", cuts[i].name);
			continue;
		}
		m = mailbox_at(path);
		ok(mailbox_count(m) == n && goes_on_from(cuts[i].box, false),
		    "NULs of a power cut after %s: a login", cuts[i].name);
		mailbox_close(m);
		cut_power(i);
		bool good = deliver("s@x", TEXT, strlen(TEXT)) == 0 &&
		            goes_on_from(cuts[i].box, true);
		m = mailbox_at(path);
		ok(good && mailbox_count(m) == n + 1,
		    "NULs of a power cut after %s: a delivery", cuts[i].name);
		mailbox_close(m);
	}
}

static const struct {
	const char *name, *sender, *text, *file;
} messages[] = {
	{ "a message", "alice@example.org", "A: b\n\nx\n",
	    "From alice@example.org Sun Nov 22 07:00:00 2026\n"
	    "Return-Path: <alice@example.org>\nA: b\n\nx\n\n" },
	{ "the null path", "", "A: b\n\nx\n",
	    "From MAILER-DAEMON Sun Nov 22 07:00:00 2026\n"
	    "Return-Path: <>\nA: b\n\nx\n\n" },
	{ "a sender with a blank", "\"a b\"@c", "A: b\n\nx\n",
	    "From \"a_b\"@c Sun Nov 22 07:00:00 2026\n"
	    "Return-Path: <\"a b\"@c>\nA: b\n\nx\n\n" },
	{ "no end of the last line", "a@b", "A: b\n\nx",
	    "From a@b Sun Nov 22 07:00:00 2026\n"
	    "Return-Path: <a@b>\nA: b\n\nx\n\n" },
	{ "nothing", "a@b", "",
	    "From a@b Sun Nov 22 07:00:00 2026\nReturn-Path: <a@b>\n\n" },
	{ "a quote for its last line", "a@b", "A: b\n\n>",
	    "From a@b Sun Nov 22 07:00:00 2026\n"
	    "Return-Path: <a@b>\nA: b\n\n>\n\n" },
};

static void
test_messages(void)
{
	struct stat st;

	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		size_t len;
		unlink(path);
		bool good = deliver(messages[i].sender, messages[i].text,
				strlen(messages[i].text)) == 0;
		char *data = scratch_read(path, &len);
		ok(good && strcmp(data, messages[i].file) == 0,
		    "a new mailbox with %s", messages[i].name);
		free(data);
	}
	ok(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600,
	    "a new mailbox is its owner's alone");
}

/* Delivers under a limit of the file's size, so that writing fails there. */
static bool
fails_cleanly(size_t limit, const char *text, size_t len)
{
	static const char box[] = "From a\nA: b\n\nx"; /* with a torn tail */
	struct rlimit old, now;
	size_t n;

	scratch_write(path, box, sizeof(box) - 1);
	scratch_write(message, text, len);
	getrlimit(RLIMIT_FSIZE, &old);
	now = old;
	now.rlim_cur = sizeof(box) - 1 + limit;
	int fd = open(message, O_RDONLY | O_CLOEXEC);
	struct append a = {
		.store = store_of(path), .sender = "a@b", .message = fd
	};
	/* The dotlock needs a few octets, too: they are below the limit. */
	setrlimit(RLIMIT_FSIZE, &now);
	int result = append_message(&a);
	int saved = errno;
	setrlimit(RLIMIT_FSIZE, &old);
	close(fd);
	char *data = scratch_read(path, &n);
	bool good = result == -1 && saved == EFBIG && strcmp(data, box) == 0;
	free(data);
	return good;
}

/* What a delivery with that quota does to a mailbox: its size then, or -1. */
static long
with_quota(uint64_t quota)
{
	static const char text[] = TEXT;
	struct stat st;

	scratch_write(path, "From a\nA: b\n\nx\n\n", 16);
	scratch_write(message, text, sizeof(text) - 1);
	int fd = open(message, O_RDONLY | O_CLOEXEC);
	struct append a = { .store = store_of(path),
		.sender = "a@b",
		.when = 1795330800,
		.quota = quota,
		.message = fd };
	int result = append_message(&a);
	bool right = result == 0 || errno == EDQUOT;
	close(fd);
	if (!right || stat(path, &st) == -1) {
		return -1;
	}
	return result == 0 || st.st_size == 16 ? (long)st.st_size : -1;
}

static void
test_quota(void)
{
	long whole = with_quota(0);

	ok(whole > 16, "without a quota");
	/* One octet is what quoting adds to this message. */
	ok(with_quota((uint64_t)whole - 1) == whole, "just room enough");
	ok(with_quota((uint64_t)whole - 2) == 16, "an octet too few: nothing");
	ok(with_quota(1) == 16, "a mailbox that is too large already");
}

static void
test_failures(void)
{
	struct bytes b = { .len = 0 };
	char lock[PATH_MAX];

	signal(SIGXFSZ, SIG_IGN);
	bytes_text(&b, "A: b\n\n");
	bytes_fill(&b, 'x', 300000);
	bytes_text(&b, "\n");
	ok(fails_cleanly(0, b.data, b.len), "no room for an octet");
	ok(fails_cleanly(1, b.data, b.len), "room for one octet");
	ok(fails_cleanly(1000, b.data, b.len), "room for a head");
	ok(fails_cleanly(65536, b.data, b.len), "room for one buffer");
	ok(fails_cleanly(299999, b.data, b.len), "room for nearly all");
	struct append a = {
		.store = store_of(path), .sender = "a@b", .message = -1
	};
	ok(append_message(&a) == -1 && errno == EBADF, "no message to read");
	size_t len;
	char *data = scratch_read(path, &len);
	ok(strcmp(data, "From a\nA: b\n\nx") == 0, "and nothing is changed");
	free(data);
	ok(access(scratch_path(lock, "box.lock"), F_OK) == -1,
	    "no lock is left behind");
	free(b.data);
	char sender[2000];
	memset(sender, 's', sizeof(sender));
	sender[sizeof(sender) - 1] = '\0';
	ok(deliver(sender, "A: b\n", 5) == -1 && errno == EINVAL,
	    "a sender that is too long");
}

/* Mail in a file of another kind would be seen by nobody who reads that. */
static void
test_foreign(void)
{
	static const char *const texts[] = {
		"text\n",
		"text",
		"Subject: x\n\ntext\n",
		"\x1f\x8b\x08",
		"\1\1\1\1\nFrom a\nA: b\n\nx\n\1\1\1\1\n",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		size_t len;
		scratch_write(path, texts[i], strlen(texts[i]));
		int result = deliver("s@x", TEXT, strlen(TEXT));
		bool refused = result == -1 && errno == FOREIGN_FILE;
		char *data = scratch_read(path, &len);
		ok(refused && strcmp(data, texts[i]) == 0,
		    "nothing is added to file %zu of another kind", i);
		free(data);
	}
}

/* ---- several at once ---- */

enum { GOOD, LONG_SENDER, NO_FILE, TOO_MUCH, BIG, JUST_TOO_BIG };

/* Messages of which some cannot be appended. */
static const struct {
	const char *name;
	size_t n;
	int kinds[5];
} batches[] = {
	{ "one", 1, { GOOD } },
	{ "three", 3, { GOOD, GOOD, GOOD } },
	{ "the first of three fails", 3, { LONG_SENDER, GOOD, GOOD } },
	{ "the second fails", 3, { GOOD, LONG_SENDER, GOOD } },
	{ "the last fails", 3, { GOOD, GOOD, LONG_SENDER } },
	{ "all fail", 3, { LONG_SENDER, NO_FILE, TOO_MUCH } },
	{ "some fail", 5, { NO_FILE, GOOD, TOO_MUCH, GOOD, NO_FILE } },
	{ "the first breaks off", 3, { BIG, GOOD, GOOD } },
	{ "the second breaks off", 3, { GOOD, BIG, GOOD } },
	{ "two break off", 4, { BIG, BIG, GOOD, BIG } },
	{ "all break off", 2, { BIG, BIG } },
	{ "the second breaks off in its only write", 3,
	    { GOOD, JUST_TOO_BIG, GOOD } },
	{ "and the last", 2, { GOOD, JUST_TOO_BIG } },
};

static char big[300000];

static struct append
one_of(int kind, size_t i)
{
	static const char text[] = "Subject: 1\n\ntext\nFrom x\n";
	static char many[2000];
	struct append a = { .store = store_of(path),
		.sender = "a@example.org",
		.when = 1795330800 + (time_t)i,
		.message = -1,
		.text = text,
		.len = strlen(text) };

	switch (kind) {
	case LONG_SENDER:
		memset(many, 's', sizeof(many) - 1);
		a.sender = many;
		break;
	case NO_FILE:
		a.text = NULL;
		break;
	case TOO_MUCH:
		a.quota = 1;
		break;
	case BIG: /* for RLIMIT_FSIZE */
		a.text = big;
		a.len = sizeof(big);
		break;
	case JUST_TOO_BIG: /* in one write, of which a part fits */
		a.text = big;
		a.len = APPEND_NOTE_WRITE - 1000;
		break;
	default:
		break;
	}
	return a;
}

/* The mailbox after a batch, or after its good messages one by one. */
static char *
after(size_t row, bool together, bool *told)
{
	struct append list[5];
	int errors[5] = { 0 };
	size_t n = batches[row].n, len;
	struct rlimit was, limit;
	bool tight = false;

	for (size_t i = 0; i < n; i++) {
		tight = tight || batches[row].kinds[i] == JUST_TOO_BIG;
	}
	scratch_write(path, "From a\nA: b\n\nx", 14);
	getrlimit(RLIMIT_FSIZE, &was);
	limit = (struct rlimit){ tight ? 20000 : 200000, was.rlim_max };
	setrlimit(RLIMIT_FSIZE, &limit);
	for (size_t i = 0; i < n; i++) {
		list[i] = one_of(batches[row].kinds[i], i);
		if (!together && batches[row].kinds[i] == GOOD &&
		    append_message(&list[i]) == -1) {
			*told = false;
		}
	}
	if (together && append_messages(list, n, errors) == -1) {
		*told = false;
	}
	for (size_t i = 0; i < n && together; i++) {
		*told = *told &&
		        (errors[i] == 0) == (batches[row].kinds[i] == GOOD);
	}
	setrlimit(RLIMIT_FSIZE, &was);
	return scratch_read(path, &len);
}

/* True if all in it can be read by its index, as by a look at the whole. */
static bool
is_listed_right(size_t count)
{
	struct mailbox *m = NULL;
	bool good = mailbox_open(&m, store_of(path), 1000) == 0 &&
	            mailbox_count(m) == count && mailbox_check(m) == 0;

	mailbox_close(m);
	return good;
}

static void
test_batches(void)
{
	signal(SIGXFSZ, SIG_IGN);
	memset(big, 'x', sizeof(big));
	for (size_t i = 0; i < sizeof(batches) / sizeof(batches[0]); i++) {
		bool told = true;
		size_t good = 0;
		for (size_t j = 0; j < batches[i].n; j++) {
			good += batches[i].kinds[j] == GOOD;
		}
		char *single = after(i, false, &told);
		char *all = after(i, true, &told);
		ok(told, "%s: each is told what became of it", batches[i].name);
		ok(strcmp(single, all) == 0, "%s: as if one by one",
		    batches[i].name);
		ok(is_listed_right(1 + good), "%s: all are listed",
		    batches[i].name);
		ok(!append_note_pending(
		       open(store_of(path)->directory, O_RDONLY | O_CLOEXEC)),
		    "%s: nothing is left to cut off", batches[i].name);
		free(single);
		free(all);
	}
	struct append list[APPEND_MOST + 1] = { { .message = -1 } };
	int errors[APPEND_MOST + 1];
	ok(append_messages(list, APPEND_MOST + 1, errors) == -1 &&
		errno == EINVAL,
	    "more than fit");
}

int
main(void)
{
	scratch_make();
	scratch_path(path, "box");
	scratch_path(message, "message");
	test_tails();
	test_power_cuts();
	test_messages();
	test_quota();
	test_failures();
	test_foreign();
	test_batches();
	return tap_done();
}
