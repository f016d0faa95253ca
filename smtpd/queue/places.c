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

enum { KIND_MAILBOX, KIND_COMMAND, KIND_RELAY, KINDS };

static int
kind_of(const struct batch *b)
{
	/* All recipients of a batch for commands are such. */
	const struct recipient *first =
	    &b->message->file.mail.recipients[b->results[0].recipient];

	return !b->local                      ? KIND_RELAY
	       : first->target == TARGET_USER ? KIND_MAILBOX
	                                      : KIND_COMMAND;
}

bool
place_allowed(const struct runner *r, const struct batch *b)
{
	size_t taken[KINDS] = { 0 }, part = r->nagents / 4, quick = 0;
	int kind = kind_of(b);
	int64_t now = deadline_now();

	for (size_t i = 0; i < r->nagents; i++) {
		const struct agent *a = &r->agents[i];
		if (a->destination != NULL && a->batch != NULL) {
			int its = kind_of(a->batch);
			taken[its]++;
			quick += its == KIND_MAILBOX &&
			         now - a->batch->given < QUICK;
		}
	}
	/* Few places cannot be divided. */
	if (kind == KIND_COMMAND && taken[kind] >= (part == 0 ? 1 : part)) {
		return false;
	}
	if (kind == KIND_MAILBOX && quick >= r->config->relay_concurrency) {
		return false;
	}
	return kind == KIND_RELAY ? taken[KIND_RELAY] < r->nagents - part
	                          : taken[KIND_MAILBOX] + taken[KIND_COMMAND] <
	                                r->nagents - part;
}
