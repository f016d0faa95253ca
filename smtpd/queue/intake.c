/* SPDX-License-Identifier: ISC */
/*
 * Scans the folders of the queue, and claims a window of the messages that it
 * finds.  Only the names of the others are in memory.
 */
#include "smtpd/queue/scheduler_private.h"

#include "common/io/deadline.h"
#include "common/log/log.h"
#include "smtpd/queue/retry.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	CLAIMS_AT_ONCE = 10, /* then agents are served again */
	TICK = 50,           /* ms between two unasked looks at active/ */
	PAUSE = 20,          /* ms between two at what was put aside */
	GRAIN = 20,          /* ms that clocks of files are coarse at most */
};

/* ---- messages put aside ---- */

/* Keeps a message for when its destination has room. */
static void
put_aside(
    struct runner *r, const struct queue_file *f, const struct put_aside *why)
{
	struct intake *in = &r->intake;

	if (in->naside == in->room) {
		size_t room = in->room == 0 ? 256 : in->room * 2;
		void *p = reallocarray(in->aside, room, sizeof(*in->aside));
		if (p == NULL) {
			runner_fail(r, "no memory");
			return;
		}
		in->aside = p;
		in->room = room;
	}
	struct put_aside *a = &in->aside[in->naside++];
	strlcpy(a->id, f->id, sizeof(a->id));
	a->place = (unsigned char)f->place;
	a->hash = why->hash;
	a->room = why->room;
}

static int
compare_ids(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Removes from the list the messages that were put aside already. */
static void
forget_known(struct intake *in)
{
	enum { SIZE = MAIL_ID + 1 };
	struct queue_list *l = &in->list;
	size_t kept = 0;

	char(*ids)[SIZE] = in->naside == 0 ? NULL : calloc(in->naside, SIZE);
	if (ids == NULL) {
		return; /* a duplicate does no harm */
	}
	for (size_t i = 0; i < in->naside; i++) {
		memcpy(ids[i], in->aside[i].id, SIZE);
	}
	qsort(ids, in->naside, SIZE, compare_ids);
	for (size_t i = 0; i < l->count; i++) {
		if (bsearch(l->entries[i].id, ids, in->naside, SIZE,
			compare_ids) == NULL) {
			l->entries[kept++] = l->entries[i];
		}
	}
	l->count = kept;
	free(ids);
}

/* ---- looking ---- */

void
intake_watch(struct runner *r)
{
	struct intake *in = &r->intake;
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s", r->queue.path,
	    queue_place_names[QUEUE_ACTIVE]);

	in->watch = true;
	in->done = false;
	if (in->notices != -1 || n < 0 || n >= (int)sizeof(path)) {
		return;
	}
	in->notices = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	/* A commit that is complete touches the folder; the name that it has
	   given tells nothing, since the file is locked until then. */
	if (in->notices != -1 &&
	    inotify_add_watch(in->notices, path,
		IN_ATTRIB | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR) == -1) {
		close(in->notices);
		in->notices = -1;
	}
}

void
intake_notice(struct intake *in)
{
	_Alignas(struct inotify_event) char buffer[4096];
	struct inotify_event e;
	ssize_t n;

	while ((n = read(in->notices, buffer, sizeof(buffer))) > 0) {
		for (ssize_t at = 0; at < n;
		     at += (ssize_t)(sizeof(e) + e.len)) {
			memcpy(&e, buffer + at, sizeof(e));
			if ((e.mask & IN_MOVED_FROM) != 0) {
				in->renamed = e.cookie;
			} else if ((e.mask & IN_MOVED_TO) == 0 ||
				   e.cookie != in->renamed) {
				/* What else it may be costs a look. */
				in->noticed = true;
			}
		}
	}
}

static void
scan_place(struct runner *r, enum queue_place place, time_t due_by)
{
	if (queue_scan(&r->queue, place, due_by, &r->intake.list) == -1) {
		log_error("cannot read %s/%s: %s", r->queue.path,
		    queue_place_names[place], strerror(errno));
		r->status = EX_TEMPFAIL;
	}
}

/* A change this recent may be followed by another with the same time. */
static bool
is_young(const struct timespec *t)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	int64_t age = ((int64_t)now.tv_sec - t->tv_sec) * 1000 +
	              (now.tv_nsec - t->tv_nsec) / 1000000;
	return age > -GRAIN && age < GRAIN;
}

bool
intake_changed(const struct runner *r)
{
	struct timespec changed = queue_changed(&r->queue);

	return r->intake.unsure || changed.tv_sec != r->intake.seen.tv_sec ||
	       changed.tv_nsec != r->intake.seen.tv_nsec;
}

/* True if something in deferred/ may be due, as far as one can see at once. */
static bool
is_due(const struct queue *q)
{
	time_t last = queue_last_run(q), now = time(NULL);

	return last > now || now - last >= RETRY_FIRST ||
	       (now - last >= RETRY_SOON_FIRST && queue_run_planned(q));
}

static int
is_message(void *data, const char *name)
{
	(void)data;
	return name[0] != '.';
}

bool
intake_is_due(struct queue *q, bool start)
{
	return is_due(q) || (start && queue_each_name(q, QUEUE_ACTIVE,
					  is_message, NULL) == 1);
}

/* True if the last scan of deferred/ is so long ago that one is due. */
static bool
deferred_due(struct runner *r)
{
	struct intake *in = &r->intake;
	int64_t now = deadline_now();

	if (in->deferred_at != 0) {
		return now - in->deferred_at >= RETRY_FIRST * 1000 ||
		       (now - in->deferred_at >= RETRY_SOON_FIRST * 1000 &&
			   queue_run_planned(&r->queue));
	}
	return r->run->deferred || is_due(&r->queue);
}

static void
scan_queue(struct runner *r)
{
	struct intake *in = &r->intake;
	int64_t began = deadline_now(), spent = 0;

	in->list.count = in->at = 0;
	in->list.later = 0;
	in->done = true;
	in->noticed = false;
	if (in->watch) {
		in->seen = queue_changed(&r->queue);
		in->unsure = is_young(&in->seen);
	}
	scan_place(r, QUEUE_ACTIVE, (time_t)-1);
	spent = deadline_now() - began;
	if (!in->watch) {
		scan_place(r, QUEUE_DEFERRED, (time_t)-1);
	} else if (deferred_due(r)) {
		scan_place(r, QUEUE_DEFERRED, time(NULL));
		in->deferred_at = deadline_now();
		queue_set_last_run(&r->queue);
		queue_plan_next_run(
		    &r->queue, in->list.later, RETRY_SOON_MOST * 6 / 5);
		queue_sweep(&r->queue);
	}
	forget_known(in);
	queue_list_sort(&in->list); /* new mail is due at 0: it comes first */
	/* A tenth of the time for looking at active/ is enough. */
	in->notice_after = deadline_now() + spent * 10;
	in->scan_after = in->notice_after + TICK;
}

/* ---- claiming ---- */

static bool
mentions(const char *text, const char *wanted)
{
	return strcasestr(text, wanted) != NULL;
}

/* -qR: true if a waiting recipient matches; reads without a claim. */
static bool
matches(struct runner *r, enum queue_place place, const char *id)
{
	const char *wanted = r->run->match;
	struct queue_file f;
	bool found = false;

	if (wanted == NULL) {
		return true;
	}
	if (queue_read(&r->queue, place, id, &f) != QUEUE_CLAIMED) {
		return true; /* the claim will tell */
	}
	for (size_t i = 0; i < f.mail.count && !found; i++) {
		const struct recipient *to = &f.mail.recipients[i];
		found =
		    to->slot.state == RECIPIENT_WAITING &&
		    (mentions(to->text, wanted) || mentions(to->given, wanted));
	}
	queue_release(&f);
	return found;
}

static void
admit(struct runner *r, enum queue_place place, const char *id)
{
	struct queue_file f;
	struct put_aside why;

	if (message_is_spoiled(r, id) || !matches(r, place, id)) {
		return;
	}
	switch (queue_claim(&r->queue, place, id, &f)) {
	case QUEUE_CLAIMED:
		if (!message_open(r, &f, &why)) {
			put_aside(r, &f, &why);
			queue_release(&f);
		}
		break;
	case QUEUE_GONE:
	case QUEUE_BUSY:    /* by another runner, or by ourselves */
	case QUEUE_DAMAGED: /* logged */
	case QUEUE_LATER:   /* likewise */
		break;
	case QUEUE_ERROR:
		log_error(
		    "%s: cannot open the queue file: %s", id, strerror(errno));
		message_spoil(r, id);
		break;
	}
}

static bool
can_claim(const struct runner *r)
{
	return !r->stopping && r->messages < r->most_messages &&
	       r->recipients < RUN_RECIPIENTS;
}

/* Claims messages that were put aside, as far as there is room. */
static void
readmit(struct runner *r)
{
	struct intake *in = &r->intake;
	size_t n = in->naside, kept = 0, i = 0;
	int64_t began = deadline_now();

	in->look_aside = false;
	for (; i < n && can_claim(r); i++) {
		struct put_aside a = in->aside[i];
		const struct destination *d = destination_find(r, a.hash);
		if (!party_has_room(r, a.room) ||
		    (d != NULL && d->nwaiting >= destination_share(r))) {
			in->aside[kept++] = a;
		} else {
			/* Back at the end if that was the last room. */
			admit(r, (enum queue_place)a.place, a.id);
		}
	}
	in->look_aside = in->look_aside || i < n;
	memmove(&in->aside[kept], &in->aside[i],
	    (in->naside - i) * sizeof(*in->aside));
	in->naside -= i - kept;
	in->aside_after =
	    deadline_now() + PAUSE + (deadline_now() - began) * 10;
}

/* True if the folders are to be scanned again. */
static bool
look_again(struct runner *r)
{
	struct intake *in = &r->intake;

	if (!in->done || !in->watch) {
		return !in->done;
	}
	int64_t now = deadline_now();
	return (in->noticed && now >= in->notice_after) ||
	       (now >= in->scan_after &&
		   (intake_changed(r) || deferred_due(r)));
}

bool
intake_fill(struct runner *r)
{
	struct intake *in = &r->intake;

	if (r->run->id != NULL && !in->watch && !in->done) {
		in->done = true;
		admit(r, QUEUE_ACTIVE, r->run->id);
		admit(r, QUEUE_DEFERRED, r->run->id);
	}
	/* With nothing claimed no batch ends, and look_aside is never set. */
	if (in->naside > 0 &&
	    (r->messages == 0 ||
		(in->look_aside && deadline_now() >= in->aside_after))) {
		readmit(r);
	}
	if (in->at == in->list.count && can_claim(r) && look_again(r)) {
		scan_queue(r);
	}
	for (int n = 0; n < CLAIMS_AT_ONCE && can_claim(r); n++) {
		if (in->at == in->list.count) {
			return false;
		}
		const struct queue_entry *e = &in->list.entries[in->at++];
		admit(r, e->place, e->id);
	}
	return in->at < in->list.count && can_claim(r);
}

bool
intake_done(struct runner *r)
{
	const struct intake *in = &r->intake;

	return r->stopping ||
	       (in->done && in->at == in->list.count && in->naside == 0 &&
		   !(in->watch && intake_changed(r)));
}

void
intake_free(struct intake *in)
{
	queue_list_free(&in->list);
	free(in->aside);
	if (in->notices != -1) {
		close(in->notices);
	}
	memset(in, 0, sizeof(*in));
}
