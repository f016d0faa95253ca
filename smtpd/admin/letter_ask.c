/* SPDX-License-Identifier: ISC */
/*
 * Looks at what strangers have written, in processes with less rights: queue
 * files as the owner of the queue, answers of name servers as the user of the
 * sessions.  What such a process says is a small struct, which is believed to
 * be nothing but numbers and text.
 */
#include "smtpd/admin/letter_private.h"

#include "common/log/log.h"
#include "common/process/privilege.h"
#include "common/process/process.h"
#include "common/process/sandbox.h"
#include "smtpd/admin/check_private.h"
#include "smtpd/admin/view_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	DAY = 24 * 60 * 60,
	QUEUE_PATIENCE = 60 * 1000, /* ms */
	DNS_PATIENCE = 120 * 1000,
	LONG = DAY, /* s that a message may wait before somebody should look */
	FINDINGS = 16,
	MEMORY = 64 * 1024 * 1024, /* octets, for certificates of authorities */
};

struct asked {
	const struct letter *letter;
	size_t count; /* messages, or findings */
	/* The message that waits longest. */
	time_t oldest;
	char id[MAIL_ID + 1], domain[LETTER_LABEL];
	/* Of the DNS. */
	struct {
		enum finding how;
		char text[LETTER_TEXT];
	} findings[FINDINGS];
};

static struct asked *
asked_new(const struct letter *l)
{
	struct asked *a = mmap(NULL, sizeof(*a), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (a == MAP_FAILED) {
		return NULL;
	}
	a->letter = l;
	return a;
}

/* ---- the queue ---- */

struct walk {
	struct asked *asked;
	struct queue queue;
};

static int
look_at(void *data, enum queue_place place, const char *name)
{
	struct walk *w = data;
	struct asked *a = w->asked;
	struct queue_file f;

	if (queue_read(&w->queue, place, name, &f) != QUEUE_CLAIMED) {
		return 0;
	}
	a->count++;
	if (a->oldest == 0 || f.mail.arrival < a->oldest) {
		a->oldest = f.mail.arrival;
		strlcpy(a->id, f.id, sizeof(a->id));
		a->domain[0] = '\0';
		for (size_t i = f.mail.count; i-- > 0;) {
			const struct recipient *r = &f.mail.recipients[i];
			const char *at = strrchr(r->text, '@');
			if (r->slot.state == RECIPIENT_WAITING && at != NULL) {
				strlcpy(a->domain, at + 1, sizeof(a->domain));
			}
		}
	}
	queue_release(&f);
	return 0;
}

static int
walk_queue(void *context)
{
	static const enum queue_place places[] = { QUEUE_ACTIVE, QUEUE_DEFERRED,
		QUEUE_HOLD };
	struct walk w = { .asked = context };
	int status =
	    view_open(w.asked->letter->config, &w.queue, "smtpd --letter");

	if (status != EX_OK) {
		return status == VIEW_NONE ? EX_OK : status;
	}
	view_confine();
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (view_each(&w.queue, places[i], look_at, &w) == -1) {
			return EX_IOERR;
		}
	}
	return EX_OK;
}

static const char *
age_of(time_t seconds, char text[32])
{
	long hours = seconds < 0 ? 0 : (long)(seconds / 3600);

	if (hours < 48) {
		snprintf(text, 32, "%ld hour%s", hours, hours == 1 ? "" : "s");
	} else {
		snprintf(text, 32, "%ld days", hours / 24);
	}
	return text;
}

static void
tell_queue(struct letter *l, const struct asked *a)
{
	char age[32], text[LETTER_TEXT];
	bool late = l->now - a->oldest >= LONG;

	if (a->count == 0) {
		letter_add(l, LETTER_FACT, "queue", "empty");
		return;
	}
	age_of(l->now - a->oldest, age);
	struct letter_line *line = letter_add(l, LETTER_FACT, "queue",
	    "%zu message%s, the oldest for %s", a->count,
	    a->count == 1 ? "" : "s", age);
	if (line == NULL || !late) {
		return;
	}
	line->bad = true;
	snprintf(text, sizeof(text),
	    "a message%s%.100s has waited for %s; type: smtpd --show %.32s",
	    l->names && a->domain[0] != '\0' ? " for " : "",
	    l->names ? a->domain : "", age, a->id);
	letter_task(l, false, text);
}

void
letter_ask_queue(struct letter *l)
{
	struct asked *a = asked_new(l);
	int status;

	if (a == NULL) {
		return;
	}
	if (process_run(walk_queue, a, QUEUE_PATIENCE, &status) !=
		PROCESS_EXITED ||
	    status != EX_OK) {
		letter_task(l, true, "the queue cannot be read; type: mailq");
	} else {
		a->id[sizeof(a->id) - 1] = '\0';
		a->domain[sizeof(a->domain) - 1] = '\0';
		tell_queue(l, a);
	}
	munmap(a, sizeof(*a));
}

/* ---- the DNS ---- */

struct dns_ask {
	struct asked *asked;
	struct zone *zones[CONFIG_LIST];
	size_t count;
	struct confinement user;
};

static void
note_finding(void *context, enum finding how, const char *text)
{
	struct asked *a = context;

	if (a->count < FINDINGS) {
		a->findings[a->count].how = how;
		strlcpy(a->findings[a->count].text, text, LETTER_TEXT);
		a->count++;
	}
}

static int
compare_zones(void *context)
{
	struct dns_ask *d = context;
	struct check c = { .config = d->asked->letter->config,
		.program = "smtpd",
		.tell = note_finding,
		.context = d->asked };

	if (sandbox_memory(MEMORY) == -1 ||
	    (geteuid() == 0 &&
		privilege_become(d->user.uid, d->user.gid, (gid_t)-1) == -1) ||
	    sandbox_task(SANDBOX_ASKER, NULL) == -1) {
		return EX_OSERR;
	}
	check_zones(&c, d->zones, d->count);
	return EX_OK;
}

static void
tell_dns(struct letter *l, const struct asked *a)
{
	size_t wrong = 0, n = a->count < FINDINGS ? a->count : FINDINGS;

	for (size_t i = 0; i < n; i++) {
		char text[LETTER_TEXT];
		memcpy(text, a->findings[i].text, sizeof(text));
		text[sizeof(text) - 1] = '\0';
		if (a->findings[i].how != FINDING_OK) {
			letter_tell(l, a->findings[i].how, text);
			wrong++;
		}
	}
	struct letter_line *line = letter_add(l, LETTER_FACT, "DNS",
	    wrong > 0 ? "not all is as it should be" : "as it should be");
	if (line != NULL) {
		line->bad = wrong > 0;
	}
}

void
letter_ask_dns(struct letter *l)
{
	struct dns_ask *d = calloc(1, sizeof(*d));
	int status;

	if (d == NULL) {
		return;
	}
	d->asked = asked_new(l);
	/* Keys and certificates are read with all rights, and no network. */
	d->count = check_make_zones(l->config, d->zones);
	if (d->asked != NULL && d->count > 0 &&
	    privilege_prepare(l->config, &d->user) == 0) {
		if (process_run(compare_zones, d, DNS_PATIENCE, &status) !=
			PROCESS_EXITED ||
		    status != EX_OK) {
			letter_add(l, LETTER_FACT, "DNS",
			    "could not be asked in time");
		} else {
			tell_dns(l, d->asked);
		}
	}
	for (size_t i = 0; i < d->count; i++) {
		free(d->zones[i]);
	}
	if (d->asked != NULL) {
		munmap(d->asked, sizeof(*d->asked));
	}
	free(d);
}
