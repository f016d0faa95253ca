/* SPDX-License-Identifier: ISC */
/*
 * Reports hold words of whoever refused a message, and of whoever sent it: no
 * such word may become a header field, a field of the delivery status, or a
 * line that a mail server does not take.  And people must be told what to do.
 */
#include "smtpd/queue/report/dsn_private.h"

#include "common/text/utf8.h"
#include "smtpd/queue/retry.h"
#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#include <sys/mman.h>

static struct config config = { .hostname = "mail.example.org" };
static struct recipient to;
static struct queue_file file;
static struct report_recipient about;
static bool eight_bit;

static void
body(const char *text, size_t len)
{
	if (file.fd > 0) {
		close(file.fd);
	}
	file.fd = memfd_create("body", MFD_CLOEXEC);
	file.body = 5;
	file.mail.size = len;
	scratch_need(file.fd != -1 && write(file.fd, "head\n", 5) == 5 &&
			 write(file.fd, text, len) == (ssize_t)len,
	    "memfd");
}

/* Everything as it usually is. */
static void
reset(void)
{
	to = (struct recipient){
		.text = "bob@example.net", .given = "", .owner = "", .orcpt = ""
	};
	file.mail = (struct mail){
		.arrival = 1795338000, .recipients = &to, .count = 1
	};
	strlcpy(file.mail.sender, "alice@example.org", ADDRESS_TEXT);
	about = (struct report_recipient){ .tried = 1795338307,
		.dsn = "5.1.1",
		.host = "mx.example.net[192.0.2.1]:25",
		.text = "550 5.1.1 no such user" };
	static const char text[] = "From: alice@example.org\r\n"
				   "message-id:\r\n <1@example.org>\r\n"
				   "Subject: x\r\n\r\nHello\r\n";
	body(text, strlen(text));
}

/* The report, to be freed. */
static char *
compose(void)
{
	struct dsn d = {
		.config = &config,
		.file = &file,
		.recipients = &about,
		.count = 1,
		.id = "0123456789ab",
		.to = file.mail.sender,
		.utf8 = file.mail.utf8,
		.undelivered = file.mail.sender[0] == '\0',
		.now = 1795338600,
		.until = retry_until(&file.mail),
	};
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	d.to = d.undelivered ? "postmaster@mail.example.org" : d.to;
	scratch_need(out != NULL && dsn_compose(&d, out, &eight_bit) == 0 &&
			 fclose(out) == 0 && strlen(text) == len,
	    "dsn_compose");
	return text;
}

/* Lines end in CR LF alone, and none is too long. */
static bool
good_lines(const char *text)
{
	while (*text != '\0') {
		size_t n = strcspn(text, "\r\n");
		if (n > 998 || strncmp(text + n, "\r\n", 2) != 0) {
			return false;
		}
		text += n + 2;
	}
	return true;
}

static bool
good_utf8(const char *text)
{
	size_t used, len = strlen(text);

	for (; len > 0; text += used, len -= used) {
		if (utf8_next(text, len, &used) == -1) {
			return false;
		}
	}
	return true;
}

/* True if it holds all of these; NULL ends them. */
static void
holds(const char *name, const char *const *parts)
{
	char *text = compose();
	bool good = good_lines(text);

	for (; *parts != NULL; parts++) {
		if (strstr(text, *parts) == NULL) {
			note("missing: %.60s", *parts + strspn(*parts, "\r\n"));
			good = false;
		}
	}
	ok(good, "%s", name);
	free(text);
}

#define HOLDS(name, ...) holds(name, (const char *const[]){ __VA_ARGS__, NULL })
#define LINE(text) "\r\n" text "\r\n"

static void
test_failed(void)
{
	setenv("TZ", "UTC0", 1);
	tzset();
	reset();
	HOLDS("a header that is no bounce's victim",
	    "From: Mail Delivery System <MAILER-DAEMON@mail.example.org>\r\n",
	    LINE("To: alice@example.org"),
	    LINE("Subject: Mail not delivered: bob@example.net"),
	    LINE("Date: Sun, 22 Nov 2026 09:10:00 +0000"),
	    LINE("Message-ID: <0123456789ab@mail.example.org>"),
	    LINE("In-Reply-To: <1@example.org>"),
	    LINE("References: <1@example.org>"),
	    LINE("Auto-Submitted: auto-replied"), LINE("MIME-Version: 1.0"),
	    " report-type=delivery-status;");
	HOLDS("words for people", LINE("<bob@example.net>"),
	    "    There is no such mailbox.",
	    "    The server mx.example.net[192.0.2.1]:25 said:\r\n"
	    "        550 5.1.1 no such user\r\n",
	    "The message is attached.");
	HOLDS("fields for programs",
	    LINE("Reporting-MTA: dns; "
		 "mail.example.org"),
	    LINE("Arrival-Date: Sun, 22 Nov 2026 09:00:00 +0000"),
	    "\r\n\r\nFinal-Recipient: rfc822; bob@example.net\r\n"
	    "Action: failed\r\nStatus: 5.1.1\r\n"
	    "Remote-MTA: dns; mx.example.net\r\n"
	    "Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n"
	    "Last-Attempt-Date: Sun, 22 Nov 2026 09:05:07 +0000\r\n");
	HOLDS("the message", "\r\nContent-Type: message/rfc822\r\n",
	    "\r\n\r\nFrom: alice@example.org\r\nmessage-id:\r\n",
	    "\r\n\r\nHello\r\n\r\n--");
	ok(!eight_bit, "it is all ASCII");
	file.mail.sender[0] = '\0';
	HOLDS("a report that failed goes to postmaster",
	    LINE("To: postmaster@mail.example.org"),
	    LINE("Subject: Undeliverable report: bob@example.net"),
	    "This goes to postmaster");
}

static void
test_words(void)
{
	static const struct {
		const char *dsn, *text, *words;
	} cases[] = {
		{ "5.1.1", "", "no such mailbox" },
		{ "5.1.10", "", "takes no mail at" },
		{ "5.1.2", "", "after the @" },
		{ "5.2.2", "552 5.2.2 over quota", "mailbox is full" },
		{ "5.3.4", "552 too big", "larger than that server takes" },
		{ "5.4.6", "554 loop", "round in a loop" },
		{ "5.7.1", "554 5.7.1 blocked, see http://x", "its own rules" },
		{ "5.7.26", "550 SPF", "its own rules" },
		{ "5.7.1", "554 5.7.1 Relaying denied", "(\"relaying\")" },
		{ "4.4.1", "connection refused", "tried for 5 days" },
		{ "4.4.7", "", "tried for 5 days" },
		{ "5.4.7", "", "tried for 5 days" },
		{ "5.9.9", "", "refused for good" },
		{ "", "", "refused for good" },
	};

	reset();
	file.mail.arrival -= 5 * 24 * 60 * 60;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		strlcpy(about.dsn, cases[i].dsn, sizeof(about.dsn));
		about.text = cases[i].text;
		HOLDS(cases[i].words, cases[i].words);
	}
}

static void
test_kinds(void)
{
	static const struct {
		const char *subject, *action, *words;
	} kinds[] = {
		[REPORT_FAILED] = { "Mail not delivered: b", "failed", "not " },
		[REPORT_DELAYED] = { "Mail delayed: b", "delayed",
		    "\r\nWill-Retry-Until: Fri, 27 Nov 2026 09:00:00 +0000\r" },
		[REPORT_DELIVERED] = { "Mail delivered: b", "delivered",
		    "It was delivered." },
		[REPORT_RELAYED] = { "Mail passed on: b", "relayed",
		    "sends no reports" },
		[REPORT_EXPANDED] = { "Mail delivered to a list: b", "expanded",
		    "several addresses" },
	};
	char action[40];

	reset();
	strlcpy(about.dsn, "nonsense", sizeof(about.dsn));
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		about.kind = (enum report_kind)i;
		snprintf(action, sizeof(action),
		    "\r\nAction: %s\r\nStatus: %s\r\n", kinds[i].action,
		    i == 0   ? "5.0.0"
		    : i == 1 ? "4.0.0"
			     : "2.0.0");
		HOLDS(kinds[i].action, action, kinds[i].subject, kinds[i].words,
		    i == 0 ? "message/rfc822" : "text/rfc822-headers");
	}
}

static void
test_recipients(void)
{
	reset();
	strlcpy(file.mail.envid, "QQ+2B31", sizeof(file.mail.envid));
	to.orcpt = "rfc822;Bob+2Bx@example.net";
	to.given = "club@example.org";
	HOLDS("ENVID and ORCPT, decoded", LINE("Original-Envelope-Id: QQ+31"),
	    LINE("Original-Recipient: rfc822; Bob+x@example.net"),
	    LINE("Final-Recipient: rfc822; bob@example.net"),
	    LINE("<club@example.org>"), "(passed on to <bob@example.net>)");
	to.target = TARGET_PIPE;
	to.text = "/bin/secret --password";
	HOLDS("a program", "<club@example.org> (a program there)",
	    LINE("Final-Recipient: rfc822; club@example.org"));
	char *text = compose();
	ok(strstr(text, "secret") == NULL, "its command is nobody's business");
	free(text);
	to.target = TARGET_USER;
	to.text = "bob";
	to.given = "";
	about.host = "local";
	about.text = "over quota";
	HOLDS("a user", LINE("Final-Recipient: rfc822; bob@mail.example.org"),
	    LINE("Diagnostic-Code: x-restante; over quota"));
	text = compose();
	ok(strstr(text, "Remote-MTA") == NULL, "nothing remote was asked");
	free(text);
}

/* What is sent back: by size, and by RET. */
static void
test_return(void)
{
	static const struct {
		size_t size;
		enum ret ret;
		bool whole;
	} cases[] = {
		{ DSN_WHOLE, RET_UNSAID, true },
		{ DSN_WHOLE + 1, RET_UNSAID, false },
		{ DSN_WHOLE + 1, RET_FULL, true },
		{ DSN_ASKED, RET_FULL, true },
		{ DSN_ASKED + 1, RET_FULL, false },
		{ 100, RET_HDRS, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bytes b = { .len = 0 };
		reset();
		bytes_text(&b, "Subject: x\r\n\r\nfirst\r\n");
		while (b.len + 100 < cases[i].size) {
			bytes_fill(&b, 'y', 70);
			bytes_text(&b, "\r\n");
		}
		bytes_fill(&b, 'y', cases[i].size - b.len);
		body(b.data, b.len);
		file.mail.ret = cases[i].ret;
		HOLDS(cases[i].whole ? "the whole of it" : "its header",
		    cases[i].whole ? "message/rfc822" : "text/rfc822-headers",
		    cases[i].whole ? "yyyy\r\n--" : "Subject: x\r\n\r\n\r\n--");
		free(b.data);
	}
	reset();
	file.mail.ret = RET_HDRS;
	body("\r\nSubject: no\r\n", 15);
	char *text = compose();
	ok(strstr(text, "Subject: no") == NULL, "an empty header section");
	free(text);
	body("Subject: all", 12);
	HOLDS("nothing but a header section", "Subject: all\r\n--");
	file.mail.size = 100;
	struct dsn d = { .config = &config,
		.file = &file,
		.recipients = &about,
		.count = 1,
		.id = "x",
		.to = "y" };
	FILE *out = fopen("/dev/null", "w");
	ok(out != NULL && dsn_compose(&d, out, &eight_bit) == -1,
	    "a message that ends too early is no report");
	scratch_need(out == NULL || fclose(out) == 0, "/dev/null");
}

static void
test_hostile(void)
{
	char reply[1000], *text;

	reset();
	about.text =
	    "550 no\r\nX-Evil: 1\r\n\r\n--X\r\nStatus: 2.0.0\001\033[2J";
	to.given = "x\r\nBcc: victim@example.com";
	strlcpy(about.dsn, "5.1.1\r\nA:", sizeof(about.dsn));
	about.host = "mx\r\nX-Evil: 2[1]";
	strlcpy(file.mail.sender, "a\r\nBcc: v@x", ADDRESS_TEXT);
	to.orcpt = "rfc822\r\nX-Evil: 3;bob";
	strlcpy(file.mail.envid, "a+0D+0AX-Evil:4", sizeof(file.mail.envid));
	text = compose();
	ok(good_lines(text) && strstr(text, "\nX-Evil") == NULL &&
		strstr(text, "\nBcc") == NULL &&
		strstr(text, "\nStatus: 2") == NULL &&
		strstr(text, "\n--X") == NULL && strchr(text, '\033') == NULL &&
		strchr(text, '\001') == NULL,
	    "line ends and control characters forge nothing");
	free(text);

	reset();
	memset(reply, 'x', sizeof(reply));
	memcpy(reply, "550 ", 4);
	reply[899] = '\0';
	about.text = reply;
	HOLDS("900 characters in one word", "xxx\r\n");
	for (size_t i = 4; i < 899; i++) {
		reply[i] = (char)(i % 7 == 0 ? 0xc3 : 0xbc);
	}
	text = compose();
	ok(good_lines(text) && good_utf8(text) && eight_bit &&
		strstr(text, " \357\277\275") != NULL,
	    "8-bit rubbish becomes UTF-8 for people");
	const char *code = strstr(text, "Diagnostic-Code: smtp; 550");
	const char *end = code == NULL ? NULL : strstr(code, "\r\nLast-");
	size_t high = 0;
	for (const char *c = code; end != NULL && c < end; c++) {
		high += (*c & 0x80) != 0;
	}
	ok(end != NULL && high == 0, "and ASCII for programs");
	free(text);
	about.text = "550 first / 550-second line / third";
	HOLDS("lines of a reply", "        550 first\r\n        550-second "
				  "line\r\n        third\r\n");
}

static void
test_utf8(void)
{
	reset();
	file.mail.utf8 = true;
	to.text = "b\303\274b@example.net";
	HOLDS("with SMTPUTF8", "message/global-delivery-status",
	    LINE("Final-Recipient: utf-8; b\303\274b@example.net"),
	    "message/global\r\n",
	    LINE("Subject: Mail not delivered: b\303\274b@example.net"));
	ok(eight_bit, "which is not ASCII");
	file.mail.ret = RET_HDRS;
	HOLDS("and its header", "message/global-headers\r\n");
}

static void
test_characters(void)
{
	static const struct {
		const char *text;
		int32_t is;
		size_t used;
	} cases[] = {
		{ "a", 'a', 1 },
		{ "\303\274", 0xfc, 2 },
		{ "\342\202\254", 0x20ac, 3 },
		{ "\360\237\230\200", 0x1f600, 4 },
		{ "\364\217\277\277", 0x10ffff, 4 },
		{ "\364\220\200\200", -1, 1 },
		{ "\300\200", -1, 1 },
		{ "\340\200\200", -1, 1 },
		{ "\360\200\200\200", -1, 1 },
		{ "\355\240\200", -1, 1 },
		{ "\303", -1, 1 },
		{ "\303a", -1, 1 },
		{ "\274", -1, 1 },
		{ "\377", -1, 1 },
	};
	size_t used;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *s = cases[i].text;
		ok(utf8_next(s, strlen(s), &used) == cases[i].is &&
			used == cases[i].used,
		    "character %zu", i);
	}
	ok(utf8_is_text(' ') && utf8_is_text(0xe9) && !utf8_is_text('\n') &&
		!utf8_is_text(0x7f) && !utf8_is_text(0x9b) &&
		!utf8_is_text(0x202e) && !utf8_is_text(-1),
	    "what terminals obey is no text");
}

int
main(void)
{
	test_failed();
	test_words();
	test_kinds();
	test_recipients();
	test_return();
	test_hostile();
	test_utf8();
	test_characters();
	return tap_done();
}
