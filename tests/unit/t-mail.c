/* SPDX-License-Identifier: ISC */
/*
 * The head of a queue file: what is written is read again, octet for octet;
 * what is damaged is said to be, and never read as something else.
 */
#include "spool/mail.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#include <errno.h>

static void
fill(struct mail *m)
{
	static const struct recipient recipients[] = {
		{ TARGET_ADDRESS, "bob@example.org", "", "",
		    "rfc822;bob@example.org", NOTIFY_FAILURE | NOTIFY_DELAY,
		    { RECIPIENT_WAITING, false, 3, 1763800000, 1763790000 },
		    "" },
		{ TARGET_USER, "carol", "info@example.net", "", "",
		    NOTIFY_NEVER, { RECIPIENT_SENT, true, 1, 0, 1763790001 },
		    "" },
		{ TARGET_FILE, "/srv/a b/list: x", "list@example.net", "dan",
		    "", 0, { RECIPIENT_EXPANDED, false, 0, 0, 0 }, "" },
		{ TARGET_PIPE, "/usr/bin/filter -x 'a b'", "", "eve", "",
		    NOTIFY_SUCCESS, { RECIPIENT_FAILED, true, 9999, 7, 8 },
		    "" },
		{ TARGET_ADDRESS, "gr\303\274n@example.org", "", "", "", 0,
		    { RECIPIENT_REMOVED, false, 12, 9999999999, 1 },
		    "refused by a rule: not here" },
	};

	mail_init(m);
	strlcpy(m->sender, "alice@example.org", sizeof(m->sender));
	strlcpy(m->user, "alice", sizeof(m->user));
	strlcpy(m->client, "2001:db8::1", sizeof(m->client));
	strlcpy(m->envid, "QQ+2B314159", sizeof(m->envid));
	m->ret = RET_HDRS;
	m->eight_bit = m->utf8 = true;
	m->hold = 1763790000;
	m->priority = -7;
	m->by = (struct deliver_by){ BY_RETURN, true, 1763791234 };
	m->need_tls = true;
	m->size = 4711;
	for (size_t i = 0; i < sizeof(recipients) / sizeof(*recipients); i++) {
		scratch_need(mail_add(m, &recipients[i]) == 0, "mail_add");
	}
}

static bool
same_slot(const struct slot_state *a, const struct slot_state *b)
{
	return a->state == b->state && a->delay_notice == b->delay_notice &&
	       a->attempts == b->attempts && a->next == b->next &&
	       a->last == b->last;
}

static bool
same(const struct mail *a, const struct mail *b)
{
	bool good = strcmp(a->id, b->id) == 0 && a->arrival == b->arrival &&
	            strcmp(a->sender, b->sender) == 0 &&
	            strcmp(a->user, b->user) == 0 &&
	            strcmp(a->client, b->client) == 0 &&
	            strcmp(a->envid, b->envid) == 0 && a->ret == b->ret &&
	            a->eight_bit == b->eight_bit && a->utf8 == b->utf8 &&
	            a->need_tls == b->need_tls &&
	            a->tls_optional == b->tls_optional &&
	            a->marked == b->marked && a->priority == b->priority &&
	            a->by.mode == b->by.mode && a->by.trace == b->by.trace &&
	            a->by.time == b->by.time && a->hold == b->hold &&
	            a->size == b->size && a->count == b->count;

	for (size_t i = 0; good && i < a->count; i++) {
		const struct recipient *x = &a->recipients[i];
		const struct recipient *y = &b->recipients[i];
		good = x->target == y->target &&
		       strcmp(x->text, y->text) == 0 &&
		       strcmp(x->given, y->given) == 0 &&
		       strcmp(x->owner, y->owner) == 0 &&
		       strcmp(x->orcpt, y->orcpt) == 0 &&
		       strcmp(x->refused, y->refused) == 0 &&
		       x->notify == y->notify && same_slot(&x->slot, &y->slot);
	}
	return good;
}

/* Parses a copy of just that size, so that a tool sees overruns. */
static enum mail_parsed
parse(struct mail *m, const char *text, size_t size, size_t *len)
{
	char *exact = malloc(size + (size == 0));

	scratch_need(exact != NULL, "malloc");
	memcpy(exact, text, size);
	enum mail_parsed result = mail_parse(m, exact, size, len);
	free(exact);
	return result;
}

static void
test_round_trip(void)
{
	struct mail m, back;
	size_t len, end = 0;

	fill(&m);
	char *head = mail_head(&m, &len);
	ok(head != NULL && parse(&back, head, len, &end) == MAIL_OK &&
		end == len && same(&m, &back),
	    "what is written is read again");
	scratch_need(head != NULL, "mail_head");
	size_t again;
	char *second = mail_head(&back, &again);
	ok(second != NULL && again == len && memcmp(head, second, len) == 0,
	    "and written again as it was");
	ok(mail_add(&back, &back.recipients[0]) == 0 &&
		mail_add(&back, &back.recipients[1]) == 0 && back.count == 7 &&
		strcmp(back.recipients[6].given, "info@example.net") == 0,
	    "a mail that was read can grow by its own recipients");
	free(second);
	mail_free(&back);

	struct bytes whole = { 0 };
	bytes_add(&whole, head, len);
	bytes_text(&whole, "Subject: x\r\n\r\nto: a\n\nb\r\n");
	ok(parse(&back, whole.data, whole.len, &end) == MAIL_OK && end == len,
	    "a body does not matter");
	mail_free(&back);
	free(whole.data);

	ok(mail_head_size(head, len, 123456789012) == 0 &&
		parse(&back, head, len, &end) == MAIL_OK && end == len &&
		back.size == 123456789012,
	    "the size is put in afterwards");
	mail_free(&back);
	ok(mail_head_size(head, len, 1000000000000) == -1 && errno == EFBIG,
	    "unless it has too many digits");
	free(head);
	mail_free(&m);
}

static void
test_form(void)
{
	static const char expected[] = "restante-queue 1  000001       \n"
				       "w- 0000 0000000000 0000000000  \n"
				       "id: abcdefghijkl\n"
				       "arrival: 1763780000\n"
				       "sender: \n"
				       "to: u carol\n"
				       "size: 000000000000\n\n";
	struct recipient r = { .target = TARGET_USER, .text = "carol" };
	struct mail m;
	size_t len;

	mail_init(&m);
	strlcpy(m.id, "abcdefghijkl", sizeof(m.id));
	m.arrival = 1763780000;
	scratch_need(mail_add(&m, &r) == 0, "mail_add");
	char *head = mail_head(&m, &len);
	ok(head != NULL && len == sizeof(expected) - 1 &&
		memcmp(head, expected, len) == 0,
	    "the smallest head is as restante-queue(5) says");
	free(head);
	struct slot_state s = { RECIPIENT_FAILED, true, 100000, -5,
		(time_t)1 << 40 };
	char line[MAIL_LINE];
	mail_slot(&s, line);
	ok(memcmp(line, "fd 9999 0000000000 9999999999  \n", 32) == 0,
	    "numbers that have no room are bounded");
	mail_free(&m);
}

static void
test_refused(void)
{
	static const struct {
		const char *name;
		struct recipient r;
	} cases[] = {
		{ "an empty one", { .text = "" } },
		{ "a line end", { .text = "a\nto: a b" } },
		{ "a CR", { .text = "a\rb" } },
		{ "DEL", { .text = "a\177b" } },
		{ "a line end in the address given",
		    { .text = "a", .given = "\n" } },
		{ "a line end in the owner", { .text = "a", .owner = "\n" } },
		{ "a blank line in ORCPT", { .text = "a", .orcpt = "\n\n" } },
		{ "a line end in a refusal", { .text = "a", .refused = "\n" } },
		{ "an unknown notify", { .text = "a", .notify = 16 } },
	};
	struct mail m;
	size_t len;

	mail_init(&m);
	ok(mail_head(&m, &len) == NULL && errno == EINVAL,
	    "a mail for nobody is not written");
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct recipient r = cases[i].r;
		ok(mail_add(&m, &r) == -1 && errno == EINVAL && m.count == 0,
		    "no recipient: %s", cases[i].name);
	}
	struct bytes longest = { 0 };
	bytes_fill(&longest, 'x', MAIL_TEXT);
	longest.data[MAIL_TEXT - 1] = '\0';
	struct recipient r = {
		.text = longest.data, .given = "", .owner = "", .orcpt = ""
	};
	ok(mail_add(&m, &r) == 0, "the longest recipient");
	bytes_fill(&longest, '\0', 1);
	longest.data[MAIL_TEXT - 1] = 'x';
	r.text = longest.data;
	ok(mail_add(&m, &r) == -1 && errno == EINVAL, "and one too long");
	free(longest.data);
	strlcpy(m.sender, "a@b\n", sizeof(m.sender));
	ok(mail_head(&m, &len) == NULL && errno == EINVAL,
	    "a sender with a line end is not written");
	mail_free(&m);
}

/* Any number of recipients up to the limit, and not one more. */
static void
test_many(void)
{
	struct recipient r = {
		.text = "a@b", .given = "", .owner = "", .orcpt = ""
	};
	struct mail m, back;
	size_t len, end;
	bool good = true;

	mail_init(&m);
	for (long i = 0; i < MAIL_RECIPIENTS; i++) {
		good = good && mail_add(&m, &r) == 0;
	}
	ok(good, "as many recipients as there may be");
	ok(mail_add(&m, &r) == -1 && errno == E2BIG, "and no more");
	char *head = mail_head(&m, &len);
	scratch_need(head != NULL, "mail_head");
	ok(mail_parse(&back, head, len, &end) == MAIL_OK && end == len &&
		back.count == MAIL_RECIPIENTS,
	    "they are read again");
	mail_free(&back);
	mail_free(&m);
	free(head);
}

/* A beginning of a head is never a head. */
static void
test_cut(void)
{
	struct mail m, back;
	size_t len, end;
	size_t wrong = 0;

	fill(&m);
	char *head = mail_head(&m, &len);
	scratch_need(head != NULL, "mail_head");
	for (size_t i = 0; i < len; i++) {
		wrong += parse(&back, head, i, &end) != MAIL_SHORT;
	}
	ok(wrong == 0, "cut short at each octet: more is needed (%zu wrong)",
	    wrong);
	free(head);
	mail_free(&m);
}

/* True if two mails differ in no more than one recipient's slot. */
static bool
same_but_slots(struct mail *a, const struct mail *b)
{
	for (size_t i = 0; i < a->count && i < b->count; i++) {
		a->recipients[i].slot = b->recipients[i].slot;
	}
	return same(a, b);
}

/*
 * Each octet of the slots becomes each other one: the rest is what it was, a
 * number is one or 0, and a state is one that the letter says.
 */
static void
test_slots(void)
{
	struct mail m, back;
	size_t len, end, wrong = 0, damaged = 0;

	fill(&m);
	char *head = mail_head(&m, &len);
	scratch_need(head != NULL, "mail_head");
	for (size_t at = MAIL_LINE; at < (m.count + 1) * MAIL_LINE; at++) {
		char was = head[at];
		for (int c = 0; c < 256; c++) {
			head[at] = (char)c;
			enum mail_parsed result = parse(&back, head, len, &end);
			bool letter = at % MAIL_LINE == 0 &&
			              (c == 0 || strchr("wsxfr", c) == NULL);
			damaged += letter;
			wrong += result != (letter ? MAIL_DAMAGED : MAIL_OK);
			if (result == MAIL_OK) {
				struct slot_state *s =
				    &back.recipients[at / MAIL_LINE - 1].slot;
				wrong += s->attempts > 9999 || s->next < 0 ||
				         s->next > 9999999999;
				wrong += !same_but_slots(&back, &m);
				mail_free(&back);
			}
		}
		head[at] = was;
	}
	ok(wrong == 0 && damaged == 5 * 251, "slots with a wrong octet");
	memset(head + MAIL_LINE + 8, '*', 10);
	ok(parse(&back, head, len, &end) == MAIL_OK &&
		back.recipients[0].slot.next == 0 &&
		back.recipients[0].slot.attempts == 3,
	    "a time that cannot be read is now");
	mail_free(&back);
	free(head);
	mail_free(&m);
}

/*
 * Each octet after them becomes each other one.  That may read as another
 * address, but never as a head of another form: what is read is written again
 * as it lies there.
 */
static void
test_flips(void)
{
	struct mail m, back;
	size_t len, end, wrong = 0;

	fill(&m);
	size_t table = (m.count + 1) * MAIL_LINE;
	char *head = mail_head(&m, &len);
	scratch_need(head != NULL, "mail_head");
	for (size_t at = 0; at < len; at++) {
		char was = head[at];
		at = at == MAIL_LINE ? table : at;
		was = head[at];
		for (int c = 0; c < 256; c++) {
			head[at] = (char)c;
			if (parse(&back, head, len, &end) != MAIL_OK) {
				continue;
			}
			bool control = (c < ' ' && c != '\n') || c == 0x7f;
			size_t again;
			char *second = mail_head(&back, &again);
			wrong += control || second == NULL || again != end ||
			         memcmp(second, head, end) != 0;
			free(second);
			mail_free(&back);
		}
		head[at] = was;
	}
	ok(wrong == 0, "lines with a wrong octet (%zu wrong)", wrong);
	free(head);
	mail_free(&m);
}

static void
test_damage(void)
{
#define FIRST "restante-queue 1  000001       \n"
#define SLOT "w- 0000 0000000000 0000000000  \n"
#define BEGIN FIRST SLOT "id: abcdefghijkl\narrival: 1\nsender: \n"
#define END "size: 000000000000\n\n"
	static const struct {
		const char *name, *text;
		enum mail_parsed result;
	} cases[] = {
		{ "a good one", BEGIN "to: a b\n" END, MAIL_OK },
		{ "a later version", "restante-queue 2  000001       \n" SLOT,
		    MAIL_LATER },
		{ "an earlier version",
		    "restante-queue 0  000001       \n" SLOT, MAIL_DAMAGED },
		{ "no recipients", "restante-queue 1  000000       \n" SLOT,
		    MAIL_DAMAGED },
		{ "something else", "From alice@example.org Mon Jan  6 2025\n",
		    MAIL_DAMAGED },
		{ "fewer recipients than slots", BEGIN END, MAIL_DAMAGED },
		{ "more recipients than slots", BEGIN "to: a b\nto: a c\n" END,
		    MAIL_DAMAGED },
		{ "an unknown key", BEGIN "colour: 1\nto: a b\n" END,
		    MAIL_DAMAGED },
		{ "an unknown key of a recipient",
		    BEGIN "to: a b\nvia: c\n" END, MAIL_DAMAGED },
		{ "an unknown kind", BEGIN "to: z b\n" END, MAIL_DAMAGED },
		{ "no kind", BEGIN "to: \n" END, MAIL_DAMAGED },
		{ "nobody", BEGIN "to: a \n" END, MAIL_DAMAGED },
		{ "a key twice", BEGIN "sender: \nto: a b\n" END,
		    MAIL_DAMAGED },
		{ "a recipient's key without one",
		    BEGIN "given: x\nto: a b\n" END, MAIL_DAMAGED },
		{ "a recipient's key twice",
		    BEGIN "to: a b\ngiven: x\ngiven: y\n" END, MAIL_DAMAGED },
		{ "something after the size",
		    BEGIN "to: a b\nsize: 000000000000\nutf8: yes\n\n",
		    MAIL_DAMAGED },
		{ "no size", BEGIN "to: a b\n\n", MAIL_DAMAGED },
		{ "a size that is no number", BEGIN "to: a b\nsize: 1x\n\n",
		    MAIL_DAMAGED },
		{ "a size beyond numbers",
		    BEGIN "to: a b\nsize: 9999999999999999999999\n\n",
		    MAIL_DAMAGED },
		{ "a hold", BEGIN "hold: 1763790000\nto: a b\n" END, MAIL_OK },
		{ "TLS", BEGIN "tls: required\nto: a b\n" END, MAIL_OK },
		{ "no TLS", BEGIN "tls: optional\nto: a b\n" END, MAIL_OK },
		{ "spam", BEGIN "marked: yes\nto: a b\n" END, MAIL_OK },
		{ "held by a filter",
		    BEGIN "marked: yes\nheld: looks odd\nto: a b\n" END,
		    MAIL_OK },
		{ "held for nothing", BEGIN "held: \nto: a b\n" END,
		    MAIL_DAMAGED },
		{ "no spam", BEGIN "marked: no\nto: a b\n" END, MAIL_DAMAGED },
		{ "another TLS", BEGIN "tls: may\nto: a b\n" END,
		    MAIL_DAMAGED },
		{ "by when", BEGIN "by: return 1\nto: a b\n" END, MAIL_OK },
		{ "or a report", BEGIN "by: notify 1 trace\nto: a b\n" END,
		    MAIL_OK },
		{ "by no time", BEGIN "by: return\nto: a b\n" END,
		    MAIL_DAMAGED },
		{ "by something else", BEGIN "by: never 1\nto: a b\n" END,
		    MAIL_DAMAGED },
		{ "by a time and more", BEGIN "by: notify 1 x\nto: a b\n" END,
		    MAIL_DAMAGED },
		{ "by a time with zeros", BEGIN "by: notify 01\nto: a b\n" END,
		    MAIL_DAMAGED },
		{ "by no number",
		    BEGIN
		    "by: notify 99999999999999999999999999\nto: a b\n" END,
		    MAIL_DAMAGED },
		{ "a priority", BEGIN "priority: 9\nto: a b\n" END, MAIL_OK },
		{ "a low one", BEGIN "priority: -1\nto: a b\n" END, MAIL_OK },
		{ "one that says nothing", BEGIN "priority: 0\nto: a b\n" END,
		    MAIL_DAMAGED },
		{ "one too high", BEGIN "priority: 10\nto: a b\n" END,
		    MAIL_DAMAGED },
		{ "one ahead of its place",
		    BEGIN "priority: 1\nhold: 1763790000\nto: a b\n" END,
		    MAIL_DAMAGED },
		{ "a hold of nothing", BEGIN "hold: 0\nto: a b\n" END,
		    MAIL_DAMAGED },
		{ "a hold that is no number", BEGIN "hold: -1\nto: a b\n" END,
		    MAIL_DAMAGED },
		{ "an unknown notify", BEGIN "to: a b\nnotify: often\n" END,
		    MAIL_DAMAGED },
		{ "half a notify", BEGIN "to: a b\nnotify: success,\n" END,
		    MAIL_DAMAGED },
		{ "a bad id",
		    FIRST SLOT "id: ../../etc/pw\narrival: 1\nsender: \n"
			       "to: a b\n" END,
		    MAIL_DAMAGED },
		{ "a time of eleven digits",
		    FIRST SLOT "id: abcdefghijkl\narrival: 10000000000\n"
			       "sender: \nto: a b\n" END,
		    MAIL_DAMAGED },
		{ "a hold of eleven digits",
		    FIRST SLOT "id: abcdefghijkl\narrival: 1\nsender: \n"
			       "hold: 99999999999\nto: a b\n" END,
		    MAIL_DAMAGED },
		{ "a deadline of eleven digits",
		    FIRST SLOT "id: abcdefghijkl\narrival: 1\nsender: \n"
			       "by: notify 10000000000\nto: a b\n" END,
		    MAIL_DAMAGED },
		{ "the last time of all",
		    FIRST SLOT "id: abcdefghijkl\narrival: 9999999999\n"
			       "sender: \nto: a b\n" END,
		    MAIL_OK },
		{ "no id", FIRST SLOT "arrival: 1\nsender: \nto: a b\n" END,
		    MAIL_DAMAGED },
		{ "a slot of zeroes", FIRST "x", MAIL_SHORT },
		{ "nothing", "", MAIL_SHORT },
	};
	struct mail m;
	size_t end;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		enum mail_parsed result =
		    parse(&m, cases[i].text, strlen(cases[i].text), &end);
		ok(result == cases[i].result, "a head with %s", cases[i].name);
		if (result == MAIL_OK) {
			mail_free(&m);
		}
	}
}

static void
test_ids(void)
{
	char a[MAIL_ID + 1], b[MAIL_ID + 1];

	mail_new_id(a);
	mail_new_id(b);
	ok(mail_is_id(a) && mail_is_id(b) && strcmp(a, b) != 0, "fresh ids");
	/* pflogsumm and logwatch take no small ones for ids. */
	ok(strspn(a, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == MAIL_ID,
	    "capital letters and digits");
	ok(!mail_is_id("") && !mail_is_id("abcdefghijk") &&
		!mail_is_id("abcdefghijklm") && !mail_is_id("abcdefghijk/") &&
		!mail_is_id("............") && !mail_is_id(".tmp.abcdefg"),
	    "and what is none");
}

static void
test_hold(void)
{
	const time_t now = 1763780000;
	const struct mail none = { .arrival = now };
	const struct mail held = { .arrival = now, .hold = now + 10 };
	const struct mail wild = { .hold = now + MAIL_HOLD + 1 };
	const struct slot_state first = { .next = now + 10 };
	const struct slot_state far = { .next = now + MAIL_HOLD + 1 };
	const struct slot_state released = { .next = 0 };

	ok(mail_is_held(&held, &first, now) &&
		mail_is_held(&held, &first, now + 9),
	    "held until it is time");
	ok(!mail_is_held(&held, &first, now + 10), "and no longer");
	ok(!mail_is_held(&held, &released, now), "or until it is released");
	ok(!mail_is_held(&none, &released, now), "others are not held");
	ok(!mail_is_held(&wild, &far, now), "nor is one whose clock jumped");
	ok(mail_begins(&none) == now && mail_begins(&held) == now + 10,
	    "its time begins when it is released");
}

int
main(void)
{
	test_round_trip();
	test_form();
	test_refused();
	test_many();
	test_cut();
	test_slots();
	test_flips();
	test_damage();
	test_ids();
	test_hold();
	return tap_done();
}
