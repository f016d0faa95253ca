/* SPDX-License-Identifier: ISC */
/* What a letter says: mail, refusals, senders. */
#include "smtpd/admin/letter_private.h"

#include <string.h>

/* Refusals in the order of the letter; all others are at the end. */
static const struct {
	enum stats which;
	const char *words;
} reasons[] = {
	{ STATS_REJECTED_USER, "no such user" },
	{ STATS_REJECTED_RELAY, "tried to relay" },
	{ STATS_REJECTED_LISTED, "on a block list" },
	{ STATS_REJECTED_GREYLIST, "told to come again (greylist)" },
	{ STATS_REJECTED_DMARC, "forged (DMARC)" },
	{ STATS_REJECTED_RATE, "too much at once" },
	{ STATS_REJECTED_ACCESS, "by your own rules" },
	{ STATS_REJECTED_POLICY, "by a rule" },
	{ STATS_FILTER_REFUSED, "by a filter" },
	{ STATS_REJECTED_SIZE, "too big" },
	{ STATS_REJECTED_SYNTAX, "malformed commands" },
	{ STATS_REJECTED_OTHER, "other reasons" },
};

enum { REASONS = sizeof(reasons) / sizeof(reasons[0]) };

uint64_t
letter_refusals(const struct letter *l, uint32_t day)
{
	uint64_t n = 0;

	for (size_t i = 0; i < REASONS; i++) {
		n += stats_on(&l->stats, day, reasons[i].which);
	}
	return n;
}

static void
add_day(struct letter *l, enum letter_kind kind, const char *label,
    uint64_t received, uint64_t sent)
{
	struct letter_line *line = letter_add(l, kind, label, "%s", "");

	if (line != NULL) {
		line->received = received;
		line->sent = sent;
	}
}

static void
add_mail(struct letter *l)
{
	char label[LETTER_DATE];

	letter_add(l, LETTER_HEAD, "Messages", "%s", "");
	if (letter_sum(l, STATS_DELIVERED) + letter_sum(l, STATS_RELAYED) +
		letter_sum_before(l, STATS_DELIVERED) +
		letter_sum_before(l, STATS_RELAYED) ==
	    0) {
		letter_add(l, LETTER_NOTE, "", "None came in or went out.");
		return;
	}
	for (uint32_t i = l->days; i-- > 0;) {
		uint32_t day = l->last - i;
		add_day(l, LETTER_DAY, letter_date(day, LETTER_SHORT, label),
		    stats_on(&l->stats, day, STATS_DELIVERED),
		    stats_on(&l->stats, day, STATS_RELAYED));
	}
	add_day(l, LETTER_WHOLE, "in all", letter_sum(l, STATS_DELIVERED),
	    letter_sum(l, STATS_RELAYED));
	add_day(l, LETTER_WHOLE, "week before",
	    letter_sum_before(l, STATS_DELIVERED),
	    letter_sum_before(l, STATS_RELAYED));
}

static void
add_count(struct letter *l, const char *label, uint64_t n, uint64_t most)
{
	char number[LETTER_NUMBER];
	struct letter_line *line =
	    letter_add(l, LETTER_COUNT, label, "%s", letter_number(n, number));

	if (line != NULL) {
		line->received = n;
		line->sent = most;
	}
}

/* Most first. */
static void
add_refusals(struct letter *l)
{
	uint64_t n[REASONS], total = 0, most = 0;
	size_t order[REASONS];
	char head[LETTER_LABEL], number[LETTER_NUMBER];

	for (size_t i = 0; i < REASONS; i++) {
		size_t k = i;
		n[i] = letter_sum(l, reasons[i].which);
		total += n[i];
		most = n[i] > most ? n[i] : most;
		for (; k > 0 && n[order[k - 1]] < n[i]; k--) {
			order[k] = order[k - 1];
		}
		order[k] = i;
	}
	snprintf(head, sizeof(head), "Refused: %s attempt%s",
	    letter_number(total, number), total == 1 ? "" : "s");
	letter_add(l, LETTER_HEAD, total == 0 ? "Refused" : head, "%s", "");
	for (size_t i = 0; i < REASONS && n[order[i]] > 0; i++) {
		add_count(l, reasons[order[i]].words, n[order[i]], most);
	}
	if (total == 0) {
		letter_add(l, LETTER_NOTE, "", "Nothing was refused.");
	}
}

static void
add_senders(struct letter *l)
{
	struct stats_sender top[STATS_TOP];
	size_t n = stats_top_sum(&l->stats, l->last, l->days, top);

	if (n > 0) {
		letter_add(
		    l, LETTER_HEAD, "Who wrote most (messages)", "%s", "");
	}
	for (size_t i = 0; i < n && i < LETTER_ROWS; i++) {
		add_count(l, top[i].domain, top[i].count, top[0].count);
	}
}

/* What --check finds without asking others. */
static void
check_setup(struct letter *l)
{
	struct check c = { .config = l->config,
		.program = "smtpd",
		.tell = letter_tell,
		.context = l };

	check_state(&c);
	check_users(&c);
	check_mailboxes(&c);
	check_limits(&c);
	check_tls(&c);
}

void
letter_fill(struct letter *l, bool ask)
{
	l->asked = ask;
	add_mail(l);
	add_refusals(l);
	letter_add(l, LETTER_HEAD, "Health", "%s", "");
	letter_ask_queue(l);
	if (ask) {
		/* Before keys of certificates are read: a process that asks
		   others inherits our memory. */
		letter_ask_dns(l);
	}
	letter_health(l);
	if (ask) {
		check_setup(l);
	}
	letter_mailboxes(l);
	if (l->names) {
		add_senders(l);
	}
}
