/* SPDX-License-Identifier: ISC */
/*
 * The input as a mailbox: each message is as long as promised, and comes out
 * again when it is delivered as a message of its own.
 */
#include "spool/foreign.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/t-mailbox.h"

#include <errno.h>

enum { MOST = 64 };

static char path[PATH_MAX];

static struct mailbox *
open_box(const void *data, size_t len)
{
	scratch_write(path, data, len);
	return mailbox_at(path);
}

/* Our encoding has no CR at the end of a line, and no line without end. */
static bool
can_be_kept(const struct bytes *text)
{
	return memchr(text->data, '\r', text->len) == NULL;
}

static void
deliver_again(const struct bytes *texts, size_t count)
{
	struct bytes box = { .len = 0 };

	for (size_t i = 0; i < count; i++) {
		MUST(mailbox_add(&box, texts[i].data, texts[i].len, 7));
	}
	struct mailbox *m = open_box(box.data, box.len);
	MUST(mailbox_count(m) == count);
	for (size_t i = 0; i < count; i++) {
		MUST(mailbox_has(m, i, texts[i].data, texts[i].len));
	}
	mailbox_close(m);
	free(box.data);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct received messages[MOST];
	static struct bytes texts[MOST];
	size_t kept = 0;

	if (scratch_dir[0] == '\0') {
		scratch_make();
		scratch_path(path, "box");
	}
	scratch_write(path, data, size);
	struct mailbox *m = NULL;
	if (mailbox_open(&m, store_of(path), 1000) == -1) {
		MUST(errno == FOREIGN_FILE);
		return 0;
	}
	MUST(mailbox_identify(m) == 0);
	MUST(mailbox_scans_alike(m, path));
	for (size_t i = 0; i < mailbox_count(m) && i < MOST; i++) {
		struct received *r = &messages[i];
		MUST(mailbox_get(m, i, r) == 0);
		MUST(r->octets == mailbox_message(m, i)->octets);
		if (can_be_kept(&r->text)) {
			texts[kept++] = r->text;
		}
	}
	mailbox_close(m);
	if (kept > 0) {
		deliver_again(texts, kept);
	}
	return 0;
}
