/* SPDX-License-Identifier: ISC */
/*
 * Deleting messages: exactly those go, whatever others do to the mailbox
 * between our opening it and our expunging it, and nothing else changes.
 */
#include "spool/append.h"

#include "tests/unit/t-mailbox.h"
#include "tests/unit/tap.h"

#include <errno.h>

#define DATE " Sun Nov 22 07:00:00 2026"

enum { ROUNDS = 400, MOST = 24 };

static char path[PATH_MAX];

/* The model: each message as it lies in the file, and as a client sees it. */
struct model {
	struct bytes raw[MOST], plain[MOST];
	size_t count;
};

static void
model_clear(struct model *model)
{
	for (size_t i = 0; i < MOST; i++) {
		model->raw[i].len = model->plain[i].len = 0;
	}
	model->count = 0;
}

/* Adds a message; every fourth or so is one of three that come again. */
static void
model_add(struct model *model, bool unique)
{
	static unsigned number;
	struct bytes *raw = &model->raw[model->count];
	struct bytes *plain = &model->plain[model->count++];
	bool again = !unique && random_below(4) == 0;
	char text[64];

	snprintf(text, sizeof(text), "Subject: %u\n",
	    again ? (unsigned)random_below(3) : ++number + 10);
	bytes_text(raw, random_below(2) == 0 ? "From a\n" : "From b" DATE "\n");
	bytes_text(raw, text);
	bytes_text(raw, random_below(2) == 0 ? "Status: RO\n" : "");
	bytes_text(plain, text);
	if (!again) {
		size_t n = random_below(random_below(20) == 0 ? 400000 : 300);
		bytes_fill(raw, '\n', 1);
		bytes_fill(raw, 'x', n);
		bytes_text(raw, "\n>From x\n");
		bytes_fill(plain, '\n', 1);
		bytes_fill(plain, 'x', n);
		bytes_text(plain, "\nFrom x\n");
	}
	bytes_text(raw, "\n");
}

/* Writes what is left of the model. */
static void
model_write(const struct model *model, const bool *gone)
{
	struct bytes b = { .len = 0 };

	for (size_t i = 0; i < model->count; i++) {
		if (!gone[i]) {
			bytes_add(&b, model->raw[i].data, model->raw[i].len);
		}
	}
	scratch_write(path, b.data, b.len);
	free(b.data);
}

/* True if the file is what is left of the model. */
static bool
model_is(const struct model *model, const bool *gone)
{
	size_t len, at = 0;
	char *data = scratch_read(path, &len);
	bool good = true;

	for (size_t i = 0; good && i < model->count; i++) {
		const struct bytes *raw = &model->raw[i];
		if (!gone[i]) {
			good = raw->len <= len - at &&
			       memcmp(data + at, raw->data, raw->len) == 0;
			at += raw->len;
		}
	}
	free(data);
	return good && at == len;
}

/* Somebody else delivers. */
static void
append_raw(const struct bytes *raw)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

	scratch_need(
	    write(fd, raw->data, raw->len) == (ssize_t)raw->len, "write");
	close(fd);
}

static bool
all_uidls_differ(const struct mailbox *m)
{
	char a[MAILBOX_UIDL + 1], b[MAILBOX_UIDL + 1];
	bool good = true;

	for (size_t i = 0; i < mailbox_count(m); i++) {
		mailbox_uidl(mailbox_message(m, i), a);
		for (size_t k = 0; k < i; k++) {
			mailbox_uidl(mailbox_message(m, k), b);
			good = good && strcmp(a, b) != 0;
		}
	}
	return good;
}

struct result {
	unsigned opened, read, expunged, changed, doubles, inode;
};

static void
one_round(struct model *model, struct result *bad)
{
	bool none[MOST] = { false }, deleted[MOST] = { false };
	struct stat before, after;
	struct mailbox *m;

	model_clear(model);
	for (size_t n = 1 + random_below(12); n > 0; n--) {
		model_add(model, false);
	}
	size_t opened = model->count;
	model_write(model, none);
	m = mailbox_at(path);
	scratch_need(stat(path, &before) == 0, "stat");
	bad->opened += mailbox_count(m) != opened;
	bad->doubles += !all_uidls_differ(m);
	for (size_t n = random_below(3) * random_below(3); n > 0; n--) {
		model_add(model, false);
		append_raw(&model->raw[model->count - 1]);
	}
	size_t likely = 1 + random_below(4);
	for (size_t i = 0; i < opened; i++) {
		deleted[i] = random_below(likely) == 0;
		bad->read += random_below(4) == 0 &&
		             !mailbox_has(m, i, model->plain[i].data,
				 model->plain[i].len);
	}
	bad->expunged += expunge_from(m, deleted) != 0;
	bad->changed += !model_is(model, deleted);
	scratch_need(stat(path, &after) == 0, "stat");
	bad->inode +=
	    before.st_ino != after.st_ino || before.st_mode != after.st_mode;
	mailbox_close(m);
}

static void
test_random(struct model *model)
{
	struct result bad = { .opened = 0 };

	for (int i = 0; i < ROUNDS; i++) {
		one_round(model, &bad);
	}
	ok(bad.opened == 0, "%d random mailboxes open", ROUNDS);
	ok(bad.doubles == 0, "identical copies have UIDLs of their own");
	ok(bad.read == 0, "messages are read right while others deliver");
	ok(bad.expunged == 0, "each expunge succeeds");
	ok(bad.changed == 0, "what was deleted goes, nothing else changes");
	ok(bad.inode == 0, "the mailbox stays the same file");
}

/* Somebody else removes messages, too. */
static void
test_others(struct model *model)
{
	unsigned wrong = 0, misread = 0, left = 0;

	for (int round = 0; round < ROUNDS; round++) {
		bool none[MOST] = { false }, deleted[MOST] = { false };
		bool theirs[MOST], gone[MOST] = { false };
		struct mailbox *m;
		model_clear(model);
		for (size_t n = 2 + random_below(10); n > 0; n--) {
			model_add(model, true);
		}
		model_write(model, none);
		m = mailbox_at(path);
		for (size_t i = 0; i < model->count; i++) {
			theirs[i] = random_below(3) == 0;
			deleted[i] = random_below(3) == 0;
			gone[i] = theirs[i] || deleted[i];
		}
		model_write(model, theirs);
		for (size_t i = 0; i < model->count; i++) {
			struct received r = { .octets = 0 };
			int result = mailbox_get(m, i, &r);
			misread +=
			    result == 0
				? r.text.len != model->plain[i].len ||
				      memcmp(r.text.data, model->plain[i].data,
					  r.text.len) != 0
				: errno != ESTALE || !theirs[i];
			free(r.text.data);
		}
		wrong += expunge_from(m, deleted) != 0;
		left += !model_is(model, gone);
		mailbox_close(m);
	}
	ok(misread == 0,
	    "others delete: right text, or ESTALE when it is gone");
	ok(wrong == 0, "others delete: each expunge succeeds");
	ok(left == 0, "others delete: ours go, nobody else's");
}

/* Messages of one length, as cron sends them: offsets alone do not tell. */
static void
test_same_length(void)
{
	char box[512] = "", text[64];
	size_t len[4];
	struct mailbox *m;
	unsigned wrong = 0;

	for (int i = 0; i < 4; i++) {
		snprintf(text, sizeof(text), "From a\nSubject: %d\n\n", i);
		strlcat(box, text, sizeof(box));
		len[i] = strlen(text);
	}
	scratch_write(path, box, strlen(box));
	m = mailbox_at(path);
	scratch_write(path, box + len[0], strlen(box) - len[0]);
	for (int i = 0; i < 4; i++) {
		struct received r = { .octets = 0 };
		int result = mailbox_get(m, (size_t)i, &r);
		snprintf(text, sizeof(text), "Subject: %d\n", i);
		bool good = result == 0 ? strcmp(r.text.data, text) == 0
		                        : i == 0 && errno == ESTALE;
		if (!good) {
			note("message %d: %s", i,
			    result == 0 ? "another's text" : "not found");
		}
		wrong += !good;
		free(r.text.data);
	}
	ok(wrong == 0, "others delete one of many messages of one length");
	mailbox_close(m);
}

static const struct {
	const char *name, *box;
	bool deleted[4];
	const char *left;
	size_t count; /* of the messages left */
} cases[] = {
	{ "none deleted", "From a\nA: b\n\n", { false }, "From a\nA: b\n\n",
	    1 },
	{ "all deleted", "From a\nA: b\n\nFrom c\nC: d\n\n", { true, true }, "",
	    0 },
	{ "what stands in front stays", "Fro\n\nFrom a\nA: b\n\n", { true },
	    "Fro\n\n", 0 },
	{ "the first", "From a\nA: b\n\nFrom c\nC: d\n\n", { true, false },
	    "From c\nC: d\n\n", 1 },
	{ "the last, torn", "From a\nA: b\n\nFrom c\nC:", { false, true },
	    "From a\nA: b\n\n", 1 },
	{ "in front of a torn one",
	    "From a\nA: b\n\nFrom c\nC:", { true, false }, "From c\nC:", 1 },
	{ "the notes of others stay", "From a\nStatus: R\n\nFrom c\nC: d\n\n",
	    { false, true }, "From a\nStatus: R\n\n", 1 },
	{ "CRLF", "From a\r\nA: b\r\n\r\nFrom c\r\nC: d\r\n\r\n",
	    { true, false }, "From c\r\nC: d\r\n\r\n", 1 },
	{ "the pseudo message stays",
	    "From m\nX-IMAP: 1 2\n\nx\n\nFrom a\nA: b\n\n", { true },
	    "From m\nX-IMAP: 1 2\n\nx\n\n", 0 },
	{ "the first of two copies", "From a\nA: b\n\nFrom c\nA: b\n\n",
	    { true, false }, "From c\nA: b\n\n", 1 },
	{ "the second of two copies", "From a\nA: b\n\nFrom c\nA: b\n\n",
	    { false, true }, "From a\nA: b\n\n", 1 },
	/* The From_ line of the third has no date, so it needs an empty line
	   in front, which went with the second. */
	{ "what separates the others",
	    "From a\nA: b\n\nx\nFrom b" DATE "\nB: c\n\nFrom c\nC: d\n\n",
	    { false, true, false }, NULL, 2 },
	{ "what separates the others, CRLF",
	    "From a\r\nA: b\r\n\r\nx\r\nFrom b" DATE
	    "\r\nB: c\r\n\r\nFrom c\r\nC: d\r\n\r\n",
	    { false, true, false }, NULL, 2 },
};

static void
test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mailbox *m;
		size_t len;
		scratch_write(path, cases[i].box, strlen(cases[i].box));
		m = mailbox_at(path);
		bool good = expunge_from(m, cases[i].deleted) == 0;
		mailbox_close(m);
		char *left = scratch_read(path, &len);
		good = good && (cases[i].left == NULL ||
				   strcmp(left, cases[i].left) == 0);
		m = mailbox_at(path);
		ok(good && mailbox_count(m) == cases[i].count, "deleted: %s",
		    cases[i].name);
		mailbox_close(m);
		free(left);
	}
}

int
main(void)
{
	static struct model model;

	scratch_make();
	scratch_path(path, "box");
	test_random(&model);
	test_others(&model);
	test_same_length();
	test_cases();
	for (size_t i = 0; i < MOST; i++) {
		free(model.raw[i].data);
		free(model.plain[i].data);
	}
	return tap_done();
}
