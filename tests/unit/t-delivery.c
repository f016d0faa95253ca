/* SPDX-License-Identifier: ISC */
/*
 * The envelope that a session hands on: a session that was taken over names no
 * files, commands, owners or users, takes nobody's name, and tells no time.
 */
#include "smtpd/worker/delivery.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#include <stdlib.h>
#include <string.h>

enum { NOW = 1763780000 };

static const struct peer peer = { .address = "192.0.2.7" };

/* What a session of ours sends: two recipients, of whom one wants to know. */
static void
fill(struct mail *m)
{
	const struct recipient to[] = {
		{ .text = "bob@example.org", .notify = NOTIFY_SUCCESS },
		{ .text = "carol", .orcpt = "rfc822;carol@example.org" },
	};

	mail_init(m);
	m->arrival = 1; /* which counts for nothing */
	strlcpy(m->sender, "alice@example.org", sizeof(m->sender));
	strlcpy(m->envid, "QQ+2B314159", sizeof(m->envid));
	m->size = 17;
	for (size_t i = 0; i < 2; i++) {
		scratch_need(mail_add(m, &to[i]) == 0, "mail_add");
	}
}

enum { RECIPIENTS = 1000 };

/* What a worker makes of a text. */
static bool
takes(const char *text, size_t len, struct mail *m)
{
	static struct config config = { .recipients_user = RECIPIENTS };
	const struct task task = { .config = &config,
		.peer = &peer,
		.user = "alice",
		.payload = text,
		.size = len };

	return delivery_envelope(&task, NOW, m);
}

/* The same of an envelope, which is freed. */
static bool
takes_mail(struct mail *sent, struct mail *m)
{
	size_t len;
	char *text = mail_head(sent, &len);

	scratch_need(text != NULL, "mail_head");
	bool taken = takes(text, len, m);
	free(text);
	mail_free(sent);
	return taken;
}

/* Puts something else of the same length into the text of the envelope. */
static bool
takes_instead(const char *old, const char *new)
{
	struct mail sent, m;
	size_t len;

	fill(&sent);
	char *text = mail_head(&sent, &len);
	scratch_need(text != NULL, "mail_head");
	char *at = memmem(text, len, old, strlen(old));
	scratch_need(at != NULL && strlen(old) == strlen(new), "a place");
	memcpy(at, new, strlen(new));
	bool taken = takes(text, len, &m);
	if (taken) {
		mail_free(&m);
	}
	free(text);
	mail_free(&sent);
	return taken;
}

static void
test_good(void)
{
	struct mail sent, m;
	char id[MAIL_ID + 1];

	fill(&sent);
	strlcpy(id, sent.id, sizeof(id));
	sent.hold = NOW + 100;
	sent.by = (struct deliver_by){ BY_RETURN, true, NOW + 60 };
	scratch_need(takes_mail(&sent, &m), "a good one is taken");
	ok(strcmp(m.id, id) == 0 && m.count == 2 && m.hold == NOW + 100 &&
		m.by.time == NOW + 60 && m.by.trace &&
		strcmp(m.recipients[0].text, "bob@example.org") == 0 &&
		m.recipients[0].notify == NOTIFY_SUCCESS &&
		strcmp(m.recipients[1].orcpt, "rfc822;carol@example.org") == 0,
	    "a good envelope is taken as it is");
	ok(m.arrival == NOW && strcmp(m.user, "alice") == 0 &&
		strcmp(m.client, "192.0.2.7") == 0,
	    "arrival, user and client are the server's to say");
	mail_free(&m);
	fill(&sent);
	sent.hold = NOW - 1;
	scratch_need(takes_mail(&sent, &m), "one whose hold is over");
	ok(m.hold == 0, "a hold that is over holds nothing");
	mail_free(&m);
	ok(takes_instead("0000 0000", "0000 0000"), "the control");
}

/* ---- what is done to a good one ---- */

static void
add_recipient(struct mail *m, const struct recipient *r)
{
	scratch_need(mail_add(m, r) == 0, "mail_add");
}

static void
spoil_user(struct mail *m)
{
	strlcpy(m->user, "bob", sizeof(m->user));
}

static void
spoil_client(struct mail *m)
{
	strlcpy(m->client, "127.0.0.1", sizeof(m->client));
}

static void
spoil_pipe(struct mail *m)
{
	add_recipient(
	    m, &(struct recipient){ .target = TARGET_PIPE, .text = "/bin/sh" });
}

static void
spoil_file(struct mail *m)
{
	add_recipient(m, &(struct recipient){
			     .target = TARGET_FILE, .text = "/etc/cron.d/x" });
}

static void
spoil_target_user(struct mail *m)
{
	add_recipient(
	    m, &(struct recipient){ .target = TARGET_USER, .text = "bob" });
}

static void
spoil_owner(struct mail *m)
{
	add_recipient(
	    m, &(struct recipient){ .text = "bob@here", .owner = "root" });
}

static void
spoil_given(struct mail *m)
{
	add_recipient(
	    m, &(struct recipient){ .text = "bob@here", .given = "carol" });
}

static void
spoil_sent(struct mail *m)
{
	m->recipients[1].slot.state = RECIPIENT_SENT;
}

static void
spoil_attempts(struct mail *m)
{
	m->recipients[1].slot.attempts = 1;
}

static void
spoil_next(struct mail *m)
{
	m->recipients[0].slot.next = NOW + 1;
}

static void
spoil_last(struct mail *m)
{
	m->recipients[0].slot.last = 1;
}

static void
spoil_notice(struct mail *m)
{
	m->recipients[0].slot.delay_notice = true;
}

static void
spoil_hold(struct mail *m)
{
	m->hold = NOW + MAIL_HOLD + 1;
}

static void
spoil_by(struct mail *m)
{
	m->by =
	    (struct deliver_by){ BY_NOTIFY, false, (time_t)NOW + 1000000000 };
}

static void
spoil_utf8(struct mail *m)
{
	strlcpy(m->sender, "j\303\266rg@example.org", sizeof(m->sender));
}

static void
spoil_rcpt_utf8(struct mail *m)
{
	add_recipient(m, &(struct recipient){ .text = "j\303\266rg@x" });
}

static void
spoil_rcpt_broken(struct mail *m)
{
	m->utf8 = true;
	add_recipient(m, &(struct recipient){ .text = "j\303rg@x" });
}

static void
spoil_rcpt_control(struct mail *m)
{
	m->utf8 = true;
	add_recipient(m, &(struct recipient){ .text = "j\302\205rg@x" });
}

static void
spoil_orcpt(struct mail *m)
{
	add_recipient(m, &(struct recipient){ .text = "bob@here",
			     .orcpt = "utf-8;j\303\266rg" });
}

static void
spoil_refused(struct mail *m)
{
	add_recipient(m,
	    &(struct recipient){ .text = "bob@here", .refused = "not here" });
}

static void
spoil_envid(struct mail *m)
{
	strlcpy(m->envid, "j\303\266rg", sizeof(m->envid));
}

static void
spoil_long(struct mail *m)
{
	char text[ADDRESS_TEXT + 1];

	memset(text, 'a', ADDRESS_TEXT);
	text[ADDRESS_TEXT] = '\0';
	add_recipient(m, &(struct recipient){ .text = text });
}

static void
spoil_many(struct mail *m)
{
	while (m->count <= RECIPIENTS) {
		add_recipient(m, &(struct recipient){ .text = "bob@here" });
	}
}

static const struct {
	const char *what;
	void (*spoil)(struct mail *);
} hostile[] = {
	{ "a user's name", spoil_user },
	{ "a client", spoil_client },
	{ "a command", spoil_pipe },
	{ "a file", spoil_file },
	{ "a mailbox", spoil_target_user },
	{ "an owner", spoil_owner },
	{ "another address as given", spoil_given },
	{ "a recipient who has it", spoil_sent },
	{ "attempts", spoil_attempts },
	{ "a time of the next attempt", spoil_next },
	{ "a time of the last attempt", spoil_last },
	{ "a notice of delay", spoil_notice },
	{ "a hold for too long", spoil_hold },
	{ "a BY that is too late", spoil_by },
	{ "a sender in UTF-8 without SMTPUTF8", spoil_utf8 },
	{ "a recipient in UTF-8 without SMTPUTF8", spoil_rcpt_utf8 },
	{ "a recipient in broken UTF-8", spoil_rcpt_broken },
	{ "a recipient with a control character", spoil_rcpt_control },
	{ "an ORCPT in UTF-8", spoil_orcpt },
	{ "a stranger's recipient that is to be reported", spoil_refused },
	{ "an ENVID in UTF-8", spoil_envid },
	{ "a recipient that is too long", spoil_long },
	{ "too many recipients", spoil_many },
};

static void
test_hostile(void)
{
	struct mail sent, m;

	for (size_t i = 0; i < sizeof(hostile) / sizeof(*hostile); i++) {
		fill(&sent);
		hostile[i].spoil(&sent);
		bool taken = takes_mail(&sent, &m);
		ok(!taken, "refused: %s", hostile[i].what);
		if (taken) {
			mail_free(&m);
		}
	}
}

/* What mail_head() would not write. */
static void
test_damaged(void)
{
	struct mail sent, m;
	size_t len;

	ok(!takes_instead("w- 0000", "w- 000x"), "a slot that is not a number");
	ok(!takes_instead("w- 0000", "wx 0000"), "a slot with an unknown flag");
	ok(!takes_instead("\narrival", "/arrival"), "an id with a slash");
	ok(!takes_instead("to: a c", "to: x c"), "an unknown target");
	ok(!takes_instead("example.org\nenvid", "example.org\renvid"),
	    "a control character");
	ok(!takes_instead("000017", "00017 "), "a size that is none");
	fill(&sent);
	char *text = mail_head(&sent, &len);
	mail_free(&sent);
	scratch_need(text != NULL, "mail_head");
	ok(!takes(text, len - 1, &m), "an envelope that is cut off");
	char *more = calloc(1, len + 1);
	scratch_need(more != NULL, "memory");
	memcpy(more, text, len);
	ok(!takes(more, len + 1, &m), "an envelope with something after it");
	ok(!takes(text, 0, &m), "an empty envelope");
	ok(!delivery_valid(text, 0) && !delivery_valid(text, MAIL_LINE) &&
		delivery_valid(text, len),
	    "the server looks at the size");
	free(more);
	free(text);
}

/* A thousand recipients, as long as they may be; fewer with all parameters. */
static void
test_longest(void)
{
	char address[ADDRESS_TEXT], orcpt[MAIL_ORCPT + 1];
	const struct recipient r = { .text = address,
		.orcpt = orcpt,
		.notify = NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY };
	struct mail sent, m;
	size_t len;

	memset(address, 'a', sizeof(address) - 1);
	address[sizeof(address) - 1] = '\0';
	memset(orcpt, 'b', sizeof(orcpt) - 1);
	orcpt[sizeof(orcpt) - 1] = '\0';
	mail_init(&sent);
	strlcpy(sent.sender, address, sizeof(sent.sender));
	memset(sent.envid, 'c', sizeof(sent.envid) - 1);
	sent.ret = RET_FULL;
	sent.eight_bit = sent.utf8 = sent.need_tls = true;
	sent.hold = NOW + 1;
	sent.by = (struct deliver_by){ BY_NOTIFY, true, NOW };
	sent.priority = -MAIL_PRIORITY;
	enum { MANY = 300, USUAL = 1000 };
	for (size_t i = 0; i < MANY; i++) {
		scratch_need(mail_add(&sent, &r) == 0, "mail_add");
	}
	char *text = mail_head(&sent, &len);
	scratch_need(text != NULL, "mail_head");
	ok(len <= REQUEST_MAX, "the longest envelope is a request: %zu", len);
	bool taken = takes(text, len, &m);
	ok(taken && m.count == MANY, "which is taken");
	if (taken) {
		mail_free(&m);
	}
	free(text);
	mail_free(&sent);
	mail_init(&sent);
	const struct recipient bare = {
		.text = "somebody.with.a.long.name@department.of.something."
			"example.org"
	};
	for (size_t i = 0; i < USUAL; i++) {
		scratch_need(mail_add(&sent, &bare) == 0, "mail_add");
	}
	text = mail_head(&sent, &len);
	scratch_need(text != NULL, "mail_head");
	ok(len <= REQUEST_MAX - 4096, "so is one of a thousand: %zu", len);
	free(text);
	mail_free(&sent);
}

int
main(void)
{
	test_good();
	test_hostile();
	test_damaged();
	test_longest();
	return tap_done();
}
