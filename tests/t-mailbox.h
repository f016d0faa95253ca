/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_TESTS_T_MAILBOX_H
#define RESTANTE_TESTS_T_MAILBOX_H

#include "spool/mailbox.h"
#include "spool/scan.h"
#include "tests/t-scratch.h"

/* Messages into mailboxes as our delivery writes them, and out as POP3 does. */

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

/* Whether a message is this, and as long as was promised. */
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

/* What scan_mailbox() finds in a file is what mailbox_open() does. */
UNUSED static bool
mailbox_scans_alike(const struct mailbox *m, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct message *list;
	size_t count;

	if (scan_mailbox(fd, &list, &count) == -1) {
		return false;
	}
	close(fd);
	size_t hidden = count - mailbox_count(m);
	bool good = hidden <= 1 && (hidden == 0 || list[0].pseudo);
	for (size_t i = 0; good && i < mailbox_count(m); i++) {
		good = memcmp(&list[i + hidden], mailbox_message(m, i),
			   sizeof(*list)) == 0;
	}
	free(list);
	return good;
}

#endif
