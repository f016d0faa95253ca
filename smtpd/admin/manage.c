/* SPDX-License-Identifier: ISC */
/* Messages held, released, removed, bounced by hand.  Runs as root. */
#include "smtpd/admin/manage.h"

#include "common/log/log.h"
#include "smtpd/admin/view_private.h"
#include "smtpd/queue/report/bounce.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

struct work {
	const struct config *config;
	struct queue *queue;
	enum manage_verb verb;
	size_t count; /* messages found */
	int result;   /* exit status of the first error */
	bool all;     /* was said instead of an id */
};

static void
report_trouble(struct work *w, const char *id, int status, const char *why)
{
	log_error("%s: %s", id, why);
	w->result = w->result == EX_OK ? status : w->result;
}

/* Gives all recipients that wait another state. */
static int
set_waiting(struct queue_file *f, enum recipient_state state)
{
	for (size_t i = 0; i < f->mail.count; i++) {
		struct slot_state slot = f->mail.recipients[i].slot;
		bool was = slot.state == RECIPIENT_WAITING;
		slot.state = state;
		slot.next = 0;
		if (was && queue_set(f, i, &slot) == -1) {
			return -1;
		}
	}
	return 0;
}

static int
release_message(struct queue_file *f)
{
	if (set_waiting(f, RECIPIENT_WAITING) == -1) {
		return -1;
	}
	return queue_move(f, QUEUE_ACTIVE);
}

/* ---- giving up now ---- */

static void
free_report(struct report_recipient *list, char **texts, size_t count)
{
	for (size_t i = 0; texts != NULL && i < count; i++) {
		free(texts[i]);
	}
	free(texts);
	free(list);
}

/* Lists the recipients that wait and are to be reported; -1: no memory. */
static ssize_t
list_waiting(struct queue_file *f, struct report_recipient *list, char **texts)
{
	size_t n = 0;

	for (size_t i = 0; i < f->mail.count; i++) {
		const struct recipient *r = &f->mail.recipients[i];
		char reason[QUEUE_REASON];
		if (r->slot.state != RECIPIENT_WAITING ||
		    !bounce_wanted(&f->mail, r, REPORT_FAILED)) {
			continue;
		}
		queue_reason(f, i, reason);
		texts[n] =
		    strdup(reason[0] != '\0' ? reason
					     : "given up by the administrator");
		if (texts[n] == NULL) {
			return -1;
		}
		list[n] = (struct report_recipient){ .recipient = i,
			.tried = r->slot.last,
			.kind = REPORT_FAILED,
			.dsn = "4.4.7",
			.host = "",
			.text = texts[n] };
		n++;
	}
	return (ssize_t)n;
}

static int
send_report(const struct work *w, struct queue_file *f)
{
	size_t count = f->mail.count;
	struct report_recipient *list = calloc(count + 1, sizeof(*list));
	char **texts = calloc(count + 1, sizeof(*texts));
	ssize_t n =
	    list == NULL || texts == NULL ? -1 : list_waiting(f, list, texts);
	const struct report report = { .config = w->config,
		.file = f,
		.recipients = list,
		.count = n > 0 ? (size_t)n : 0 };
	int done = n <= 0 ? (int)n : bounce_report(&report);
	int error = errno;

	free_report(list, texts, count);
	errno = error;
	return done;
}

/* The report is durable before a recipient counts as done. */
static int
bounce_message(const struct work *w, struct queue_file *f)
{
	if (send_report(w, f) == -1 || set_waiting(f, RECIPIENT_FAILED) == -1) {
		return -1;
	}
	return queue_remove(f);
}

/* ---- one message ---- */

static int
remove_message(struct queue_file *f)
{
	return set_waiting(f, RECIPIENT_REMOVED) == -1 ? -1 : queue_remove(f);
}

/* Does the verb to a claimed message. */
static void
do_verb(struct work *w, struct queue_file *f)
{
	const char *said = "";
	int done = 0;

	switch (w->verb) {
	case MANAGE_HOLD:
		done = queue_move(f, QUEUE_HOLD);
		said = "on hold; smtpd --release sends it on";
		break;
	case MANAGE_RELEASE:
		done = release_message(f);
		said = "to be tried at once; type: smtpd -q";
		break;
	case MANAGE_REMOVE:
		done = remove_message(f);
		said = "removed";
		break;
	case MANAGE_BOUNCE:
		done = bounce_message(w, f);
		said = "given up and reported to its sender; type: smtpd -q";
		break;
	case MANAGE_SHOW:
		break; /* needs no claim, and never comes here */
	}
	if (done == 0) {
		printf("%s: %s\n", f->id, said);
	} else if (errno == EMLINK) {
		report_trouble(w, f->id, EX_UNAVAILABLE,
		    "there is nobody to report it to; it is on hold");
	} else {
		report_trouble(w, f->id, EX_TEMPFAIL, strerror(errno));
	}
}

/* It can only be shown, or removed by its name. */
static void
do_unreadable(
    struct work *w, enum queue_place place, const char *name, const char *why)
{
	if (w->verb != MANAGE_REMOVE || w->all) {
		report_trouble(w, name, EX_DATAERR, why);
		return;
	}
	if (unlinkat(w->queue->places[place], name, 0) == -1) {
		report_trouble(w, name, EX_TEMPFAIL, strerror(errno));
		return;
	}
	printf("%s: removed\n", name);
}

static void
do_damaged(struct work *w, const char *name)
{
	do_unreadable(
	    w, QUEUE_CORRUPT, name, "damaged; it can only be shown or removed");
}

/* It may have been moved just now. */
static void
do_later(struct work *w, enum queue_place place, const char *name)
{
	do_unreadable(w, place == QUEUE_CORRUPT ? place : QUEUE_HOLD, name,
	    "of a later version of restante; until that is installed again "
	    "it can only be shown or removed");
}

/* True if the message was in that place, whatever the result. */
static bool
work_on(struct work *w, enum queue_place place, const char *id)
{
	struct queue_file f;

	switch (queue_claim(w->queue, place, id, &f)) {
	case QUEUE_CLAIMED:
		do_verb(w, &f);
		queue_release(&f);
		return true;
	case QUEUE_GONE:
		if (place != QUEUE_CORRUPT ||
		    faccessat(w->queue->places[place], id, F_OK,
			AT_SYMLINK_NOFOLLOW) == -1) {
			return false;
		}
		do_damaged(w, id);
		return true;
	case QUEUE_BUSY:
		report_trouble(
		    w, id, EX_TEMPFAIL, "is being sent right now, try again");
		return true;
	case QUEUE_DAMAGED:
		/* It was set aside just now, and will be found there. */
		if (place != QUEUE_CORRUPT) {
			return false;
		}
		do_damaged(w, id);
		return true;
	case QUEUE_LATER:
		do_later(w, place, id);
		return true;
	case QUEUE_ERROR:
		report_trouble(w, id, EX_TEMPFAIL, strerror(errno));
		return true;
	}
	return false;
}

static bool
is_file_name(const char *id)
{
	return id[0] != '\0' && strcmp(id, ".") != 0 && strcmp(id, "..") != 0 &&
	       strchr(id, '/') == NULL;
}

static void
work_on_id(struct work *w, const char *id)
{
	bool found = false;

	/* Twice, because a runner may move it meanwhile. */
	for (int i = 0; is_file_name(id) && !found && i < 2 * QUEUE_PLACES;
	     i++) {
		enum queue_place place = (enum queue_place)(i % QUEUE_PLACES);
		found = w->verb == MANAGE_SHOW
		            ? show_message(w->queue, place, id, &w->result)
		            : work_on(w, place, id);
	}
	if (!found) {
		report_trouble(
		    w, id, EX_DATAERR, "there is no such message in the queue");
	}
	w->count += found;
}

static int
one_of_all(void *data, enum queue_place place, const char *id)
{
	struct work *w = data;

	w->count += work_on(w, place, id);
	return 0;
}

/* Damaged messages are left out: each must be looked at first. */
static void
work_on_all(struct work *w)
{
	static const enum queue_place places[] = { QUEUE_HOLD, QUEUE_DEFERRED,
		QUEUE_ACTIVE };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		/* Messages that the verb moves must not be met again. */
		bool there =
		    (w->verb == MANAGE_HOLD && places[i] == QUEUE_HOLD) ||
		    (w->verb == MANAGE_RELEASE && places[i] == QUEUE_ACTIVE);
		if (!there &&
		    view_each(w->queue, places[i], one_of_all, w) == -1) {
			report_trouble(
			    w, w->queue->path, EX_IOERR, strerror(errno));
		}
	}
	if (w->count == 0 && w->result == EX_OK) {
		puts("no message");
	}
}

int
manage_verb(const struct config *config, enum manage_verb verb, char **ids)
{
	struct queue q;
	struct work w = { .config = config, .queue = &q, .verb = verb };

	if (*ids == NULL) {
		log_error(
		    "no message given: name its id, as mailq shows it, or all");
		return EX_USAGE;
	}
	int result = view_open(config, &q, "smtpd and the same again");
	if (result == VIEW_NONE) {
		log_error("there is no queue yet in %s", config->queue);
		return EX_DATAERR;
	}
	if (result != EX_OK) {
		return result;
	}
	if (verb == MANAGE_SHOW) {
		view_confine();
	}
	for (; *ids != NULL; ids++) {
		w.all = strcmp(*ids, "all") == 0 && verb != MANAGE_SHOW;
		if (w.all) {
			work_on_all(&w);
		} else {
			work_on_id(&w, *ids);
		}
	}
	queue_close(&q);
	if (fflush(stdout) == EOF) {
		log_error("cannot write: %s", strerror(errno));
		return EX_IOERR;
	}
	return w.result;
}
