/* SPDX-License-Identifier: ISC */
/*
 * The results of a batch are recorded.  The order keeps mail safe: a report is
 * durable before the slot says that nothing is left to be done.  A slot is
 * written at once, and what follows for that recipient outlives us; that it
 * outlives the machine waits for the disk, and agents get their next orders
 * meanwhile.  A message without a recipient that waits is removed, and one sync
 * of its folder is enough for all that were: that is a tenth of their own.
 */
#include "smtpd/queue/scheduler_private.h"

#include "common/io/deadline.h"
#include "common/log/log.h"
#include "smtpd/queue/report/bounce.h"
#include "smtpd/queue/by.h"
#include "smtpd/queue/delivery_log.h"
#include "smtpd/queue/retry.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum { SYNC_TIME = 50 }; /* ms that slots wait for the rest of their order */

void
result_free(struct result *result)
{
	free(result->host);
	free(result->text);
	result->host = result->text = NULL;
}

static const char *
text_of(const char *text)
{
	return text != NULL ? text : "";
}

void
result_set(struct result *result, enum outcome_kind kind, const char *dsn,
    const char *host, const char *text)
{
	/* The new strings may be the old ones.  Without memory they are "". */
	char *h = strdup(text_of(host)), *t = strdup(text_of(text));

	strlcpy(result->dsn, dsn, sizeof(result->dsn));
	result_free(result);
	result->host = h;
	result->text = t;
	result->kind = kind;
	result->known = true;
}

static struct recipient *
recipient_of(const struct batch *b, const struct result *result)
{
	return &b->message->file.mail.recipients[result->recipient];
}

/* ---- writing down ---- */

/* The text for people; a bare reply gets the host that it came from. */
static const char *
reason_text(const struct result *result, char text[QUEUE_REASON])
{
	const char *t = text_of(result->text);
	bool reply = result->kind != OUTCOME_SENT &&
	             text_of(result->host)[0] != '\0' && t[0] >= '2' &&
	             t[0] <= '5' && isdigit((unsigned char)t[1]);

	if (!reply) {
		return t;
	}
	snprintf(text, QUEUE_REASON, "host %s said: %s", result->host, t);
	return text;
}

static void
log_result(
    const struct runner *r, const struct batch *b, const struct result *result)
{
	char text[QUEUE_REASON];
	const struct mail *mail = &b->message->file.mail;
	const struct recipient *to = recipient_of(b, result);
	/* An expanded recipient goes on in another message: it is sent. */
	static const char *const states[] = {
		[OUTCOME_SENT] = "sent",
		[OUTCOME_DEFERRED] = "deferred",
		[OUTCOME_FAILED] = "bounced",
		[OUTCOME_EXPANDED] = "sent",
	};
	bool local = strcmp(text_of(result->host), DESTINATION_LOCAL) == 0;
	const enum stats counts[] = {
		[OUTCOME_SENT] = local ? STATS_DELIVERED : STATS_RELAYED,
		[OUTCOME_DEFERRED] = STATS_DEFERRED,
		[OUTCOME_FAILED] = STATS_BOUNCED,
		[OUTCOME_EXPANDED] = STATS_NONE,
	};
	const char *host =
	    text_of(result->host)[0] != '\0' ? result->host : "none";
	int64_t now = deadline_now();
	int64_t old = (int64_t)(time(NULL) - mail->arrival) * 1000;
	int64_t given = b->given != 0 ? b->given : now;
	struct delivery_log d = {
		.part = local ? "local" : "smtp",
		.id = b->message->file.id,
		.config = r->config,
		.to = to,
		.relay = host,
		.before = old > now - b->made ? old - (now - b->made) : 0,
		.waited = given - b->made,
		.took = now - given,
		.dsn = result->dsn,
		.status = states[result->kind],
		.text = reason_text(result, text),
		.counts = counts[result->kind],
	};

	delivery_log(&d);
}

/* The slot of a recipient that was tried just now, still waiting. */
static struct slot_state
slot_after_try(const struct mail *mail, const struct recipient *to, time_t now)
{
	struct slot_state slot = to->slot;

	slot.last = now;
	if (slot.attempts < 9999) {
		slot.attempts++;
	}
	slot.next =
	    by_next(mail, now, retry_next(now, slot.attempts, arc4random()));
	return slot;
}

/*
 * True if the host has been named by whoever runs this machine, and will work
 * again soon: mail is not to wait for hours then.  A host that does not like us
 * (X.7.X) is not asked more often for that; one recipient that it puts off is
 * its business, unless it is a store, where mail ends.
 */
static bool
is_soon(const struct batch *b, const struct result *result)
{
	return b->named && (result->dead || b->store) &&
	       strncmp(result->dsn + 1, ".7.", 3) != 0;
}

static void
record_result(
    struct runner *r, struct batch *b, struct result *result, bool notice)
{
	struct queue_file *f = &b->message->file;
	struct slot_state slot =
	    slot_after_try(&f->mail, recipient_of(b, result), time(NULL));
	char text[QUEUE_REASON];

	result->noted = true;
	log_result(r, b, result);
	switch (result->kind) {
	case OUTCOME_SENT:
		slot.state = RECIPIENT_SENT;
		break;
	case OUTCOME_EXPANDED:
		slot.state = RECIPIENT_EXPANDED;
		break;
	case OUTCOME_FAILED:
		slot.state = RECIPIENT_FAILED;
		break;
	case OUTCOME_DEFERRED:
		slot.delay_notice = slot.delay_notice || notice;
		queue_set_reason(
		    f, result->recipient, reason_text(result, text));
		if (is_soon(b, result)) {
			slot.next = by_next(&f->mail, slot.last,
			    retry_soon(slot.last, slot.attempts, arc4random()));
			queue_plan_run(&r->queue, slot.next);
		}
		break;
	case OUTCOME_DONE:
	case OUTCOME_OPEN:
	case OUTCOME_STALE:
	case OUTCOME_DEAD:
		return;
	}
	/* From here on that recipient is not tried again if we are killed. */
	if (queue_write(f, result->recipient, &slot) == -1) {
		log_error("%s: cannot record the result for <%s>: %s", f->id,
		    recipient_of(b, result)->text, strerror(errno));
		b->message->spoiled = true;
	}
	if (f->unsynced && b->message->written == 0) {
		b->message->written = deadline_now();
		TAILQ_INSERT_TAIL(&r->written, b->message, link);
	}
}

/* ---- syncing ---- */

/* The slots of a message need no sync any more. */
static void
forget_written(struct runner *r, struct claimed *m)
{
	if (m->written != 0) {
		m->written = 0;
		TAILQ_REMOVE(&r->written, m, link);
	}
}

void
outcome_sync(struct runner *r, struct claimed *m)
{
	forget_written(r, m);
	/* Commit point: nor are they after a power cut. */
	if (queue_sync(&m->file) == -1) {
		log_error("%s: cannot record the results: %s", m->file.id,
		    strerror(errno));
		m->spoiled = true;
	}
}

void
outcome_removed(struct runner *r, struct claimed *m)
{
	forget_written(r, m);
	r->nremoved++;
	r->removed[m->file.place] = true;
}

/* Syncs the folders that messages were removed from. */
static void
sync_removed(struct runner *r)
{
	r->nremoved = 0;
	for (int i = 0; i < QUEUE_PLACES; i++) {
		if (!r->removed[i]) {
			continue;
		}
		r->removed[i] = false;
		if (queue_sync_place(&r->queue, (enum queue_place)i) == -1) {
			log_error("cannot sync %s/%s: %s; after a power cut, "
				  "mail that has been sent may be sent again",
			    r->queue.path, queue_place_names[i],
			    strerror(errno));
			r->status = EX_TEMPFAIL;
		}
	}
}

void
outcome_sync_some(struct runner *r)
{
	if (r->nremoved > 0) {
		sync_removed(r);
	} else if (!TAILQ_EMPTY(&r->written)) {
		outcome_sync(r, TAILQ_FIRST(&r->written));
	}
}

bool
outcome_sync_due(const struct runner *r)
{
	const struct claimed *m = TAILQ_FIRST(&r->written);

	return r->nremoved > r->busy ||
	       (m != NULL && deadline_now() - m->written >= SYNC_TIME);
}

bool
outcome_synced(const struct runner *r)
{
	return r->nremoved == 0 && TAILQ_EMPTY(&r->written);
}

/* ---- reports ---- */

static bool
reportable(
    const struct batch *b, const struct result *result, enum report_kind kind)
{
	const struct mail *mail = &b->message->file.mail;
	const struct recipient *to = recipient_of(b, result);
	struct slot_state slot;
	time_t now = time(NULL);
	bool by = kind == REPORT_RELAYED &&
	          by_is_handed_on(mail, to, result->relayed);

	if (!result->known || result->noted ||
	    (!bounce_wanted(mail, to, kind) && !by)) {
		return false;
	}
	switch (kind) {
	case REPORT_FAILED:
		return result->kind == OUTCOME_FAILED;
	case REPORT_DELAYED:
		slot = slot_after_try(mail, to, now);
		return result->kind == OUTCOME_DEFERRED &&
		       (by_is_late(mail, &slot, now) ||
			   (!by_is_early(mail, now) &&
			       retry_notice_due(
				   now, mail_begins(mail), &slot)));
	case REPORT_DELIVERED:
		return result->kind == OUTCOME_SENT && b->local;
	case REPORT_RELAYED:
		return result->kind == OUTCOME_SENT && !b->local &&
		       (by || (result->relayed & RELAYED_WITHOUT_DSN) != 0);
	case REPORT_EXPANDED:
		return result->kind == OUTCOME_EXPANDED && result->relayed != 0;
	}
	return false;
}

/* RFC 2852 section 4.1.2 wants this code, not that of the last try. */
static const char *
report_code(
    const struct batch *b, const struct result *result, enum report_kind kind)
{
	bool late = kind == REPORT_DELAYED &&
	            by_is_late(&b->message->file.mail,
			&recipient_of(b, result)->slot, time(NULL));

	return late ? "4.4.7" : result->dsn;
}

static bool
is_success(enum report_kind kind)
{
	return kind == REPORT_DELIVERED || kind == REPORT_RELAYED ||
	       kind == REPORT_EXPANDED;
}

/* Writes one report on all results of a kind.  0: durable, or none due; or
   errno. */
static int
report_kind(struct runner *r, struct batch *b, enum report_kind kind)
{
	struct report_recipient *list = NULL;
	size_t n = 0;
	int error = 0;

	for (size_t i = 0; i < b->count; i++) {
		const struct result *result = &b->results[i];
		if (!reportable(b, result, kind)) {
			continue;
		}
		if (list == NULL) {
			list = calloc(b->count, sizeof(*list));
		}
		if (list == NULL) {
			return ENOMEM;
		}
		list[n].recipient = result->recipient;
		list[n].kind = kind;
		list[n].tried = time(NULL);
		strlcpy(list[n].dsn, report_code(b, result, kind),
		    sizeof(list[n].dsn));
		list[n].host = text_of(result->host);
		list[n++].text = text_of(result->text);
	}
	if (n > 0 && is_success(kind) && !success_allowed(r, b->message)) {
		log_info_as("bounce",
		    "%s: no report of success: too many for that network "
		    "within the hour",
		    b->message->file.id);
	} else if (n > 0) {
		const struct report report = { .config = r->config,
			.file = &b->message->file,
			.recipients = list,
			.count = n,
			.until = retry_until(&b->message->file.mail) };
		if (bounce_report(&report) == 0) {
			r->committed = true;
		} else {
			error = errno == 0 ? EIO : errno;
		}
	}
	free(list);
	return error;
}

/* Turns deferrals into failures when the delivery time has expired. */
static void
expire_results(struct batch *b)
{
	const struct mail *mail = &b->message->file.mail;
	char text[OUTCOME_TEXT + 128];
	time_t now = time(NULL);

	for (size_t i = 0; i < b->count; i++) {
		struct result *result = &b->results[i];
		struct slot_state slot =
		    slot_after_try(mail, recipient_of(b, result), now);
		if (!result->known || result->kind != OUTCOME_DEFERRED ||
		    (!by_is_over(mail, now) &&
			!retry_expired(now, mail_begins(mail), &slot))) {
			continue;
		}
		snprintf(text, sizeof(text),
		    "delivery time expired after %lld days and %u tries; last "
		    "reply: %s",
		    (long long)((now - mail_begins(mail)) / (24 * 60 * 60)),
		    slot.attempts, text_of(result->text));
		result_set(result, OUTCOME_FAILED, "5.4.7", result->host, text);
	}
}

/* Without a report to the sender nothing counts as failed yet. */
static void
unreported(struct runner *r, struct batch *b, int error)
{
	char text[OUTCOME_TEXT + 128];

	if (error == EMLINK) {
		b->message->spoiled = true; /* it waits in hold/ */
	}
	for (size_t i = 0; i < b->count; i++) {
		struct result *result = &b->results[i];
		if (!result->known || result->noted ||
		    result->kind != OUTCOME_FAILED) {
			continue;
		}
		if (error == EMLINK) {
			log_result(r, b, result);
			result->noted = true;
			continue;
		}
		snprintf(text, sizeof(text),
		    "cannot write the report to the sender: %s; it would say: "
		    "%s",
		    strerror(error), text_of(result->text));
		result_set(
		    result, OUTCOME_DEFERRED, "4.3.0", result->host, text);
	}
}

void
outcome_conclude(struct runner *r, struct batch *b)
{
	static const enum report_kind successes[] = { REPORT_DELIVERED,
		REPORT_RELAYED, REPORT_EXPANDED };

	expire_results(b);
	int error = report_kind(r, b, REPORT_FAILED);
	if (error != 0) {
		unreported(r, b, error);
	}
	error = report_kind(r, b, REPORT_DELAYED);
	bool notice = error == 0;
	for (size_t i = 0; i < 3; i++) {
		int failed = report_kind(r, b, successes[i]);
		error = failed != 0 ? failed : error;
	}
	if (error != 0) {
		/* A second delivery would be worse than no report. */
		log_error("%s: cannot report to the sender: %s",
		    b->message->file.id, strerror(error));
	}
	for (size_t i = 0; i < b->count; i++) {
		struct result *result = &b->results[i];
		if (result->known && !result->noted) {
			record_result(r, b, result,
			    notice && reportable(b, result, REPORT_DELAYED));
		}
	}
}

void
outcome_take(struct runner *r, struct batch *b, const struct outcome *o)
{
	struct result *result = NULL;

	for (size_t i = 0; i < b->count && result == NULL; i++) {
		if (b->results[i].recipient == o->recipient) {
			result = &b->results[i];
		}
	}
	if (result == NULL || result->known) {
		return;
	}
	owner_release(result);
	result_set(
	    result, (enum outcome_kind)o->kind, o->dsn, o->host, o->text);
	result->relayed = o->relayed;
	if (result->kind == OUTCOME_EXPANDED) {
		r->committed = true;
	}
	/* A success is written at once, in case we are killed, unless a
	   report has to come first; outcome_sync_some() follows. */
	if ((result->kind == OUTCOME_SENT ||
		result->kind == OUTCOME_EXPANDED) &&
	    !reportable(b, result, REPORT_DELIVERED) &&
	    !reportable(b, result, REPORT_RELAYED) &&
	    !reportable(b, result, REPORT_EXPANDED)) {
		record_result(r, b, result, false);
	}
}
