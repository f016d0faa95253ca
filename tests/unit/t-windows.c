/* SPDX-License-Identifier: ISC */
/*
 * Long lines and large messages: the scanner looks at a mailbox through a
 * window of 256 KiB, the reader through one of 1 MiB, and what lies across
 * their borders must come out like everything else, and as long as promised.
 */
#include "tests/unit/t-mailbox.h"
#include "tests/unit/tap.h"

enum { KIB = 1024, NEAR = 8 };

static const size_t borders[] = { 256 * KIB, 512 * KIB, 1024 * KIB };

static char path[PATH_MAX];

/* True if the one message of a mailbox, between two others, is this. */
static bool
check(const struct bytes *box, const struct bytes *want)
{
	struct mailbox *m;

	scratch_write(path, box->data, box->len);
	m = mailbox_at(path);
	bool good = mailbox_count(m) == 3 && mailbox_has(m, 0, "A: b\n", 5) &&
	            mailbox_has(m, 1, want->data, want->len) &&
	            mailbox_has(m, 2, "C: d\n", 5) &&
	            mailbox_scans_alike(m, path);
	mailbox_close(m);
	return good;
}

/* A message as we write it must come out as it came in. */
static bool
survives(const struct bytes *message)
{
	struct bytes box = { .len = 0 };
	bool good = mailbox_add(&box, "A: b\n", 5, 10);

	good = good && mailbox_add(&box, message->data, message->len, 70000);
	good =
	    good && mailbox_add(&box, "C: d\n", 5, 10) && check(&box, message);
	free(box.data);
	return good;
}

/* One long line: what stands in front of its filling, and after it. */
static const struct {
	const char *name, *before, *front;
	char fill;
	const char *back;
} long_lines[] = {
	{ "text", "A: b\n\n", "", 'x', "" },
	{ "text that ends in a CR", "A: b\n\n", "", 'x', "\rx" },
	{ "quotes", "A: b\n\n", "", '>', "" },
	{ "quotes and text", "A: b\n\n", "", '>', "text" },
	{ "quotes and a From_ line", "A: b\n\n", "", '>', "From x" },
	{ "quotes and a part of one", "A: b\n\n", "", '>', "Fro" },
	{ "a From_ line", "A: b\n\n", "From ", 'x', "" },
	{ "quotes and a From_ line in the header", "", "", '>', "From x" },
	{ "a header field", "", "A: ", 'x', "" },
	{ "a field with the name of a note", "", "Status: ", 'x', "" },
	{ "a fold after such a field", "Status: x\n", " ", 'x', "Status: x" },
	{ "NULs", "A: b\n\n", "", '\0', "" },
};

/*
 * True if a message survives whose long line reaches from the border to as
 * many octets beyond as shift says.
 */
static bool
long_line(size_t i, size_t border, int shift)
{
	struct bytes b = { .len = 0 };
	size_t around =
	    strlen(long_lines[i].front) + strlen(long_lines[i].back);

	bytes_text(&b, long_lines[i].before);
	bytes_text(&b, long_lines[i].front);
	bytes_fill(
	    &b, long_lines[i].fill, (size_t)((long)(border - around) + shift));
	bytes_text(&b, long_lines[i].back);
	bytes_text(&b, "\nStatus: x\n\nmore\n>From y\n");
	bool good = survives(&b);
	free(b.data);
	return good;
}

static void
test_long_lines(void)
{
	for (size_t i = 0; i < sizeof(long_lines) / sizeof(long_lines[0]);
	     i++) {
		for (size_t k = 0; k < sizeof(borders) / sizeof(borders[0]);
		     k++) {
			unsigned bad = 0;
			for (int shift = -NEAR; shift <= NEAR; shift++) {
				if (!long_line(i, borders[k], shift)) {
					note("%d octets off", shift);
					bad++;
				}
			}
			ok(bad == 0, "a line of %zu KiB: %s", borders[k] / KIB,
			    long_lines[i].name);
		}
	}
}

/* What begins some octets before a border, after lines of plain text. */
static const struct {
	const char *name, *text;
} across[] = {
	{ "a quoted From_ line", "From alice\n" },
	{ "a From_ line quoted twice", ">>From alice\n" },
	{ "empty lines", "\n\n\n\n\n\n\n\n\n\n\n\n" },
	{ "text like a note", "Status: x\n" },
};

/* True if a message survives in which that stands at offset at. */
static bool
text_at(const char *header, const char *text, size_t at)
{
	struct bytes b = { .len = 0 };

	bytes_text(&b, header);
	while (b.len + 64 < at) {
		bytes_text(&b, "A: 45678901234567890123456789"
			       "0123456789012345678901234567890123\n");
	}
	bytes_text(&b, "A:");
	bytes_fill(&b, 'x', at - b.len - 1);
	bytes_text(&b, "\n");
	bytes_text(&b, text);
	bytes_text(&b, "A: b\nlast\n");
	bool good = survives(&b);
	free(b.data);
	return good;
}

static void
test_across(void)
{
	/* In front of the message: another one, and its own From_ line. */
	static const size_t head = 54 + 48;

	for (size_t i = 0; i < sizeof(across) / sizeof(across[0]) * 4; i++) {
		bool header = i % 2 == 0, scanner = i / 2 % 2 == 0;
		size_t at = scanner ? 256 * KIB - head : 1024 * KIB;
		unsigned bad = 0;
		for (size_t before = 0; before < 16; before++) {
			bad += !text_at(header ? "" : "A: b\n\n",
			    across[i / 4].text, at - before);
		}
		ok(bad == 0, "%s at the border of the %s, in a %s",
		    across[i / 4].name, scanner ? "scanner" : "reader",
		    header ? "header section" : "body");
	}
}

/* CRLF, where the window ends between CR and LF, or in front. */
static void
test_crlf(void)
{
	for (size_t k = 0; k < sizeof(borders) / sizeof(borders[0]); k++) {
		unsigned bad = 0;
		for (int shift = -NEAR; shift <= NEAR; shift++) {
			struct bytes box = { .len = 0 }, want = { .len = 0 };
			size_t n = (size_t)((long)borders[k] + shift);
			bytes_text(&box, "From a\r\nA: b\r\n\r\n"
					 "From b\r\nA: b\r\n\r\n");
			bytes_fill(&box, 'x', n);
			bytes_text(&box, "\r\ny\r\n\r\n"
					 "From c\r\nC: d\r\n\r\n");
			bytes_text(&want, "A: b\n\n");
			bytes_fill(&want, 'x', n);
			bytes_text(&want, "\ny\n");
			bad += !check(&box, &want);
			free(box.data);
			free(want.data);
		}
		ok(bad == 0, "a line of %zu KiB that ends in CRLF",
		    borders[k] / KIB);
	}
}

/* From_ lines of other messages at each place near a border of the file. */
static void
test_separators(void)
{
	unsigned bad = 0;

	for (size_t n = 256 * KIB - 170; n <= 256 * KIB + NEAR; n++) {
		struct bytes box = { .len = 0 }, want = { .len = 0 };
		bytes_text(&want, "A: b\n\n");
		bytes_fill(&want, 'x', n);
		bytes_text(&want, "\n");
		mailbox_add(&box, "A: b\n", 5, 10);
		mailbox_add(&box, want.data, want.len, want.len);
		mailbox_add(&box, "C: d\n", 5, 10);
		bad += !check(&box, &want);
		free(box.data);
		free(want.data);
	}
	ok(bad == 0, "From_ lines across a border");
}

/*
 * A From_ line that is longer than a window is still one line.  Behind an empty
 * line, where its date would have to be seen, it is a paragraph of text.
 */
static void
test_long_from(void)
{
	for (size_t k = 0; k < sizeof(borders) / sizeof(borders[0]); k++) {
		struct bytes box = { .len = 0 }, want = { .len = 0 };
		bytes_text(&want, "B: c\n\nFrom ");
		bytes_fill(&want, 'x', borders[k]);
		bytes_text(&want, "\nA: b\n");
		bytes_text(&box, "From ");
		bytes_fill(&box, 'x', borders[k]);
		bytes_text(&box, "\nA: b\n\nFrom b\n");
		bytes_add(&box, want.data, want.len);
		bytes_text(&box, "\nFrom c\nC: d\n\n");
		ok(check(&box, &want), "a From_ line of %zu KiB",
		    borders[k] / KIB);
		free(box.data);
		free(want.data);
	}
}

int
main(void)
{
	scratch_make();
	scratch_path(path, "box");
	test_long_lines();
	test_across();
	test_crlf();
	test_separators();
	test_long_from();
	return tap_done();
}
