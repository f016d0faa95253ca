/* SPDX-License-Identifier: ISC */
/*
 * UIDLs in the style of Dovecot and popa3d, and those that an import has noted.
 * The numbers expected here were told by those servers; a client that is told
 * others collects everything again.
 */
#include "spool/uidl.h"

#include "tests/unit/t-mailbox.h"
#include "tests/unit/tap.h"

#define BASE "X-IMAPbase: 1234567890 0000000020\n"

/* Gives the lines of a text to a function until it has enough. */
static void
feed(const char *text, size_t len, mailbox_line *take, void *context)
{
	struct mbox_window w = {
		.data = text, .len = len, .last = true, .begins = true
	};
	struct mbox_line line;

	while (mbox_next_line(&w, &line) && take(context, &line)) {
	}
}

static bool
take_base(void *context, const struct mbox_line *line)
{
	return uidl_base_line(context, line);
}

static bool
take_uid(void *context, const struct mbox_line *line)
{
	return uidl_uid_line(context, line);
}

static bool
take_digest(void *context, const struct mbox_line *line)
{
	return uidl_digest_line(context, line);
}

static const struct {
	const char *name, *header;
	uint32_t validity, last;
} bases[] = {
	{ "nothing", "", 0, 0 },
	{ "no such field", "A: b\n", 0, 0 },
	{ "a base", "A: b\n" BASE "C: d\n", 1234567890, 20 },
	{ "with keywords", "X-IMAPbase: 1234567890 20 $Forwarded Junk\n",
	    1234567890, 20 },
	{ "with folded keywords", "X-IMAPbase: 1234567890 20\n Junk\n",
	    1234567890, 20 },
	{ "in the pseudo message", "X-IMAP: 1234567890 0000000020\n",
	    1234567890, 20 },
	{ "in lower case", "x-imapbase: 1234567890 20\n", 1234567890, 20 },
	{ "CRLF", "X-IMAPbase: 1234567890 20\r\n", 1234567890, 20 },
	{ "no blank", "X-IMAPbase:1234567890 20\n", 1234567890, 20 },
	{ "a tab", "X-IMAPbase:\t1234567890 20\n", 1234567890, 20 },
	{ "two blanks in front", "X-IMAPbase:  1234567890 20\n", 0, 0 },
	{ "two blanks between", "X-IMAPbase: 1234567890  20\n", 1234567890,
	    20 },
	{ "a tab between", "X-IMAPbase: 1234567890\t20\n", 0, 0 },
	{ "blanks after it", "X-IMAPbase: 1234567890 20   \n", 1234567890, 20 },
	{ "a tab after it", "X-IMAPbase: 1234567890 20\t\n", 1234567890, 20 },
	{ "leading zeros", "X-IMAPbase: 0001234567890 00000000000000020\n",
	    1234567890, 20 },
	{ "one number", "X-IMAPbase: 1234567890\n", 1234567890, 0 },
	{ "the last is 0", "X-IMAPbase: 1234567890 0\n", 1234567890, 0 },
	{ "the highest", "X-IMAPbase: 4294967295 20\n", 4294967295, 20 },
	{ "one more", "X-IMAPbase: 4294967296 20\n", 0, 0 },
	{ "the number 0", "X-IMAPbase: 0 20\n", 0, 0 },
	{ "no number", "X-IMAPbase: x 20\n", 0, 0 },
	{ "a word after it", "X-IMAPbase: 1234567890 Junk\n", 0, 0 },
	{ "stuck to a number", "X-IMAPbase: 1234567890x 20\n", 0, 0 },
	{ "stuck to the last", "X-IMAPbase: 1234567890 20x\n", 0, 0 },
	{ "folded", "X-IMAPbase:\n 1234567890 20\n", 0, 0 },
	{ "the first counts", BASE "X-IMAPbase: 5 30\n", 1234567890, 20 },
	{ "or X-IMAP", "X-IMAP: 77 30\n" BASE, 77, 30 },
	{ "if it makes sense", "X-IMAPbase: x\nX-IMAPbase: 0 1\n" BASE,
	    1234567890, 20 },
	{ "in a fold", "A: b\n " BASE, 0, 0 },
	{ "in the body", "A: b\n\n" BASE, 0, 0 },
	{ "in a body, CRLF", "A: b\r\n\r\n" BASE, 0, 0 },
	{ "another name", "X-IMAPbases: 1 2\nY-IMAP: 1 2\nX-IMAP 1 2\n", 0, 0 },
};

static const struct {
	const char *name, *header;
	uint32_t uid; /* with the base above */
} uids[] = {
	{ "nothing", "", 0 },
	{ "a UID", "A: b\nX-UID: 3\nC: d\n", 3 },
	{ "with its padding", "X-UID: 3                   \n", 3 },
	{ "a tab after it", "X-UID: 3\t\n", 3 },
	{ "CRLF", "X-UID: 3\r\n", 3 },
	{ "in lower case", "x-uid: 3\n", 3 },
	{ "no blank", "X-UID:3\n", 3 },
	{ "a tab", "X-UID:\t3\n", 3 },
	{ "two blanks in front", "X-UID:  3\n", 0 },
	{ "leading zeros", "X-UID: 00000000000000000000003\n", 3 },
	{ "the last", "X-UID: 20\n", 20 },
	{ "one more", "X-UID: 21\n", 0 },
	{ "zero", "X-UID: 0\n", 0 },
	{ "signs", "X-UID: +3\nX-UID: -3\n", 0 },
	{ "no number", "X-UID: x\nX-UID:\nX-UID: \n", 0 },
	{ "stuck to it", "X-UID: 3x\n", 0 },
	{ "a word after it", "X-UID: 3 x\n", 0 },
	{ "far too high", "X-UID: 4294967299\n", 0 },
	{ "and higher", "X-UID: 18446744073709551619\n", 0 },
	{ "folded", "X-UID:\n 3\n", 0 },
	{ "the first counts", "X-UID: 5\nX-UID: 3\n", 5 },
	{ "if it makes sense", "X-UID: x\nX-UID: 0\nX-UID: 30\nX-UID: 3\n", 3 },
	{ "no end of the line", "X-UID: 3", 0 },
	{ "one that came in", "X-Restante-X-UID: 3\n", 0 },
	{ "in the body", "A: b\n\nX-UID: 3\n", 0 },
};

static void
test_dovecot(void)
{
	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		struct uidl_base base = { .validity = 0 };
		feed(
		    bases[i].header, strlen(bases[i].header), take_base, &base);
		ok(base.validity == bases[i].validity &&
			base.last == bases[i].last,
		    "X-IMAPbase: %s", bases[i].name);
	}
	for (size_t i = 0; i < sizeof(uids) / sizeof(uids[0]); i++) {
		struct uidl_uid uid = { .base = { 1234567890, 20 } };
		feed(uids[i].header, strlen(uids[i].header), take_uid, &uid);
		ok(uid.uid == uids[i].uid &&
			(uidl_uid_number(&uid) == 0) == (uid.uid == 0),
		    "X-UID: %s", uids[i].name);
	}
	struct uidl_uid uid = { .base = { 1234567890, 0 }, .uid = 3 };
	ok(uidl_uid_number(&uid) == 0x00000003499602d2, "the number");
	uid.base.validity = 0;
	ok(uidl_uid_number(&uid) == 0, "no number without a base");
}

#define R1 "Received: from a\n"
#define R2 "Received: from b\n"
#define D1 "Date: x\n"
#define D2 "Date: y\n"
#define M1 "Message-Id: <a>\n"
#define M2 "Message-ID: <b>\n"
#define T1 "Delivered-To: t\n"
#define X1 "X-Delivery-ID: q\n"

static const struct {
	const char *name, *header;
	uint64_t number;
} digests[] = {
	{ "nothing", "", 0xd98c1dd404b2008f },
	{ "no such line", "Subject: s\nFrom: a\n", 0xd98c1dd404b2008f },
	{ "Received", R1, 0x3e07199b8d0b9da8 },
	{ "the first Received", R1 R2, 0x3e07199b8d0b9da8 },
	{ "Date", D1, 0x705418d22efbeb67 },
	{ "all Dates and Message-IDs", D1 D2 M1 M2, 0x6d3ee90bd2de5697 },
	{ "in their order", M1 D1, 0x735a38208f9c1c59 },
	{ "Delivered-To, each", T1 "Delivered-To: t2\n", 0x15479fccc68c4d9f },
	{ "X-Delivery-ID, each", X1 "X-Delivery-ID: q2\n", 0xdca968d5bb51287d },
	{ "nothing after Received", R1 D1 M1, 0x3e07199b8d0b9da8 },
	{ "what is before Received", D1 M1 R1, 0xdab95f1993d07914 },
	{ "half of it", D1 R1 M1 R2 D2, 0x83a8d1ffd5a9b413 },
	{ "but the deliveries", R1 T1 X1 D1 M1, 0x19b18e5a5d94a509 },
	{ "around it", D1 M1 T1 R1 "Delivered-To: t2\n" R2 X1,
	    0xc8e3e59e3c755e8f },
	{ "folds", R1 "\tby b\n id c; date\n" D1, 0x03d2d3334afa8a58 },
	{ "folds of other lines", T1 " cont\nSubject: s\n more\n",
	    0x85a53fa12c4346f6 },
	{ "folds of a second Received",
	    R1 " f1\n" R2 " f2\n" T1 " f3\n" D1 " f4\n", 0x63e8b4550fe3e2be },
	{ "an empty fold", "Received: a\n \n b\nSubject: s\n",
	    0xd14b28acec9607c4 },
	{ "nothing but a fold", "Received:\n from a\n", 0x1e0bd559f18f0bdc },
	{ "a fold in front", " Date: x\n" D2, 0x2361652db9c46537 },
	{ "RECEIVED", "RECEIVED: x\n", 0x1c2ee2a1d4039f77 },
	{ "received", "received: x\n" D1, 0x2990db658eee1eac },
	{ "date", "date: x\nDATE: y\n", 0xbfa3ea791005995c },
	{ "message-id", "message-id: x\n", 0x1ab7ae50f0eaeb1b },
	{ "delivered-to", "delivered-to: x\n", 0x07ab30cb2dfacfa8 },
	{ "x-delivery-id", "x-delivery-id: x\n", 0xd98c1dd404b2008f },
	{ "X-delivery-id", "X-delivery-id: x\n", 0x09d7239d01e86477 },
	{ "a blank before the colon", "Received : x\n" D1, 0x705418d22efbeb67 },
	{ "no blank after it", "Date:x\n", 0x3a920302ce31fa97 },
	{ "a tab after it", "Date:\tx\n", 0x8bf870f7d5dd06ba },
	{ "no value", "Received:\n" D1, 0x451d94ce57669300 },
	{ "no colon", "Date\n", 0xd98c1dd404b2008f },
	{ "a longer name", "Receivedx: x\nDates: y\n" D1, 0x705418d22efbeb67 },
	{ "CRLF", "Date: x\r\n", 0x40850376876f1483 },
	{ "a quote", ">Date: x\n", 0xd98c1dd404b2008f },
	{ "no header", "not a header\n" D2, 0x2361652db9c46537 },
	{ "the body", "Subject: s\n\n" D1, 0xd98c1dd404b2008f },
	{ "only a body", "\n" D1, 0xd98c1dd404b2008f },
	{ "private lines", "Status: RO\nX-UID: 5\n" D1 "X-IMAPbase: 1 2\n",
	    0x705418d22efbeb67 },
	{ "a long line",
	    "Date: "
	    "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
	    "yyyy\n",
	    0x9a1c8bee278e7f4f },
};

static uint64_t
digest_of(const char *text, size_t len)
{
	struct uidl_digest d;

	uidl_digest_start(&d);
	feed(text, len, take_digest, &d);
	return uidl_digest_number(&d);
}

static void
test_popa3d(void)
{
	for (size_t i = 0; i < sizeof(digests) / sizeof(digests[0]); i++) {
		uint64_t number =
		    digest_of(digests[i].header, strlen(digests[i].header));
		if (!ok(number == digests[i].number, "digest: %s",
			digests[i].name)) {
			note("%016llx", (unsigned long long)number);
		}
	}
	static const char nul[] = "Date: a\0b\n c\0d\nSub\0ject: x\nDa\0te: y\n"
				  "Received\0: y\n\nbody\n";
	ok(digest_of(nul, sizeof(nul) - 1) == 0x6820c6c4112b6104,
	    "digest: NUL octets");
}

/* A line that is longer than a window comes in pieces. */
static void
test_pieces(void)
{
	static const char text[] = "Received: from a\n\tby b\n";
	struct uidl_digest d;
	struct mbox_line line = { .begins = true };

	uidl_digest_start(&d);
	for (size_t at = 0; at < 17; at += line.size) {
		line.text = text + at;
		line.size = at == 0 ? 12 : 5;
		line.len = at == 0 ? 12 : 4;
		line.begins = at == 0;
		line.ends = at > 0;
		uidl_digest_line(&d, &line);
	}
	ok(uidl_digest_number(&d) == digest_of(text, 17), "pieces");

	struct uidl_base base = { .validity = 0 };
	line = (struct mbox_line){
		.text = "X-IMAPbase: 12", .len = 14, .size = 14, .begins = true
	};
	ok(uidl_base_line(&base, &line) && base.validity == 0,
	    "a piece of a number is none");
}

/* What a mailbox gives out for this: all lines, and those of which message. */
static void
test_stored(void)
{
	static const char box[] =
	    "From a Sun Nov 22 07:00:00 2026\nX-IMAP: 77 9\nStatus: R\n\nx\n\n"
	    "From b Sun Nov 22 07:00:00 2026\nA: b\nX-UID: 3\n\n>From y\n\n";
	char path[PATH_MAX];
	struct received r = { .octets = 0 };
	struct uidl_uid uid = { .uid = 0 };

	scratch_path(path, "stored");
	scratch_write(path, box, sizeof(box) - 1);
	struct mailbox *m = mailbox_at(path);
	ok(mailbox_count(m) == 1 &&
		mailbox_read_stored(m, 0, mailbox_take_line, &r) == 0 &&
		r.text.len == 23 &&
		memcmp(r.text.data, "A: b\nX-UID: 3\n\n>From y\n", 23) == 0,
	    "stored lines");
	ok(mailbox_read_stored(m, MAILBOX_FIRST, take_base, &uid.base) == 0 &&
		uid.base.validity == 77 && uid.base.last == 9,
	    "those of a hidden message");
	ok(mailbox_read_stored(m, 0, take_uid, &uid) == 0 &&
		uidl_uid_number(&uid) == 0x000000030000004d,
	    "both");
	free(r.text.data);
	mailbox_close(m);
}

#define MANY "0123456789012345678901234567890123456789012345678901234567890123"

static const struct {
	const char *name, *header, *uidl;
} noted[] = {
	{ "nothing", "", "" },
	{ "another field", "X-UIDL: a\nUIDL: b\n", "" },
	{ "a UIDL", "A: b\nX-Restante-UIDL: a\nC: d\n", "a" },
	{ "without a blank", "X-Restante-UIDL:a\n", "a" },
	{ "with blanks around it", "X-Restante-UIDL: \t a \t\n", "a" },
	{ "in lower case", "x-restante-uidl: A\n", "A" },
	{ "CRLF", "X-Restante-UIDL: a\r\n", "a" },
	{ "the first of two", "X-Restante-UIDL: a\nX-Restante-UIDL: b\n", "a" },
	{ "every character", "X-Restante-UIDL: !\"'/:@[`{~\n", "!\"'/:@[`{~" },
	{ "the longest", "X-Restante-UIDL: " MANY "012345\n", MANY "012345" },
	{ "one that is too long", "X-Restante-UIDL: " MANY "0123456\n", "" },
	{ "a blank in it", "X-Restante-UIDL: a b\n", "" },
	{ "no text", "X-Restante-UIDL:\n", "" },
	{ "beyond ASCII", "X-Restante-UIDL: \xc3\xa4\n", "" },
	{ "in the body", "A: b\n\nX-Restante-UIDL: a\n", "" },
};

static bool
take_noted(void *context, const struct mbox_line *line)
{
	return uidl_noted_line(context, line);
}

static void
test_noted(void)
{
	for (size_t i = 0; i < sizeof(noted) / sizeof(noted[0]); i++) {
		char uidl[UIDL_MOST + 1] = "";
		feed(
		    noted[i].header, strlen(noted[i].header), take_noted, uidl);
		ok(strcmp(uidl, noted[i].uidl) == 0, "noted: %s",
		    noted[i].name);
	}
}

int
main(void)
{
	scratch_make();
	test_dovecot();
	test_popa3d();
	test_noted();
	test_pieces();
	test_stored();
	return tap_done();
}
