/* SPDX-License-Identifier: ISC */
/*
 * What --alert looks at in the queue.  A child of root's, which becomes the
 * user that owns the queue and then only reads, writes what it has found into
 * memory that both share.
 */
#include "common/process/process.h"
#include "smtpd/admin/alert_private.h"
#include "smtpd/admin/view_private.h"

#include <string.h>
#include <sys/mman.h>
#include <sysexits.h>
#include <time.h>

enum { LIMIT = 60 * 1000, HOUR = 60 * 60, LONG = 4 * HOUR };

struct search {
	const struct config *config;
	struct queue *queue;
	struct alert_queue *found;
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

static void
look_at_message(const struct search *s, struct queue_file *f)
{
	bool late = s->now - f->mail.arrival > LONG;
	char reason[QUEUE_REASON];

	for (size_t i = 0; i < f->mail.count; i++) {
		if (f->mail.recipients[i].slot.state != RECIPIENT_WAITING) {
			continue;
		}
		queue_reason(f, i, reason);
		if (late && s->found->reply[0] == '\0') {
			strlcpy(
			    s->found->reply, reason, sizeof(s->found->reply));
		}
		if (s->found->login[0] == '\0' && refuses_login(reason)) {
			strlcpy(
			    s->found->login, reason, sizeof(s->found->login));
		}
	}
	s->found->late += late;
	if (s->found->oldest == 0 || f->mail.arrival < s->found->oldest) {
		s->found->oldest = f->mail.arrival;
	}
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
search_queue(void *context)
{
	struct search *s = context;
	struct queue queue;
	int result = view_open(s->config, &queue, "smtpd --alert");

	if (result != EX_OK) {
		return result == VIEW_NONE ? EX_OK : result;
	}
	view_confine();
	s->queue = &queue;
	if (view_each(&queue, QUEUE_ACTIVE, look_at_file, s) == -1 ||
	    view_each(&queue, QUEUE_DEFERRED, look_at_file, s) == -1) {
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
alert_search(const struct config *config, struct alert_queue *found)
{
	struct search s = { .config = config, .now = time(NULL) };
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
	clean(found->reply, sizeof(found->reply));
	clean(found->login, sizeof(found->login));
}
