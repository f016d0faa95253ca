/* SPDX-License-Identifier: ISC */
/*
 * The mailbox format, line by line: what is quoted, what is hidden, and what
 * is taken for the start of a message.
 */
#include "spool/mbox.h"

#include "tests/unit/t-mailbox.h"
#include "tests/unit/tap.h"

static const struct {
	const char *name, *plain, *coded;
} codes[] = {
	{ "nothing", "", "" },
	{ "text", "A: b\n\ntext\n", "A: b\n\ntext\n" },
	{ "a From_ line", "\nFrom x\n", "\n>From x\n" },
	{ "a From_ line alone", "From x\n", ">From x\n" },
	{ "a From_ line without end", "\nFrom x", "\n>From x" },
	{ "From and a blank", "\nFrom ", "\n>From " },
	{ "From and no blank", "\nFrom", "\nFrom" },
	{ "From and a colon", "\nFrom: x\n", "\nFrom: x\n" },
	{ "From in lower case", "\nfrom x\n", "\nfrom x\n" },
	{ "From inside a line", "\nx From x\n", "\nx From x\n" },
	{ "From after a blank", "\n From x\n", "\n From x\n" },
	{ "a quoted From_ line", "\n>From x\n", "\n>>From x\n" },
	{ "one quoted thrice", "\n>>>From x\n", "\n>>>>From x\n" },
	{ "quotes of other text", "\n>> text\n>\n", "\n>> text\n>\n" },
	{ "quotes and a blank", "\n> From x\n", "\n> From x\n" },
	{ "a From_ line in the header", "From x\nA: b\n", ">From x\nA: b\n" },
	{ "Status", "Status: x\n", "X-Restante-Status: x\n" },
	{ "Status in lower case", "status: x\n", "X-Restante-status: x\n" },
	{ "Status, folded", "Status: x\n y\nA: b\n",
	    "X-Restante-Status: x\n y\nA: b\n" },
	{ "Status without end", "Status: x", "X-Restante-Status: x" },
	{ "X-Status", "A: b\nX-Status: x\n", "A: b\nX-Restante-X-Status: x\n" },
	{ "X-UID", "X-UID: 1\n", "X-Restante-X-UID: 1\n" },
	{ "X-Keywords", "X-Keywords: a\n", "X-Restante-X-Keywords: a\n" },
	{ "X-IMAP", "X-IMAP: 1 1\n", "X-Restante-X-IMAP: 1 1\n" },
	{ "X-IMAPbase", "X-IMAPbase: 1\n", "X-Restante-X-IMAPbase: 1\n" },
	{ "Content-Length", "Content-Length: 1\n",
	    "X-Restante-Content-Length: 1\n" },
	{ "our own prefix", "X-Restante-Status: x\n",
	    "X-Restante-X-Restante-Status: x\n" },
	{ "our own prefix alone", "x-restante-: x\n",
	    "X-Restante-x-restante-: x\n" },
	{ "the field of noted UIDLs", "X-Restante-UIDL: x\n",
	    "X-Restante-X-Restante-UIDL: x\n" },
	{ "no name of theirs", "Statuss: x\nX-Statu: x\nContent-Type: x\n",
	    "Statuss: x\nX-Statu: x\nContent-Type: x\n" },
	{ "Status in the body", "\nStatus: x\n", "\nStatus: x\n" },
	{ "Status in a fold", "A: b\n Status: x\n", "A: b\n Status: x\n" },
	{ "Status after a quote", ">Status: x\n", ">Status: x\n" },
};

static void
test_encode(void)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		size_t len = strlen(codes[i].plain);
		bool good = true;
		for (size_t split = 0; split <= len; split++) {
			struct mbox_encoder e = { .body = false };
			struct bytes b = { .len = 0 };
			size_t at = mbox_encode(
			    &e, codes[i].plain, split, false, mailbox_sink, &b);
			good = good && split - at <= MBOX_LOOKAHEAD;
			at += mbox_encode(&e, codes[i].plain + at, len - at,
			    true, mailbox_sink, &b);
			good = good && at == len &&
			       b.len == strlen(codes[i].coded) &&
			       (len == 0 ||
				   memcmp(b.data, codes[i].coded, b.len) == 0);
			free(b.data);
		}
		ok(good, "encode %s", codes[i].name);
	}
}

/* Decodes a whole text, line by line. */
static struct bytes
decode(const char *text, size_t len, struct mbox_decoder *d)
{
	struct bytes b = { .len = 0 };
	struct mbox_window w = {
		.data = text, .len = len, .last = true, .begins = true
	};
	struct mbox_line line;

	while (mbox_next_line(&w, &line)) {
		if (mbox_decode(d, &line)) {
			bytes_add(&b, line.text, line.len);
			bytes_text(&b, line.ends ? "\n" : "");
		}
	}
	return b;
}

static const struct {
	const char *name, *coded, *plain;
	bool pseudo;
} foreign[] = {
	{ "Status is not shown", "A: b\nStatus: RO\nC: d\n", "A: b\nC: d\n",
	    false },
	{ "nor what is folded after it", "Status: RO\n x\n\ty\nC: d\n",
	    "C: d\n", false },
	{ "but a fold after another field", "A: b\n x\n", "A: b\n x\n", false },
	{ "Status in the body is", "A: b\n\nStatus: RO\n",
	    "A: b\n\nStatus: RO\n", false },
	{ "other fields of mail readers",
	    "X-Status: A\nX-UID: 7\nX-Keywords: k\nContent-Length: 9\n"
	    "X-IMAPbase: 1 2\nA: b\n",
	    "A: b\n", false },
	{ "a noted UIDL", "X-Restante-UIDL: 7\nUIDL: 8\nA: b\n",
	    "UIDL: 8\nA: b\n", false },
	{ "our prefix where we put none", "X-Restante-A: b\n",
	    "X-Restante-A: b\n", false },
	{ "our prefix alone at the end", "A: b\nX-Restante-",
	    "A: b\nX-Restante-", false },
	{ "our prefix alone on a line", "X-Restante-\n\nx\n",
	    "X-Restante-\n\nx\n", false },
	{ "their names in any case", "STATUS: RO\nx-uid: 7\n", "", false },
	{ "X-IMAP tells a pseudo message", "X-IMAP: 1 2\n\nx\n", "\nx\n",
	    true },
	{ "X-IMAP in the body does not", "\nX-IMAP: 1 2\n", "\nX-IMAP: 1 2\n",
	    false },
	{ "a quoted From_ line", "\n>From x\n", "\nFrom x\n", false },
	{ "CRLF line ends", "A: b\r\nStatus: R\r\n\r\nStatus: R\r\n",
	    "A: b\n\nStatus: R\n", false },
	{ "CR CR LF keeps a CR", "\na\r\r\n", "\na\r\n", false },
	{ "a CR inside stays", "\na\rb\n", "\na\rb\n", false },
	{ "no end", "\ntext", "\ntext", false },
	{ "a quote at the end", "\ntext\n>", "\ntext\n>", false },
};

static void
test_decode(void)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct mbox_decoder d = { .body = false };
		struct bytes b =
		    decode(codes[i].coded, strlen(codes[i].coded), &d);
		ok(b.len == strlen(codes[i].plain) &&
			(b.len == 0 ||
			    memcmp(b.data, codes[i].plain, b.len) == 0) &&
			!d.pseudo,
		    "decode %s", codes[i].name);
		free(b.data);
	}
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		struct mbox_decoder d = { .body = false };
		struct bytes b =
		    decode(foreign[i].coded, strlen(foreign[i].coded), &d);
		ok(b.len == strlen(foreign[i].plain) &&
			(b.len == 0 ||
			    memcmp(b.data, foreign[i].plain, b.len) == 0) &&
			d.pseudo == foreign[i].pseudo,
		    "%s", foreign[i].name);
		free(b.data);
	}
}

static const struct {
	const char *text;
	bool from, strict;
} from_lines[] = {
	{ "From alice Sun Nov 22 07:00:00 2026", true, true },
	{ "From alice@example.org Sun Nov  1 07:00:00 2026", true, true },
	{ "From MAILER-DAEMON Sun Nov 22 07:00:00 1999", true, true },
	{ "From alice Sun Nov 22 07:00 2026", true, true },
	{ "From alice Sun Nov 22 07:00:00 CET 2026", true, true },
	{ "From alice Sun Nov 22 07:00:00 Europe/Berlin 2026", true, true },
	{ "From alice Sun Nov 22 07:00:00 MET DST 2026", true, false },
	{ "From alice Sun Nov 22 07:00:00 2026 +0100", true, true },
	{ "From alice Sun Nov 22 07:00:00 2026 remote from x", true, true },
	{ "From \"a b\"@example.org Sun Nov 22 07:00:00 2026", true, true },
	{ "From alice", true, false },
	{ "From x", true, false },
	{ "From alice in 1999 we had", true, false },
	{ "From 12:30 on we wait", true, false },
	{ "From the year 2026", true, false },
	{ "From host1 at 12:00:01 in 1999 it failed", true, false },
	{ "From Mon Jan 1 00:00:00 2024", true, false },
	{ "From then on, Mon Jan  1 00:00:00 2024 was a date", true, false },
	{ "From x Mon Jan  1 00:00 2024", true, true },
	{ "From x Mon Jan 1 00:00:00 +0100 2024", true, true },
	{ "From x Mon, 1 Jan 2024 00:00:00 +0000", true, true },
	{ "From x Mon Jan  1 2024 00:00:00", true, false },
	{ "From x Mon 1 Jan 00:00:00 2024", true, false },
	{ "From x Jan  1 00:00:00 2024", true, false },
	{ "From x Mon Jan  1 0:00:00 2024", true, false },
	{ "From x 2024-01-01 00:00:00", true, false },
	{ "From a b Mon Jan  1 00:00:00 2024", true, false },
	{ "From x mon jan  1 00:00:00 2024", true, true },
	{ "From - Mon Jan 01 00:00:00 2024", true, true },
	{ "From x Monday Jan  1 00:00:00 2024", true, false },
	{ "From x Mon Jan 001 00:00:00 2024", true, false },
	{ "From x Mon Jan  1 at 00:00:00 2024", true, false },
	{ "From x Mon Foo  1 00:00:00 2024", true, false },
	{ "From x Mon Jan  1 00:00:00 2024and more", true, false },
	{ "From alice Sun Nov 22 07:00:00 26", true, false },
	{ "From alice Sun Nov 22 07:00:00 12026", true, false },
	{ "From alice Sun Nov 22 7 2026", true, false },
	{ "From 2026", true, false },
	{ "From ", false, false },
	{ "From", false, false },
	{ "From: alice", false, false },
	{ "from alice Sun Nov 22 07:00:00 2026", false, false },
	{ ">From alice Sun Nov 22 07:00:00 2026", false, false },
	{ " From alice Sun Nov 22 07:00:00 2026", false, false },
	{ "", false, false },
};

static void
test_from(void)
{
	for (size_t i = 0; i < sizeof(from_lines) / sizeof(from_lines[0]);
	     i++) {
		struct mbox_line line = { .text = from_lines[i].text,
			.len = strlen(from_lines[i].text),
			.begins = true,
			.ends = true };
		ok(mbox_is_from(&line, false) == from_lines[i].from &&
			mbox_is_from(&line, true) == from_lines[i].strict,
		    "%s: \"%s\"",
		    from_lines[i].strict ? "a From_ line with a date"
		    : from_lines[i].from ? "a From_ line"
					 : "none",
		    from_lines[i].text);
		line.begins = false;
		ok(!mbox_is_from(&line, false), "never inside a line");
	}
}

int
main(void)
{
	test_encode();
	test_decode();
	test_from();
	return tap_done();
}
