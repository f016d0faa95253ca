/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_TESTS_UNIT_T_MAILBOX_H
#define RESTANTE_TESTS_UNIT_T_MAILBOX_H

#include "spool/mailbox.h"
#include "spool/scan.h"
#include "spool/store.h"
#include "spool/visible.h"
#include "tests/unit/t-scratch.h"

#include <errno.h>

/* Messages into mailboxes as our delivery writes them, and out as POP3 does. */

/* The store of a mailbox, with a directory in the scratch folder. */
UNUSED static const struct store *
store_of(const char *path)
{
	static struct store store;
	int n = snprintf(store.directory, sizeof(store.directory), "%s/%s",
	    scratch_dir, scratch_inner);

	scratch_need(n > 0 && (size_t)n < sizeof(store.directory) &&
			 strlen(path) < sizeof(store.mailbox),
	    "store_of");
	memcpy(store.mailbox, path, strlen(path) + 1);
	if (mkdir(store.directory, 0700) == -1 && errno != EEXIST) {
		scratch_need(false, store.directory);
	}
	return &store;
}

UNUSED static int
expunge_from(struct mailbox *m, const bool *deleted)
{
	struct mailbox_update u = { .deleted = deleted };

	return mailbox_update(m, &u, 0);
}

UNUSED static struct mailbox *
mailbox_at(const char *path)
{
	struct mailbox *m;

	scratch_need(mailbox_open(&m, store_of(path), 0) == 0, "mailbox_open");
	scratch_need(mailbox_identify(m) == 0, "mailbox_identify");
	return m;
}

UNUSED static void
mailbox_sink(void *context, const char *data, size_t len)
{
	bytes_add(context, data, len);
}

/*
 * Adds a message to a mailbox, encoded in random pieces of up to most octets;
 * false: the encoder held back more than it may.
 */
UNUSED static bool
mailbox_add(struct bytes *box, const char *data, size_t len, size_t most)
{
	struct mbox_encoder e = { .body = false };
	size_t at = 0, more = 0;

	bytes_text(box, "From alice@example.org Sun Nov 22 07:00:00 2026\n");
	while (at < len) {
		size_t n = more + 1 + random_below(most);
		n = n < len - at ? n : len - at;
		size_t taken = mbox_encode(
		    &e, data + at, n, at + n == len, mailbox_sink, box);
		if (taken > n || n - taken > MBOX_LOOKAHEAD ||
		    (taken < n && at + n == len)) {
			return false;
		}
		more = n - taken;
		at += taken;
	}
	bytes_text(box, len > 0 && data[len - 1] != '\n' ? "\n\n" : "\n");
	return true;
}

/* What a client gets of a message, with LF for CRLF, and its octets. */
struct received {
	struct bytes text;
	uint64_t octets;
	bool open; /* the last line has not ended */
};

UNUSED static bool
mailbox_take_line(void *context, const struct mbox_line *line)
{
	struct received *r = context;

	bytes_add(&r->text, line->text, line->len);
	if (line->ends) {
		bytes_text(&r->text, "\n");
	}
	r->octets += line->len + (line->ends ? 2 : 0);
	r->open = !line->ends;
	return true;
}

/* Reads a message; 0, or -1 with errno. */
UNUSED static int
mailbox_get(struct mailbox *m, size_t index, struct received *r)
{
	r->text.len = 0;
	r->octets = 0;
	r->open = false;
	int result = mailbox_read(m, index, mailbox_take_line, r);
	if (r->open) {
		bytes_text(&r->text, "\n"); /* as pop3d ends it */
		r->octets += 2;
	}
	bytes_add(&r->text, "", 1);
	r->text.len--;
	return result;
}

/* True if a message is this, and as long as was promised. */
UNUSED static bool
mailbox_has(struct mailbox *m, size_t index, const char *text, size_t len)
{
	struct received r = { .octets = 0 };
	bool good = mailbox_get(m, index, &r) == 0 && r.text.len == len &&
	            memcmp(r.text.data, text, len) == 0 &&
	            mailbox_message(m, index)->octets == r.octets;

	free(r.text.data);
	return good;
}

/* The same but for the number of the copy, which outlives copies in front. */
UNUSED static bool
message_same(const struct message *a, const struct message *b)
{
	return a->start == b->start && a->text == b->text && a->end == b->end &&
	       a->next == b->next && a->octets == b->octets &&
	       a->ascii == b->ascii && a->raw == b->raw &&
	       a->print == b->print && !b->unknown &&
	       memcmp(a->id, b->id, sizeof(a->id)) == 0;
}

/*
 * True if a mailbox just opened is what a scan of its file finds, and what
 * another opening finds, which has an index.
 */
UNUSED static bool
mailbox_scans_alike(const struct mailbox *m, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct mailbox *again = mailbox_at(path);
	struct crypto_hash hash;
	struct message *list;
	size_t count, n = mailbox_count(m);

	crypto_hash_begin(&hash);
	if (scan_mailbox(fd, 0, &list, &count) == -1) {
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		if (visible_digest(fd, &list[i], &hash) == -1) {
			return false;
		}
	}
	close(fd);
	size_t hidden = count - n;
	bool good = hidden <= 1 && (hidden == 0 || list[0].pseudo) &&
	            mailbox_count(again) == n;
	for (size_t i = 0; good && i < n; i++) {
		good =
		    message_same(&list[i + hidden], mailbox_message(m, i)) &&
		    message_same(&list[i + hidden], mailbox_message(again, i));
	}
	free(list);
	mailbox_close(again);
	return good;
}

#endif
