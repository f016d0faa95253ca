/* SPDX-License-Identifier: ISC */
/*
 * Filters: their packets, their answers, and what they make of a header
 * section.  Guards against an answer that is taken for another one, a field
 * that becomes two, and an edit that hits another field than was meant.
 */
#include "common/milter/milter.h"

#include "common/milter/place.h"
#include "tests/unit/tap.h"

#include <netinet/in.h>
#include <string.h>

static const char section[] = "Received: a\nSubject: one\n two\nReceived: b\n"
			      ": no name\nTo: x\n\nbody\n";

/* ---- packets ---- */

static const struct {
	const char *octets;
	size_t len;
	enum packet_read result;
	size_t used;
} packets[] = {
	{ "", 0, PACKET_MORE, 0 },
	{ "\0\0\0", 3, PACKET_MORE, 0 },
	{ "\0\0\0\1", 4, PACKET_MORE, 0 },
	{ "\0\0\0\1c", 5, PACKET_OK, 5 },
	{ "\0\0\0\1cx", 6, PACKET_OK, 5 },
	{ "\0\0\0\3yab", 7, PACKET_OK, 7 },
	{ "\0\0\0\3ya", 6, PACKET_MORE, 0 },
	{ "\0\0\0\0c", 5, PACKET_BAD, 0 },
	{ "\0\x10\0\1c", 5, PACKET_MORE, 0 },
	{ "\0\x10\0\2c", 5, PACKET_BAD, 0 },
	{ "\x80\0\0\1c", 5, PACKET_BAD, 0 },
	{ "\xff\xff\xff\xff", 4, PACKET_BAD, 0 },
	{ "HTTP/1.0", 8, PACKET_BAD, 0 },
};

static void
test_packets(void)
{
	for (size_t i = 0; i < sizeof(packets) / sizeof(packets[0]); i++) {
		struct packet p;
		size_t used = 0;
		ok(packet_read(packets[i].octets, packets[i].len, &p, &used) ==
			    packets[i].result &&
			used == packets[i].used,
		    "packet %zu", i);
	}
	char out[32];
	struct writer w = { .out = out, .size = sizeof(out) };
	size_t begun = packet_begin(&w, 'i');
	packet_number(&w, 0x01020304);
	packet_string(&w, "a");
	packet_end(&w, begun);
	ok(w.len == 11 && memcmp(out, "\0\0\0\7i\1\2\3\4a", 11) == 0,
	    "one that is written");
}

/* ---- edits ---- */

static const struct {
	char what;
	size_t index;
	const char *name, *value;
	bool exact;
	const char *result; /* the fields */
} edits[] = {
	{ 'h', 0, "A", "b", false,
	    "Received: a\nSubject: one\n two\nReceived: b\n: no name\nTo: x\n"
	    "A: b\n" },
	{ 'i', 0, "A", "b", true,
	    "A:b\nReceived: a\nSubject: one\n two\nReceived: b\n: no name\n"
	    "To: x\n" },
	{ 'i', 3, "A", "b", false,
	    "Received: a\nSubject: one\n two\nReceived: b\n: no name\nA: b\n"
	    "To: x\n" },
	{ 'i', 99, "A", "b", false,
	    "Received: a\nSubject: one\n two\nReceived: b\n: no name\nTo: x\n"
	    "A: b\n" },
	{ 'm', 2, "RECEIVED", "c", false,
	    "Received: a\nSubject: one\n two\nRECEIVED: c\n: no name\nTo: "
	    "x\n" },
	{ 'm', 1, "Received", "", false,
	    "Subject: one\n two\nReceived: b\n: no name\nTo: x\n" },
	{ 'm', 3, "Received", "c", false,
	    "Received: a\nSubject: one\n two\nReceived: b\n: no name\nTo: x\n"
	    "Received: c\n" },
	{ 'm', 3, "Received", "", false,
	    "Received: a\nSubject: one\n two\nReceived: b\n: no name\nTo: "
	    "x\n" },
	{ 'm', 0, "To", "y\r\n z", false,
	    "Received: a\nSubject: one\n two\nReceived: b\n: no name\n"
	    "To: y\n z\n" },
};

static bool
is_section(const struct edits *e, const char *expected)
{
	char out[1024];
	struct writer w = { .out = out, .size = sizeof(out) };

	edits_write(e, &w);
	return w.len <= edits_size(e) && writer_finish(&w) != -1 &&
	       strcmp(out, expected) == 0;
}

static struct edit
make_edit(const char *name, const char *value, bool exact)
{
	return (struct edit){ .name = { name, strlen(name) },
		.value = { value, strlen(value) },
		.exact = exact };
}

static enum edited
do_edit(struct edits *e, char what, size_t index, const struct edit *edit)
{
	return what == 'h'   ? edits_add(e, edit)
	       : what == 'i' ? edits_insert(e, index, edit)
	                     : edits_change(e, index, edit);
}

static void
test_edits(void)
{
	struct edits e;
	size_t used;

	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		struct edit edit =
		    make_edit(edits[i].name, edits[i].value, edits[i].exact);
		ok(edits_open(&e, section, sizeof(section) - 1, &used) == 0 &&
			used == sizeof(section) - 1 - strlen("body\n") &&
			do_edit(&e, edits[i].what, edits[i].index, &edit) ==
			    EDITED_OK &&
			is_section(&e, edits[i].result),
		    "edit %zu: %c %zu %s", i, edits[i].what, edits[i].index,
		    edits[i].name);
		edits_close(&e);
	}
}

/* Fields keep the numbers that they had. */
static void
test_numbers(void)
{
	const struct edit gone = make_edit("Received", "", false);
	const struct edit last = make_edit("Received", "c", false);
	struct edits e;
	size_t used;

	ok(edits_open(&e, section, sizeof(section) - 1, &used) == 0 &&
		edits_change(&e, 1, &gone) == EDITED_OK &&
		edits_change(&e, 2, &gone) == EDITED_OK &&
		is_section(&e, "Subject: one\n two\n: no name\nTo: x\n"),
	    "first and second are deleted in this order");
	ok(edits_change(&e, 1, &last) == EDITED_OK &&
		is_section(
		    &e, "Received: c\nSubject: one\n two\n: no name\nTo: x\n"),
	    "and the first comes back");
	edits_close(&e);
}

static const struct {
	const char *name, *value, *field; /* NULL: it is none */
} values[] = {
	{ "A", "b\nc", "A: b\n\tc\n" },
	{ "A", "b\r\n\tc\r\n", "A: b\n\tc\n" },
	{ "A", "b\n\n\nB: c", "A: b\n\tB: c\n" },
	{ "A", "b \t\n \n  c ", "A: b \t\n  c \n" },
	{ "A", " \n \t\n c", "A:  \n c\n" },
	{ "A", "\n\r\r\n", "A: \n" },
	{ "A", "\xc3\xa4\x01\x7f\t.", "A: \xc3\xa4??\t.\n" },
	{ "", "b", NULL },
	{ "A B", "b", NULL },
	{ "A:", "b", NULL },
	{ "A\n", "b", NULL },
	{ "\xc3\xa4", "b", NULL },
};

static void
test_values(void)
{
	struct edits e;
	size_t used;

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct edit edit =
		    make_edit(values[i].name, values[i].value, false);
		bool none = values[i].field == NULL;
		ok(edits_open(&e, "", 0, &used) == 0 &&
			edits_add(&e, &edit) ==
			    (none ? EDITED_NAME : EDITED_OK) &&
			is_section(&e, none ? "" : values[i].field),
		    "value %zu", i);
		edits_close(&e);
	}
}

static void
test_bounds(void)
{
	static char large[EDITS_OCTETS / 2];
	const struct edit small = make_edit("A", "b", false);
	struct edit big = { .name = { "A", 1 }, .value = { large, 0 } };
	enum edited last = EDITED_OK;
	struct edits e;
	size_t used, n = 0;

	memset(large, 'x', sizeof(large));
	big.value.len = sizeof(large) - 10;
	ok(edits_open(&e, "", 0, &used) == 0, "opened");
	while (last == EDITED_OK && n <= EDITS_MOST) {
		last = edits_insert(&e, 0, &small);
		n += last == EDITED_OK;
	}
	ok(n == EDITS_MOST && last == EDITED_EXCESS, "edits are counted");
	edits_close(&e);
	ok(edits_open(&e, "", 0, &used) == 0 &&
		edits_add(&e, &big) == EDITED_OK &&
		edits_add(&e, &big) == EDITED_OK &&
		edits_add(&e, &big) == EDITED_EXCESS,
	    "so are octets");
	edits_close(&e);
}

/* ---- answers ---- */

static const struct {
	enum milter_stage stage;
	const char *answer; /* without its length */
	size_t len;
	enum milter_turn turn;
	const char *line; /* or NULL */
} answers[] = {
	{ MILTER_CONNECT, "c", 1, MILTER_NEXT, NULL },
	{ MILTER_EOM, "c", 1, MILTER_OVER, NULL },
	{ MILTER_HELO, "a", 1, MILTER_OVER, NULL },
	{ MILTER_MAIL, "d", 1, MILTER_OVER, NULL },
	{ MILTER_DATA, "p", 1, MILTER_MORE, NULL },
	{ MILTER_BODY, "s", 1, MILTER_BROKEN, NULL },
	{ MILTER_BODY, "f", 1, MILTER_BROKEN, NULL },
	{ MILTER_EOM, "4", 1, MILTER_BROKEN, NULL },
	{ MILTER_EOM, "Z", 1, MILTER_BROKEN, NULL },
	{ MILTER_EOM, "O", 1, MILTER_BROKEN, NULL },
	{ MILTER_BODY, "hA\0b", 5, MILTER_BROKEN, NULL },
	{ MILTER_EOM, "hA\0b", 5, MILTER_MORE, NULL },
	{ MILTER_EOM, "hA\0b", 4, MILTER_BROKEN, NULL },
	{ MILTER_EOM, "hA", 2, MILTER_BROKEN, NULL },
	{ MILTER_EOM, "m\0\0\0", 4, MILTER_BROKEN, NULL },
	{ MILTER_EOM, "m\0\0\0\1A\0b", 9, MILTER_MORE, NULL },
	{ MILTER_EOM, "bxyz", 4, MILTER_PIECE, NULL },
	{ MILTER_EOM, "q", 1, MILTER_MORE, NULL },
	{ MILTER_EOM, "+<a@b.example>", 15, MILTER_MORE, NULL },
	{ MILTER_EOM, "+<>", 4, MILTER_BROKEN, NULL },
	{ MILTER_EOM, "+<a@b.example>", 14, MILTER_BROKEN, NULL },
	{ MILTER_EOM, "e<>", 4, MILTER_MORE, NULL },
	{ MILTER_EOM, "r", 1, MILTER_OVER,
	    "550 5.7.1 The filter refuses the message" },
	{ MILTER_RCPT, "r", 1, MILTER_NEXT, NULL },
	{ MILTER_EOM, "y554 5.6.0 no", 14, MILTER_OVER, "554 5.6.0 no" },
	{ MILTER_EOM, "y554 5.6.0 no", 5, MILTER_OVER,
	    "554 5.7.1 The filter refuses the message" },
	{ MILTER_EOM, "y554 5.6. no", 13, MILTER_OVER, "554 5.7.1 5.6. no" },
	{ MILTER_EOM, "y554 5..6 no", 13, MILTER_OVER, "554 5.7.1 5..6 no" },
	{ MILTER_EOM, "y451 no\r\n250 yes", 17, MILTER_OVER, "451 4.7.1 no" },
	{ MILTER_EOM, "y550 5%% of%%%% %x%", 20, MILTER_OVER,
	    "550 5.7.1 5% of%% %x%" },
	{ MILTER_EOM, "y250 yes", 9, MILTER_BROKEN, NULL },
};

static void
test_answers(void)
{
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		const char *const rcpts[] = { "x@y.example", "a@y.example" };
		struct edits e = { .count = 0 };
		struct milter m = { .edits = &e, .rcpts = rcpts, .nrcpts = 2 };
		const struct packet p = { .command = answers[i].answer[0],
			.data = answers[i].answer + 1,
			.len = answers[i].len - 1 };
		enum milter_turn turn = milter_take(&m, answers[i].stage, &p);
		ok(turn == answers[i].turn &&
			(turn == MILTER_BROKEN) == (m.fault != NULL) &&
			(answers[i].line == NULL ||
			    strcmp(answers[i].line, m.line) == 0),
		    "answer %zu: %s", i, m.line);
		edits_close(&e);
	}
}

/* ---- recipients ---- */

static enum milter_turn
edit_rcpt(struct milter *m, char what, const char *path)
{
	const struct packet p = {
		.command = what, .data = path, .len = strlen(path) + 1
	};

	return milter_take(m, MILTER_EOM, &p);
}

static void
test_recipients(void)
{
	const char *const rcpts[] = { "x@y.example", "a@y.example" };
	struct edits e = { .count = 0 };
	struct milter m = { .edits = &e, .rcpts = rcpts, .nrcpts = 2 };
	unsigned n = 0;
	char path[32];

	ok(edit_rcpt(&m, '-', "<A@y.example>") == MILTER_MORE &&
		!milter_is_deleted(&m, 0) && milter_is_deleted(&m, 1),
	    "deleted");
	ok(edit_rcpt(&m, '+', "<a@Y.example>") == MILTER_MORE &&
		!milter_is_deleted(&m, 1) && m.added_len == 0,
	    "and added again");
	ok(edit_rcpt(&m, '+', "<n@y.example>") == MILTER_MORE &&
		edit_rcpt(&m, '+', "<n@y.example>") == MILTER_MORE &&
		edit_rcpt(&m, '2', "<o@y.example> NOTIFY=NEVER") ==
		    MILTER_MORE &&
		m.added_len == 24 &&
		memcmp(m.added, "n@y.example\0o@y.example", 24) == 0,
	    "others are added once");
	ok(edit_rcpt(&m, '-', "<n@y.example>") == MILTER_MORE &&
		m.added_len == 12 && strcmp(m.added, "o@y.example") == 0,
	    "one is deleted again");
	ok(edit_rcpt(&m, '-', "<nobody@y.example>") == MILTER_MORE,
	    "one that is not there");
	do {
		snprintf(path, sizeof(path), "<%u@y.example>", n++);
	} while (n < 1000 && edit_rcpt(&m, '+', path) == MILTER_MORE);
	ok(n < 100 && m.fault != NULL && m.added_len <= sizeof(m.added),
	    "not too many");
}

/* ---- options, places ---- */

static void
test_options(void)
{
	static const char offer[] = "\0\0\0\6\0\0\0\1\0\0\4\1\0\0\0\2i j\0"
				    "\0\0\0\x9zz\0\0\0\0\5";
	struct packet p = {
		.command = 'O', .data = offer, .len = sizeof(offer) - 1
	};
	struct milter m = { .packets = 0 };

	ok(milter_negotiate(&m, &p) && !milter_wants(&m, MILTER_CONNECT) &&
		milter_wants(&m, MILTER_HELO) &&
		milter_answers(&m, MILTER_HELO) &&
		strcmp(m.symbols[MILTER_MAIL], "i j") == 0 &&
		m.symbols[MILTER_EOM][0] == '\0',
	    "steps and macros");
	p.len = 11;
	ok(!milter_negotiate(&m, &p) && m.fault != NULL, "too short");
}

static const struct {
	const char *text;
	int family; /* 0: it is none */
} places[] = {
	{ "unix:/run/x.sock", AF_UNIX },
	{ "inet:127.0.0.1:8890", AF_INET },
	{ "inet:localhost:1", AF_INET },
	{ "inet:[::1]:65535", AF_INET6 },
	{ "unix:run/x.sock", 0 },
	{ "unix:", 0 },
	{ "/run/x.sock", 0 },
	{ "inet:127.0.0.1", 0 },
	{ "inet:127.0.0.1:0", 0 },
	{ "inet:127.0.0.1:65536", 0 },
	{ "inet:127.0.0.1:08", 0 },
	{ "inet:127.0.0.1:8x", 0 },
	{ "inet::1:8890", 0 },
	{ "inet:[127.0.0.1]:8890", 0 },
	{ "inet:[]:8890", 0 },
	{ "inet:mail.example:8890", 0 },
	{ "inet:8890@localhost", 0 },
	{ "tcp:127.0.0.1:8890", 0 },
	{ "", 0 },
};

static void
test_places(void)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct milter_place p;
		bool good = milter_place(places[i].text, &p);
		ok(good == (places[i].family != 0) &&
			(!good || p.address.ss_family == places[i].family),
		    "place \"%s\"", places[i].text);
	}
}

int
main(void)
{
	test_packets();
	test_edits();
	test_numbers();
	test_values();
	test_bounds();
	test_answers();
	test_recipients();
	test_options();
	test_places();
	return tap_done();
}
