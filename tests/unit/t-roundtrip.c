/* SPDX-License-Identifier: ISC */
/*
 * What comes in comes out: generated messages, made of all that the mailbox
 * format has to change (From_ lines, fields of mail readers), encoded in
 * pieces, scanned and read again.
 */
#include "tests/unit/t-mailbox.h"
#include "tests/unit/tap.h"

enum { BOXES = 250, PER_BOX = 100 };

static const char *const names[] = { "Subject", "Received", "Status", "status",
	"STATUS", "X-Status", "X-UID", "X-Keywords", "X-IMAP", "x-imap",
	"X-IMAPbase", "Content-Length", "content-length", "Content-Type",
	"Statu", "Statuss", "Status ", "X-IMAPbas", "X-Restante-Status",
	"X-Restante-", "x-restante-x", "X-RESTANTE-X-Restante-Status",
	"X-Restante", "X-Restante-From", "From", "From ", ">Status", " Status",
	"C", "S", "X", "F", "" };

static const char *const lines[] = { "From ", "From alice", "From",
	"From: alice", "Fro", "F", "from alice", " From alice", "FROM alice",
	"From alice@example.org Sun Nov 22 07:00:00 2026", "Status: RO",
	"X-IMAP: 1 2", "X-Restante-Status: x", ".", "..", "text", "more text",
	"", "", "-- ", "\t", "\303\274", "\377\376", "FromFrom From ", "X" };

/* A run of quotes, mostly short. */
static void
add_quotes(struct bytes *b)
{
	size_t n = random_below(40) == 0 ? random_below(5000) : random_below(4);

	bytes_fill(b, '>', n);
}

static void
add_line(struct bytes *b)
{
	if (random_below(2) == 0) {
		add_quotes(b);
	}
	bytes_text(b, lines[random_below(sizeof(lines) / sizeof(lines[0]))]);
	if (random_below(8) == 0) {
		bytes_fill(b, (char)(random_below(3) == 0 ? '\0' : 'x'),
		    random_below(90));
	}
	bytes_text(b, "\n");
}

static void
add_field(struct bytes *b)
{
	bytes_text(b, names[random_below(sizeof(names) / sizeof(names[0]))]);
	bytes_text(b, random_below(12) == 0 ? " : x" : ": x");
	bytes_fill(b, 'y', random_below(4) == 0 ? random_below(120) : 3);
	bytes_text(b, "\n");
	while (random_below(4) == 0) {
		bytes_text(b, random_below(2) == 0 ? " " : "\t");
		add_line(b);
	}
}

/* A message; some have no header section, no body, or no last line end. */
static void
generate(struct bytes *b)
{
	for (size_t n = random_below(6); n > 0; n--) {
		if (random_below(5) == 0) {
			add_line(b);
		} else {
			add_field(b);
		}
	}
	if (random_below(8) != 0) {
		bytes_text(b, "\n");
	}
	for (size_t n = random_below(8); n > 0; n--) {
		if (random_below(6) == 0) {
			add_field(b);
		} else {
			add_line(b);
		}
	}
	if (random_below(10) == 0 && b->len > 0) {
		b->len--; /* most often the last LF */
	}
}

/* The whole of a message that did not come out as it came in. */
static void
show(const char *what, const char *data, size_t len)
{
	char text[2000];
	size_t n = 0;

	for (size_t i = 0; i < len && n < sizeof(text) - 5; i++) {
		unsigned char c = (unsigned char)data[i];
		n += (size_t)(c >= 0x20 && c < 0x7f && c != '\\'
				  ? snprintf(text + n, 5, "%c", c)
				  : snprintf(text + n, 5, "\\x%02x", c));
	}
	text[n] = '\0';
	note("%s %s", what, text);
}

struct messages {
	struct bytes text[PER_BOX];
	unsigned encoded_badly, wrong, miscounted, scanned_differently;
};

static void
check_box(struct messages *all, const char *path)
{
	struct mailbox *m;
	struct received r = { .octets = 0 };

	m = mailbox_at(path);
	if (mailbox_count(m) != PER_BOX) {
		all->miscounted++;
		mailbox_close(m);
		return;
	}
	for (size_t i = 0; i < PER_BOX; i++) {
		struct bytes *want = &all->text[i];
		if (want->len > 0 && want->data[want->len - 1] != '\n') {
			bytes_text(want, "\n");
		}
		bool good = mailbox_get(m, i, &r) == 0 &&
		            r.text.len == want->len &&
		            memcmp(r.text.data, want->data, want->len) == 0 &&
		            mailbox_message(m, i)->octets == r.octets;
		if (!good && all->wrong++ < 3) {
			show("in ", want->data, want->len);
			show("out", r.text.data, r.text.len);
		}
	}
	all->scanned_differently += !mailbox_scans_alike(m, path);
	free(r.text.data);
	mailbox_close(m);
}

int
main(void)
{
	static struct messages all;
	struct bytes box = { .len = 0 };
	char path[PATH_MAX];

	scratch_make();
	scratch_path(path, "box");
	for (int i = 0; i < BOXES; i++) {
		box.len = 0;
		for (size_t k = 0; k < PER_BOX; k++) {
			all.text[k].len = 0;
			generate(&all.text[k]);
			size_t most = random_below(3) == 0 ? 1 : 200;
			all.encoded_badly += !mailbox_add(
			    &box, all.text[k].data, all.text[k].len, most);
		}
		scratch_write(path, box.data, box.len);
		check_box(&all, path);
	}
	ok(all.encoded_badly == 0, "the encoder takes all but a lookahead");
	ok(all.miscounted == 0, "%d mailboxes have %d messages each", BOXES,
	    PER_BOX);
	ok(all.wrong == 0, "%d messages come out as they came in",
	    BOXES * PER_BOX);
	ok(all.scanned_differently == 0, "a scan says the same as an opening");
	for (size_t k = 0; k < PER_BOX; k++) {
		free(all.text[k].data);
	}
	free(box.data);
	return tap_done();
}
