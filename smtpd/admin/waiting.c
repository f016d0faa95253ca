/* SPDX-License-Identifier: ISC */
/*
 * Looks at what waits in the queue.  A child of root's, which becomes the user
 * that owns the queue and then only reads, writes what it has found into memory
 * that both share.
 */
#include "smtpd/admin/waiting_private.h"

#include "common/process/process.h"
#include "smtpd/admin/view_private.h"

#include <string.h>
#include <sys/mman.h>
#include <sysexits.h>

enum { LIMIT = 60 * 1000, HOUR = 60 * 60 };

struct search {
	const struct config *config;
	const char *sudo;
	struct queue *queue;
	struct waiting *found;
	time_t now;
};

/* The reply to AUTH, or to MAIL where none was tried, that says: log in. */
static bool
refuses_login(const char *reason)
{
	static const char *const signs[] = { "AUTH", " 535 ", " 534 ",
		" 530 " };

	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		if (strstr(reason, signs[i]) != NULL) {
			return true;
		}
	}
	return false;
}

/* The first recipient that waits; count: there is none. */
static size_t
first_waiting(const struct mail *m)
{
	size_t i = 0;

	while (
	    i < m->count && m->recipients[i].slot.state != RECIPIENT_WAITING) {
		i++;
	}
	return i;
}

static void
note_replies(struct waiting *found, struct queue_file *f, bool late)
{
	char reason[QUEUE_REASON];

	for (size_t i = first_waiting(&f->mail); i < f->mail.count; i++) {
		if (f->mail.recipients[i].slot.state != RECIPIENT_WAITING) {
			continue;
		}
		queue_reason(f, i, reason);
		if (late && found->reply[0] == '\0') {
			strlcpy(found->reply, reason, sizeof(found->reply));
		}
		if (found->login[0] == '\0' && refuses_login(reason)) {
			strlcpy(found->login, reason, sizeof(found->login));
		}
	}
}

static void
look_at_message(const struct search *s, struct queue_file *f)
{
	struct waiting *found = s->found;
	const struct mail *m = &f->mail;
	time_t since = m->hold > m->arrival ? m->hold : m->arrival;
	size_t first = first_waiting(m);

	if (first == m->count || since > s->now) {
		return;
	}
	bool late = s->now - since > WAITING_LATE * HOUR;
	found->count++;
	found->late += late;
	if (found->count == 1 || since < found->since) {
		const char *at = strrchr(m->recipients[first].text, '@');
		found->since = since;
		strlcpy(found->id, f->id, sizeof(found->id));
		strlcpy(found->domain, at != NULL ? at + 1 : "",
		    sizeof(found->domain));
	}
	note_replies(found, f, late);
}

static int
look_at_file(void *context, enum queue_place place, const char *name)
{
	const struct search *s = context;
	struct queue_file f;

	if (queue_read(s->queue, place, name, &f) == QUEUE_CLAIMED) {
		look_at_message(s, &f);
		queue_release(&f);
	}
	return 0;
}

static int
count_held(void *context, enum queue_place place, const char *name)
{
	const struct search *s = context;

	(void)place;
	(void)name;
	s->found->held++;
	return 0;
}

static int
search_queue(void *context)
{
	struct search *s = context;
	struct queue queue;
	int result = view_open(s->config, &queue, s->sudo);

	if (result != EX_OK) {
		return result == VIEW_NONE ? EX_OK : result;
	}
	view_confine();
	s->queue = &queue;
	if (view_each(&queue, QUEUE_ACTIVE, look_at_file, s) == -1 ||
	    view_each(&queue, QUEUE_DEFERRED, look_at_file, s) == -1 ||
	    view_each(&queue, QUEUE_HOLD, count_held, s) == -1) {
		return EX_IOERR;
	}
	return EX_OK;
}

/* Strangers' words, for people. */
static void
clean(char *text, size_t size)
{
	text[size - 1] = '\0';
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f) {
			*text = '?';
		}
	}
}

void
waiting_search(
    const struct config *config, const char *sudo, struct waiting *found)
{
	struct search s = { .config = config, .sudo = sudo, .now = time(NULL) };
	int status = 0;

	memset(found, 0, sizeof(*found));
	s.found = mmap(NULL, sizeof(*s.found), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s.found == MAP_FAILED) {
		return;
	}
	enum process_end end = process_run(search_queue, &s, LIMIT, &status);
	*found = *s.found;
	munmap(s.found, sizeof(*s.found));
	found->known = end == PROCESS_EXITED && status == EX_OK;
	clean(found->id, sizeof(found->id));
	clean(found->domain, sizeof(found->domain));
	clean(found->reply, sizeof(found->reply));
	clean(found->login, sizeof(found->login));
}
