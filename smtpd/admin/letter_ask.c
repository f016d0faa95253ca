/* SPDX-License-Identifier: ISC */
/*
 * Looks at what strangers have written, in processes with less rights: queue
 * files as the owner of the queue (waiting.c), answers of name servers as the
 * user of the sessions.  What such a process says is a small struct, which is
 * believed to be nothing but numbers and text.
 */
#include "smtpd/admin/letter_private.h"

#include "common/log/log.h"
#include "common/process/privilege.h"
#include "common/process/process.h"
#include "common/process/sandbox.h"
#include "smtpd/admin/check_private.h"
#include "smtpd/admin/waiting_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	DNS_PATIENCE = 120 * 1000, /* ms */
	FINDINGS = 16,
	MEMORY = 64 * 1024 * 1024, /* octets, for certificates of authorities */
};

struct asked {
	const struct letter *letter;
	size_t count;
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

/* Those that are late, and what to type. */
static void
tell_late(struct letter *l, const struct waiting *w)
{
	char age[32], text[LETTER_TEXT], domain[WAITING_DOMAIN + 8] = "";

	age_of(l->now - w->since, age);
	if (l->names && w->domain[0] != '\0') {
		snprintf(domain, sizeof(domain), " for %s", w->domain);
	}
	if (w->late == 1) {
		snprintf(text, sizeof(text),
		    "a message%s has waited for %s; type: smtpd --show %s",
		    domain, age, w->id);
	} else {
		snprintf(text, sizeof(text),
		    "%zu messages have waited for more than %d hours, one%s "
		    "for %s; type: mailq",
		    w->late, WAITING_LATE, domain, age);
	}
	letter_task(l, false, text);
}

void
letter_ask_queue(struct letter *l)
{
	struct waiting w;
	char age[32], held[32] = "";

	waiting_search(l->config, "smtpd --letter", &w);
	if (!w.known) {
		letter_task(l, true, "the queue cannot be read; type: mailq");
		return;
	}
	if (w.held > 0) {
		snprintf(held, sizeof(held), "%zu on hold", w.held);
	}
	if (w.count == 0) {
		letter_add(
		    l, LETTER_FACT, "queue", "%s", w.held > 0 ? held : "empty");
		return;
	}
	struct letter_line *line = letter_add(l, LETTER_FACT, "queue",
	    "%zu message%s, the oldest for %s%s%s", w.count,
	    w.count == 1 ? "" : "s", age_of(l->now - w.since, age),
	    w.held > 0 ? "; " : "", held);
	if (w.late > 0) {
		tell_late(l, &w);
	}
	if (line != NULL) {
		line->bad = w.late > 0;
	}
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
	size_t wrong = 0, unknown = 0,
	       n = a->count < FINDINGS ? a->count : FINDINGS;

	for (size_t i = 0; i < n; i++) {
		char text[LETTER_TEXT];
		memcpy(text, a->findings[i].text, sizeof(text));
		text[sizeof(text) - 1] = '\0';
		enum finding how = a->findings[i].how;
		letter_tell(l, how, text);
		wrong += how == FINDING_WARNING || how == FINDING_ERROR;
		unknown += how == FINDING_UNKNOWN;
	}
	struct letter_line *line = letter_add(l, LETTER_FACT, "DNS",
	    wrong > 0 && unknown > 0
		? "not all is as it should be, and not all could be asked"
	    : wrong > 0 ? "not all is as it should be"
	    : unknown > 0
		? "not all could be asked; the next letter tries again"
		: "as it should be");
	l->unsure = l->unsure || unknown > 0;
	if (line != NULL) {
		line->bad = wrong > 0;
		line->unknown = unknown > 0;
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
			struct letter_line *line = letter_add(l, LETTER_FACT,
			    "DNS", "could not be asked in time");
			l->unsure = true;
			if (line != NULL) {
				line->unknown = true;
			}
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
