/* SPDX-License-Identifier: ISC */
/* Makes reports of a day's notes. */
#include "smtpd/admin/reports_build.h"

#include "common/io/deadline.h"
#include "smtpd/admin/reports_ask.h"

#include <stdlib.h>
#include <string.h>

enum {
	ASKING = 4 * 60 * 1000, /* ms for the name servers of all domains, */
	SOON = 2 * 1000,        /* and for some of these: at first, */
	LATER = 8 * 1000,       /* and once more, if they are silent */
};

/* The notes about one domain. */
struct group {
	const struct span *lines;
	size_t count;
	bool done;
};

struct building {
	const struct report_kind *kind;
	const struct config *config;
	int64_t begin;
	const char *from;
	struct outbox *box;
	struct output mail;
	struct inquiries *asked;
	struct group *groups;
	size_t count;
	int64_t deadline;
};

/* ---- mails ---- */

static void
put_mail(struct building *b, const char *to)
{
	struct outbox *box = b->box;

	if (b->mail.failed || box->count == OUTBOX_MAILS ||
	    b->mail.len > OUTBOX_ROOM - box->used) {
		box->left_out++;
		return;
	}
	strlcpy(box->mails[box->count].to, to, OUTBOX_ADDRESS);
	box->mails[box->count].at = box->used;
	box->mails[box->count].len = (uint32_t)b->mail.len;
	memcpy(box->text + box->used, b->mail.data, b->mail.len);
	box->used += (uint32_t)b->mail.len;
	box->count++; /* it is whole */
}

static void
build_mails(struct building *b, const struct inquiry *i, const struct group *g)
{
	for (size_t k = 0; k < i->receivers; k++) {
		const struct report_frame f = { .host = b->config->hostname,
			.from = b->from,
			.begin = b->begin,
			.random = arc4random(),
			.domain = i->domain,
			.policy = &i->policy };
		output_clear(&b->mail);
		b->kind->make(&f, g->lines, g->count, i->receiver[k], &b->mail);
		put_mail(b, i->receiver[k]);
	}
}

/* ---- the domains ---- */

static void
name_of(const struct building *b, const struct group *g, char domain[ASK_NAME])
{
	(void)b->kind->read(g->lines[0].at, g->lines[0].len, domain);
}

/* Asks about the next domains, from *next on, and makes their mails. */
static void
build_some(struct building *b, size_t *next)
{
	struct inquiries *q = b->asked;
	struct group *of[INQUIRIES];

	for (q->count = 0; q->count < INQUIRIES && *next < b->count; ++*next) {
		struct group *g = &b->groups[*next];
		if (!g->done) {
			name_of(b, g, q->all[q->count].domain);
			of[q->count++] = g;
		}
	}
	if (q->count == 0) {
		return;
	}
	inquiries_ask(q);
	for (size_t i = 0; i < q->count; i++) {
		if (!q->all[i].silent || q->patience == LATER) {
			build_mails(b, &q->all[i], of[i]);
			of[i]->done =
			    !q->all[i].silent || q->all[i].receivers > 0;
		}
	}
}

/* Those that do not answer soon are asked once more when the others have. */
static void
build_all(struct building *b)
{
	static const int patience[] = { SOON, LATER };

	for (size_t pass = 0; pass < 2; pass++) {
		b->asked->patience = patience[pass];
		for (size_t next = 0;
		     next < b->count && deadline_now() < b->deadline;) {
			build_some(b, &next);
		}
	}
	for (size_t i = 0; i < b->count; i++) {
		if (!b->groups[i].done && b->box->silent++ == 0) {
			name_of(b, &b->groups[i], b->box->first_silent);
		}
	}
}

/* ---- the notes ---- */

static int
compare(const void *a, const void *b)
{
	const struct span *x = a, *y = b;
	size_t n = x->len < y->len ? x->len : y->len;
	int order = memcmp(x->at, y->at, n);

	return order != 0 ? order : x->len < y->len ? -1 : x->len > y->len;
}

/* Finds the lines that are notes, sorted: those of a domain together, and
   those that are the same. */
static struct span *
sort_lines(const struct report_kind *kind, struct span notes, size_t *count)
{
	struct span *lines = NULL;
	char domain[ASK_NAME];
	size_t room = 0;

	*count = 0;
	for (size_t at = 0; at < notes.len;) {
		const char *line = notes.at + at;
		const char *end = memchr(line, '\n', notes.len - at);
		size_t size =
		    end == NULL ? notes.len - at : (size_t)(end - line);
		if (*count == room) {
			room = room == 0 ? 1024 : 2 * room;
			struct span *more =
			    reallocarray(lines, room, sizeof(*lines));
			if (more == NULL) {
				break; /* the rest is left out */
			}
			lines = more;
		}
		/* The last line may be cut. */
		if (end != NULL && kind->read(line, size, domain)) {
			lines[(*count)++] = (struct span){ line, size };
		}
		at += size + 1;
	}
	if (*count > 0) {
		qsort(lines, *count, sizeof(*lines), compare);
	}
	return lines;
}

/* Those with most mail come first. */
static int
compare_groups(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	return (x->count < y->count) - (x->count > y->count);
}

/* Finds the domains; our own mailboxes need no report of what they got. */
static void
sort_groups(struct building *b, const struct span *lines, size_t count)
{
	char first[ASK_NAME], next[ASK_NAME];

	for (size_t i = 0, same; i < count; i += same) {
		(void)b->kind->read(lines[i].at, lines[i].len, first);
		for (same = 1; i + same < count &&
			       b->kind->read(lines[i + same].at,
				   lines[i + same].len, next) &&
			       strcmp(next, first) == 0;) {
			same++;
		}
		if (!config_is_ours_to_all(b->config, first)) {
			b->groups[b->count++] =
			    (struct group){ lines + i, same, false };
		}
	}
	if (b->count > 0) {
		qsort(b->groups, b->count, sizeof(*b->groups), compare_groups);
	}
}

int
report_build(const struct report_kind *kind, const struct config *config,
    const struct dns *dns, struct span notes, int64_t begin, const char *from,
    struct outbox *box)
{
	struct building b = { .kind = kind,
		.config = config,
		.begin = begin,
		.from = from,
		.box = box,
		.deadline = deadline_now() + ASKING };
	size_t count;
	struct span *lines = sort_lines(kind, notes, &count);
	int result = -1;

	b.asked = calloc(1, sizeof(*b.asked));
	b.groups = calloc(count + 1, sizeof(*b.groups));
	if (b.asked != NULL && b.groups != NULL) {
		b.asked->dns = dns;
		b.asked->tls = kind->tls;
		sort_groups(&b, lines, count);
		build_all(&b);
		result = 0;
	}
	output_free(&b.mail);
	free(b.groups);
	free(b.asked);
	free(lines);
	return result;
}
