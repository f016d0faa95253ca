/* SPDX-License-Identifier: ISC */
/*
 * Header sections of mail that scripts send: a smarthost refuses "From: root",
 * a Bcc that stays tells of somebody who should not be known, and a field that
 * was changed without cause breaks a signature.
 */
#include "smtpd/message/fixup.h"

#include "smtpd/send/identity.h"
#include "smtpd/message/rewrite.h"
#include "tests/unit/tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct config config = {
	.hostname = "h.example",
	.masquerades = { { "root@h.example", "me@example.net" },
	    { "@local.example", "@example.org" },
	    { "@one.example", "all@example.org" } },
	.nmasquerades = 3,
};

#define ADDED "From: me\nDate: now\nMessage-ID: id\n"
#define THERE "From: a@b\nDate: d\nMessage-ID: i\n"
#define LATER "Date: now\nMessage-ID: id\n"

/* took: the recipients, each with a blank after it. */
static const struct {
	const char *head, *fixed, *took;
} cases[] = {
	/* What is missing. */
	{ "", ADDED "To: undisclosed-recipients:;\n", "" },
	{ "To: x@y\n", "To: x@y\n" ADDED, "x@y " },
	{ THERE "To: x@y\n", THERE "To: x@y\n", "x@y " },
	{ "from : a@b\ndate\t: d\nMESSAGE-id: i\nCC: x@y\n",
	    "from : a@b\ndate\t: d\nMESSAGE-id: i\nCC: x@y\n", "x@y " },
	{ "From:\nDate: \nMessage-ID:\n \nTo: \t\nCc:\nBcc: x@y\n",
	    ADDED "To: undisclosed-recipients:;\n", "x@y " },
	{ "To: x@y\nCc:\n", "To: x@y\n" ADDED, "x@y " },
	/* Bare names. */
	{ "From: root\nTo: bob\n" LATER,
	    "From: me@example.net\nTo: bob@h.example\n" LATER,
	    "bob@h.example " },
	{ "From: root (Cron Daemon)\nTo: bob\n" LATER,
	    "From: me@example.net (Cron Daemon)\nTo: bob@h.example\n" LATER,
	    "bob@h.example " },
	{ "From: \"(Cron Daemon)\" <bob>\nTo: x@y\n" LATER,
	    "From: \"(Cron Daemon)\" <bob@h.example>\nTo: x@y\n" LATER,
	    "x@y " },
	{ "From: a,\n b <c>,\n\tD E <d@e>\nTo: x@y\n" LATER,
	    "From: a@h.example,\n b <c@h.example>,\n\tD E <d@e>\nTo: "
	    "x@y\n" LATER,
	    "x@y " },
	{ "Sender: s\nReply-To: r, q@q\n" THERE "To: g: a, b@c;, d\n",
	    "Sender: s@h.example\nReply-To: r@h.example, q@q\n" THERE
	    "To: g: a@h.example, b@c;, d@h.example\n",
	    "a@h.example b@c d@h.example " },
	{ "Resent-From: r\nResent-To: t\n" THERE "To: x@y\n",
	    "Resent-From: r@h.example\nResent-To: t@h.example\n" THERE
	    "To: x@y\n",
	    "t@h.example " },
	/* Masquerading. */
	{ "To: Root <ROOT@H.Example>, u@LOCAL.example, v@one.example\n" THERE,
	    "To: Root <me@example.net>, u@example.org, all@example.org\n" THERE,
	    "ROOT@H.Example u@LOCAL.example v@one.example " },
	{ "Subject: root@h.example\nX: root\nTo: x@y\n" THERE,
	    "Subject: root@h.example\nX: root\nTo: x@y\n" THERE, "x@y " },
	/* Recipients. */
	{ "To: a@x, a@X\nCc: b@x\nBcc: c@x\nbcc: d@x\n" THERE,
	    "To: a@x, a@X\nCc: b@x\n" THERE, "a@x b@x c@x d@x " },
	{ "Bcc: c@x\n c@y\n" THERE, THERE "To: undisclosed-recipients:;\n",
	    "\"not an address: c@x? c@y\"@h.example " },
	{ "Bcc: c@x,\n c@y\n" THERE, THERE "To: undisclosed-recipients:;\n",
	    "c@x c@y " },
	{ "To: a@x\nBcc: b@x\nResent-To: c@x\nResent-Bcc: d@x\n" THERE,
	    "To: a@x\nResent-To: c@x\n" THERE, "c@x d@x " },
	{ "To: a@x\nResent-Date: d\n" THERE, "To: a@x\nResent-Date: d\n" THERE,
	    "" },
	{ "To: \"a b\"@x, (c) d@x (e)\n" THERE,
	    "To: \"a b\"@x, (c) d@x (e)\n" THERE, "\"a b\"@x d@x " },
	{ "To: undisclosed-recipients:;\n" THERE,
	    "To: undisclosed-recipients:;\n" THERE, "" },
	{ "To: two words\n" THERE, "To: two words\n" THERE,
	    "\"not an address: two words\"@h.example " },
	{ "To: a@x, b@, c@x\n" THERE, "To: a@x, b@, c@x\n" THERE,
	    "a@x \"not an address: b@\"@h.example c@x " },
	{ "Cc: \xc3\xa9@x\n" THERE, "Cc: \xc3\xa9@x\n" THERE, "\xc3\xa9@x " },
	{ "Cc: \xe9@x, a@x\n" THERE, "Cc: \xe9@x, a@x\n" THERE,
	    "\"not an address: ?@x\"@h.example a@x " },
	{ "To: |id\n" THERE, "To: |id@h.example\n" THERE, "|id@h.example " },
	{ "To: /etc/x\n" THERE, "To: /etc/x@h.example\n" THERE,
	    "/etc/x@h.example " },
	{ "To: -bp\n" THERE, "To: -bp@h.example\n" THERE, "-bp@h.example " },
	/* Signed, be it only by name. */
	{ "DKIM-Signature: v=1\nFrom: root\nTo: bob\n",
	    "DKIM-Signature: v=1\nFrom: root\nTo: bob\n", "bob@h.example " },
	{ "dkim-signature:\nFrom: root\nTo: bob\nBcc: x@y\n",
	    "dkim-signature:\nFrom: root\nTo: bob\n", "bob@h.example x@y " },
	/* What is none of our business stays. */
	{ "X:  a\t\n  b\n" THERE "To: x@y\n",
	    "X:  a\t\n  b\n" THERE "To: x@y\n", "x@y " },
	{ "From: =?utf-8?q?J=C3=BCrgen?= <root>\nTo: x@y\n" LATER,
	    "From: =?utf-8?q?J=C3=BCrgen?= <me@example.net>\nTo: x@y\n" LATER,
	    "x@y " },
};

static void
test_heads(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct recipients r = { .list = NULL };
		struct fixup x = { .config = &config,
			.from = "me",
			.date = "now",
			.id = "id",
			.recipients = &r,
			.no_to = true };
		char *fixed = NULL, took[512] = "";
		size_t len = 0;
		FILE *out = open_memstream(&fixed, &len);
		int result =
		    fixup_head(&x, cases[i].head, strlen(cases[i].head), out);
		fclose(out);
		for (size_t k = 0; k < r.count; k++) {
			strlcat(took, r.list[k], sizeof(took));
			strlcat(took, " ", sizeof(took));
		}
		bool good = result == 0 && strcmp(fixed, cases[i].fixed) == 0 &&
		            strcmp(took, cases[i].took) == 0;
		if (!ok(good, "header section %zu", i)) {
			printf(
			    "# got %d, %s, to %s\n", (int)result, fixed, took);
		}
		recipients_free(&r);
		free(fixed);
	}
}

/* Without -t nobody is added, but Bcc goes all the same. */
static void
test_arguments(void)
{
	static const char head[] = "To: two words\nBcc: a@x\n" THERE;
	struct fixup x = { .config = &config };
	char *fixed = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&fixed, &len);
	int result = fixup_head(&x, head, sizeof(head) - 1, out);

	fclose(out);
	ok(result == 0 && strcmp(fixed, "To: two words\n" THERE) == 0,
	    "recipients that are arguments");
	free(fixed);
}

/* What is signed stays as it is, but for Bcc; its recipients count. */
static void
test_signed(void)
{
	static const char head[] =
	    "To: bob, root@h.example\nBcc: eve\nFrom: \nSender: root\n"
	    "dkim-signature : v=1\n";
	static const char want[] =
	    "To: bob, root@h.example\nFrom: \nSender: root\n"
	    "dkim-signature : v=1\n";
	struct recipients r = { .list = NULL };
	struct fixup x = { .config = &config,
		.from = "me",
		.date = "now",
		.id = "id",
		.no_to = true,
		.recipients = &r };
	char *fixed = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&fixed, &len);
	int result = fixup_head(&x, head, sizeof(head) - 1, out);

	fclose(out);
	ok(result == 0 && strcmp(fixed, want) == 0 && r.count == 3,
	    "a signed header section");
	recipients_free(&r);
	free(fixed);
}

/* What a mail program has written is completed, and no more. */
static void
test_complete_only(void)
{
	static const char head[] =
	    "To: bob, root@h.example\nbcc :\n a@x,\n\tb@x\nFrom: \n"
	    "Resent-Bcc: c@x\nX-Bcc: d@x\n";
	static const char want[] =
	    "To: bob@h.example, root@h.example\nX-Bcc: d@x\n" ADDED;
	struct fixup x = { .config = &config,
		.from = "me",
		.date = "now",
		.id = "id",
		.whose = REWRITE_OTHER };
	char *fixed = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&fixed, &len);
	int result = fixup_head(&x, head, sizeof(head) - 1, out);

	fclose(out);
	ok(result == 0 && strcmp(fixed, want) == 0,
	    "what is missing, and no Bcc");
	free(fixed);
}

/* Of a user's mail only what a rule names for that becomes another. */
static void
test_login(void)
{
	static const struct config some = { .hostname = "h.example",
		.masquerades = { { "a@h.example", "me@example.net", true },
		    { "@h.example", "all@example.net", false },
		    { "@i.example", "@example.net", true } },
		.nmasquerades = 3 };
	static const struct {
		enum rewrite_whose whose;
		const char *address, *other;
	} pairs[] = {
		{ REWRITE_COMMAND, "a@h.example", "me@example.net" },
		{ REWRITE_COMMAND, "b@h.example", "all@example.net" },
		{ REWRITE_LOGIN, "A@H.example", "me@example.net" },
		{ REWRITE_LOGIN, "b@h.example", "" },
		{ REWRITE_LOGIN, "b@i.example", "b@example.net" },
		{ REWRITE_LOGIN, "", "" },
		{ REWRITE_OTHER, "a@h.example", "" },
		{ REWRITE_OTHER, "b@i.example", "" },
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		char out[ADDRESS_TEXT] = "";
		bool other = rewrite_masquerade(
		    &some, pairs[i].whose, pairs[i].address, out);
		ok(other == (pairs[i].other[0] != '\0') &&
			strcmp(out, pairs[i].other) == 0,
		    "masquerade %zu: %s", i, pairs[i].address);
	}
}

/* Lists as arguments have them: what it takes, each with a blank after it. */
static const struct {
	const char *text, *took;
	enum recipients_result result;
} lists[] = {
	{ "bob", "bob@h.example ", RECIPIENTS_OK },
	{ "a..b@x", "a..b@x ", RECIPIENTS_OK },
	{ ".a.@x", ".a.@x ", RECIPIENTS_OK },
	{ "<a@x>", "a@x ", RECIPIENTS_OK },
	{ "@r,@s:a@x", "a@x ", RECIPIENTS_OK },
	{ "A B <a@x>", "a@x ", RECIPIENTS_OK },
	{ "a, b@x,, <c>", "a@h.example b@x c@h.example ", RECIPIENTS_OK },
	{ "a, A@H.example", "a@h.example ", RECIPIENTS_OK },
	{ "", "", RECIPIENTS_OK },
	{ "<>", "\"not an address: <>\"@h.example ", RECIPIENTS_BROKEN },
	{ "a, <>, b",
	    "a@h.example \"not an address: <>\"@h.example b@h.example ",
	    RECIPIENTS_BROKEN },
	{ "a\nb", "\"not an address: a?b\"@h.example ", RECIPIENTS_BROKEN },
	{ "a@x>\r\nRCPT TO:<b@x",
	    "\"not an address: a@x>??RCPT TO\"@h.example "
	    "\"not an address: <b@x\"@h.example ",
	    RECIPIENTS_BROKEN },
	{ "\"a\\b@c", "\"not an address: ?a?b@c\"@h.example ",
	    RECIPIENTS_BROKEN },
	{ "a b c d e f g h i j k l m n o p q r s t u v w x y z",
	    "\"not an address: a b c d e f g h i j k l m n o p q r s t u v w \""
	    "@h.example ",
	    RECIPIENTS_BROKEN },
	{ "\xc3\xa9@\xc3\xa9", "\xc3\xa9@xn--9ca ", RECIPIENTS_OK },
	{ "\xe9@x, a", "\"not an address: ?@x\"@h.example a@h.example ",
	    RECIPIENTS_8BIT },
};

static void
test_lists(void)
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct recipients r = { .list = NULL };
		char took[512] = "";
		enum recipients_result got = recipients_add(
		    &r, &config, lists[i].text, strlen(lists[i].text));
		for (size_t k = 0; k < r.count; k++) {
			strlcat(took, r.list[k], sizeof(took));
			strlcat(took, " ", sizeof(took));
		}
		if (!ok(got == lists[i].result &&
			    strcmp(took, lists[i].took) == 0,
			"list %zu", i)) {
			note("got %d, %s", (int)got, took);
		}
		recipients_free(&r);
	}
}

static const struct {
	const char *text, *wanted;
	enum path result;
} paths[] = {
	{ "bob", "bob@h.example", PATH_OK },
	{ "bob@x.y", "bob@x.y", PATH_OK },
	{ "<bob>", "bob@h.example", PATH_OK },
	{ "<>", "", PATH_OK },
	{ "\"a b\"", "\"a b\"@h.example", PATH_OK },
	{ "-Xfile", "-Xfile@h.example", PATH_OK },
	{ "a -Xfile", "", PATH_SYNTAX },
	{ "a\nb", "", PATH_SYNTAX },
	{ "a\rb@c", "", PATH_SYNTAX },
	{ "\"a\nb\"@c", "", PATH_SYNTAX },
	{ "a@b>\r\nRCPT TO:<c@d", "", PATH_SYNTAX },
	{ "a@b SIZE=1", "", PATH_SYNTAX },
	{ "", "", PATH_SYNTAX },
};

static void
test_paths(void)
{
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		char out[ADDRESS_TEXT] = "";
		enum path got = rewrite_path(&config, paths[i].text, out);
		if (!ok(got == paths[i].result &&
			    (got != PATH_OK ||
				strcmp(out, paths[i].wanted) == 0),
			"address %zu", i)) {
			note("got %d, %s", (int)got, out);
		}
	}
}

static const struct {
	const char *gecos, *login, *wanted;
} names[] = {
	{ "Alice Example,Room 1,,", "alice", "Alice Example" },
	{ "& Example", "alice", "Alice Example" },
	{ "The &,x", "bob", "The Bob" },
	{ "", "bob", "" },
	{ ",,,", "bob", "" },
	{ "&", "", "" },
};

static void
test_names(void)
{
	char out[IDENTITY_NAME + 1], big[2 * IDENTITY_NAME];
	struct identity nobody;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		identity_full_name(names[i].gecos, names[i].login, out);
		ok(strcmp(out, names[i].wanted) == 0, "full name %zu", i);
	}
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	identity_full_name(big, "bob", out);
	ok(out[0] == '\0', "a full name that is too long");
	big[IDENTITY_NAME] = '\0';
	identity_full_name(big, "bob", out);
	ok(strlen(out) == IDENTITY_NAME, "the longest full name");
	big[IDENTITY_NAME - 1] = '&';
	identity_full_name(big, "bob", out);
	ok(out[0] == '\0', "one that its login makes too long");
	ok(identity_find((uid_t)-2, &nobody) == 0 && nobody.login[0] != '\0',
	    "a uid without an account has a name");
}

static void
test_many(void)
{
	struct recipients r = { .list = NULL };
	bool good = true;
	char text[64];

	for (int i = 0; i < 5000; i++) {
		int n = snprintf(text, sizeof(text), "u%d@x, ,v%d", i, i);
		good = good && recipients_add(&r, &config, text, (size_t)n) ==
		                   RECIPIENTS_OK;
	}
	ok(good && r.count == 10000, "ten thousand recipients");
	recipients_free(&r);
}

int
main(void)
{
	test_heads();
	test_arguments();
	test_signed();
	test_complete_only();
	test_login();
	test_lists();
	test_paths();
	test_names();
	test_many();
	return tap_done();
}
