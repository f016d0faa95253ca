/* SPDX-License-Identifier: ISC */
/* A claimed message and its batches, until both end; or the run does. */
#include "smtpd/queue/scheduler_private.h"

#include "common/io/deadline.h"
#include "common/log/log.h"
#include "smtpd/queue/retry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* ---- what a run gives up ---- */

void
runner_fail(struct runner *r, const char *what)
{
	if (!r->stopping) {
		log_error(
		    "the queue run ends early: %s: %s", what, strerror(errno));
	}
	r->stopping = true;
	r->status = EX_TEMPFAIL;
}

bool
message_is_spoiled(const struct runner *r, const char *id)
{
	for (size_t i = 0; i < r->nspoiled; i++) {
		if (strcmp(r->spoiled[i], id) == 0) {
			return true;
		}
	}
	return false;
}

void
message_spoil(struct runner *r, const char *id)
{
	if (message_is_spoiled(r, id)) {
		return;
	}
	if (r->nspoiled == RUN_SPOILED) {
		errno = EIO;
		runner_fail(r, "too many messages cannot be worked on");
		return;
	}
	strlcpy(r->spoiled[r->nspoiled++], id, sizeof(r->spoiled[0]));
}

/* ---- batches ---- */

struct batch *
batch_new(struct claimed *m)
{
	struct batch *b = calloc(1, sizeof(*b));

	if (b != NULL) {
		b->message = m;
		b->made = deadline_now();
		m->batches++;
	}
	return b;
}

struct result *
batch_add(struct batch *b, uint32_t recipient)
{
	if (b->count == b->room) {
		size_t room = b->room == 0 ? 1 : b->room * 4;
		struct result *grown =
		    recallocarray(b->results, b->room, room, sizeof(*grown));
		if (grown == NULL) {
			return NULL;
		}
		b->results = grown;
		b->room = room;
	}
	struct result *result = &b->results[b->count++];
	result->recipient = recipient;
	return result;
}

/* Ends a message whose last batch has ended. */
static void
end_message(struct runner *r, struct claimed *m)
{
	struct queue_file *f = &m->file;
	time_t now = time(NULL);
	bool done = true, due = false;

	for (size_t i = 0; i < f->mail.count; i++) {
		const struct slot_state *slot = &f->mail.recipients[i].slot;
		if (slot->state == RECIPIENT_WAITING) {
			done = false;
			due = due || (retry_due(now, slot) &&
					 !mail_is_held(&f->mail, slot, now));
		}
	}
	bool removed = done && !m->spoiled && queue_remove(f) == 0;
	if (!removed && m->written != 0) {
		outcome_sync(r, m);
	}
	if (removed) {
		outcome_removed(r, m);
		log_info_as("qmgr", "%s: removed", f->id);
	} else if (m->spoiled) {
		message_spoil(r, f->id);
	} else if (done || (!due && queue_defer(f) == -1)) {
		log_error("%s: cannot %s the queue file: %s", f->id,
		    done ? "remove" : "defer", strerror(errno));
		message_spoil(r, f->id);
	} else if (due && !r->stopping) {
		message_spoil(r, f->id); /* not twice in a run */
	}
	r->messages--;
	r->rooms[m->room]--;
	r->recipients -= f->mail.count;
	queue_release(f);
	free(m);
}

void
batch_end(struct runner *r, struct batch *b)
{
	struct claimed *m = b->message;

	for (size_t i = 0; i < b->count; i++) {
		owner_release(&b->results[i]);
		result_free(&b->results[i]);
	}
	free(b->results);
	free(b);
	if (--m->batches == 0) {
		end_message(r, m);
	}
}
