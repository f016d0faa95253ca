/* SPDX-License-Identifier: ISC */
/*
 * The places for agents, and who leaves some to whom.  Whatever takes long
 * (commands, mailboxes that are locked, next hops that do not answer) may take
 * all that its kind can have, and the mail of the other kinds still leaves.
 */
#include "smtpd/queue/scheduler_private.h"

#include "common/io/deadline.h"

/* Orders for mailboxes that are younger (ms) do not wait for anybody: more of
   them at once would only share the disk. */
enum { QUICK = 1000 };

enum work
place_work(const struct batch *b)
{
	/* All recipients of a batch for commands are such. */
	const struct recipient *first =
	    &b->message->file.mail.recipients[b->results[0].recipient];

	if (!b->local) {
		return b->message->standing == STANDING_REPORT ? WORK_REPORT
		                                               : WORK_RELAY;
	}
	return first->target == TARGET_USER ? WORK_MAILBOX : WORK_COMMAND;
}

/* A part of the places; few of them cannot be divided. */
static size_t
part(const struct runner *r, size_t by)
{
	size_t n = r->nagents / by;

	return n == 0 ? 1 : n;
}

/* What is under way. */
struct taken {
	size_t works[WORKS], parties[PARTIES];
	size_t quick; /* for mailboxes, and begun just now */
};

static void
count_taken(const struct runner *r, const struct batch *b, struct taken *t)
{
	int64_t now = deadline_now();

	for (size_t i = 0; i < r->nagents; i++) {
		const struct agent *a = &r->agents[i];
		if (a->destination == NULL || a->batch == NULL) {
			continue;
		}
		enum work its = place_work(a->batch);
		t->works[its]++;
		t->quick +=
		    its == WORK_MAILBOX && now - a->batch->given < QUICK;
		for (size_t k = 0; k < PARTIES && !a->batch->local; k++) {
			t->parties[k] += b->message->parties[k] != 0 &&
			                 a->batch->message->parties[k] ==
			                     b->message->parties[k];
		}
	}
}

/* What one party may have of the places, to other machines. */
static bool
party_allowed(const struct runner *r, const struct taken *t)
{
	static const size_t parts[] = { [PARTY_USER] = 2,
		[PARTY_CLIENT] = 10,
		[PARTY_NETWORK] = 5,
		[PARTY_DOMAIN] = 5 };

	for (size_t k = 0; k < PARTIES; k++) {
		if (t->parties[k] >= part(r, parts[k])) {
			return false;
		}
	}
	return true;
}

bool
place_allowed(struct runner *r, const struct batch *b)
{
	struct taken t = { 0 };
	enum work work = place_work(b);
	size_t others = r->nagents / 4; /* left for those */
	bool allowed = false;

	count_taken(r, b, &t);
	size_t relayed = t.works[WORK_RELAY] + t.works[WORK_REPORT];
	size_t local = t.works[WORK_MAILBOX] + t.works[WORK_COMMAND];
	switch (work) {
	case WORK_MAILBOX:
		allowed = local < r->nagents - others &&
		          t.quick < r->config->relay_concurrency;
		break;
	case WORK_COMMAND:
		allowed =
		    local < r->nagents - others && t.works[work] < part(r, 4);
		break;
	case WORK_RELAY:
		allowed = relayed < r->nagents - others;
		break;
	case WORK_REPORT:
		allowed =
		    relayed < r->nagents - others && t.works[work] < part(r, 4);
		break;
	}
	r->waits[work] = r->waits[work] || !allowed;
	/* Who has had a share waits for the own mail: nobody hurries for that.
	 */
	return allowed && (b->local || party_allowed(r, &t));
}
