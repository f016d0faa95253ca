/* SPDX-License-Identifier: ISC */
/* Opens the queue for an administrator, and prints messages.  Runs as root. */
#include "smtpd/admin/view_private.h"

#include "common/log/log.h"
#include "common/process/privilege.h"
#include "common/process/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

enum { MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

static int
refuse_queue(const char *path, const char *sudo)
{
	if (errno == EACCES || errno == EPERM) {
		log_error("only root may see the queue; type: sudo %s", sudo);
		return EX_NOPERM;
	}
	log_error("queue %s: %s", path, strerror(errno));
	return EX_OSERR;
}

/* Finds one of the folders, since none may exist yet.  0, or -1 with errno. */
static int
find_folder(const char *queue, struct stat *st)
{
	char path[PATH_MAX + 16];
	int found = -1;

	for (int i = 0; found == -1 && i < QUEUE_PLACES; i++) {
		snprintf(
		    path, sizeof(path), "%s/%s", queue, queue_place_names[i]);
		found = stat(path, st);
		if (found == -1 && errno != ENOENT) {
			return -1;
		}
	}
	return found;
}

int
view_open(const struct config *config, struct queue *q, const char *sudo)
{
	struct stat st;

	if (find_folder(config->queue, &st) == -1) {
		return errno == ENOENT ? VIEW_NONE
		                       : refuse_queue(config->queue, sudo);
	}
	if (geteuid() == 0 && st.st_uid != 0 &&
	    privilege_become(st.st_uid, st.st_gid, (gid_t)-1) == -1) {
		return refuse_queue(config->queue, sudo);
	}
	return queue_open(q, config->queue) == -1
	           ? refuse_queue(config->queue, sudo)
	           : EX_OK;
}

void
view_confine(void)
{
	/* Where that fails, the admin sees the queue nevertheless. */
	(void)!sandbox_task(SANDBOX_READER, NULL);
}

bool
view_is_busy(const struct queue_file *f)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return fcntl(f->fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

struct each {
	int (*call)(void *, enum queue_place, const char *name);
	void *data;
};

static int
call_corrupt(void *data, const char *name)
{
	const struct each *each = data;

	return each->call(each->data, QUEUE_CORRUPT, name);
}

int
view_each(struct queue *q, enum queue_place place,
    int (*call)(void *, enum queue_place, const char *name), void *data)
{
	struct queue_list list = { .count = 0 };
	struct each each = { .call = call, .data = data };

	/* It holds files with any name. */
	if (place == QUEUE_CORRUPT) {
		return queue_each_name(q, place, call_corrupt, &each);
	}
	int result = queue_scan(q, place, (time_t)-1, &list);
	queue_list_sort(&list);
	for (size_t i = 0; result == 0 && i < list.count; i++) {
		result = call(data, place, list.entries[i].id);
	}
	int error = errno;
	queue_list_free(&list);
	errno = error;
	return result;
}

static void
view_span(time_t seconds, char text[VIEW_SHORT])
{
	long s = seconds < 0 ? 0 : (long)seconds;

	if (s < 2 * HOUR) {
		snprintf(
		    text, VIEW_SHORT, "%ld min", (s + MINUTE / 2) / MINUTE);
	} else if (s < 2 * DAY) {
		snprintf(text, VIEW_SHORT, "%ld h", (s + HOUR / 2) / HOUR);
	} else {
		snprintf(text, VIEW_SHORT, "%ld days", (s + DAY / 2) / DAY);
	}
}

/* ---- one message ---- */

static void
describe_state(const struct queue_file *f, const struct slot_state *s,
    time_t now, char *text, size_t size)
{
	static const char *const words[] = {
		[RECIPIENT_WAITING] = "waits",
		[RECIPIENT_SENT] = "sent",
		[RECIPIENT_EXPANDED] = "passed on",
		[RECIPIENT_FAILED] = "failed, and reported",
		[RECIPIENT_REMOVED] = "removed",
	};
	char span[VIEW_SHORT], tried[40] = "";

	if (s->state != RECIPIENT_WAITING) {
		snprintf(text, size, "%s", words[s->state]);
		return;
	}
	if (s->attempts > 0) {
		snprintf(tried, sizeof(tried), ", tried %u time%s", s->attempts,
		    s->attempts == 1 ? "" : "s");
	}
	view_span(s->next - now, span);
	bool later = f->place == QUEUE_DEFERRED && s->next > now;
	snprintf(text, size, "%s%s, %s%s", words[s->state], tried,
	    f->place == QUEUE_HOLD      ? "held"
	    : f->place == QUEUE_CORRUPT ? "set aside"
	    : later                     ? "next try in "
					: "next try now",
	    later ? span : "");
}

static void
print_recipient(struct wrap *p, struct queue_file *f, size_t i, time_t now)
{
	const struct recipient *r = &f->mail.recipients[i];
	char text[2 * MAIL_TEXT + 16], state[120], reason[QUEUE_REASON];
	bool other = r->given[0] != '\0' && strcmp(r->given, r->text) != 0;

	snprintf(text, sizeof(text), "%s%s%s%s%s",
	    r->target == TARGET_PIPE ? "|" : "", r->text, other ? " (for " : "",
	    other ? r->given : "", other ? ")" : "");
	wrap_text(p, 4, text);
	describe_state(f, &r->slot, now, state, sizeof(state));
	wrap_text(p, 8, state);
	queue_reason(f, i, reason);
	if (reason[0] != '\0' && r->slot.state == RECIPIENT_WAITING) {
		wrap_reply(p, 8, reason);
	}
}

void
view_text(FILE *out, struct queue_file *f, time_t now)
{
	struct wrap p = { .out = out, .eol = "\n" };
	char age[VIEW_SHORT], when[32] = "";
	struct tm tm = { .tm_mday = 1 };

	view_span(now - f->mail.arrival, age);
	localtime_r(&f->mail.arrival, &tm);
	strftime(when, sizeof(when), "%b %e %H:%M", &tm);
	fprintf(out, "%s%c %9llu  %s %8s  ", f->id,
	    view_is_busy(f)             ? '*'
	    : f->place == QUEUE_HOLD    ? '!'
	    : f->place == QUEUE_CORRUPT ? '?'
					: ' ',
	    (unsigned long long)f->mail.size, when, age);
	wrap_text(&p, 0, f->mail.sender[0] != '\0' ? f->mail.sender : "<>");
	if (f->mail.held[0] != '\0' && f->place == QUEUE_HOLD) {
		wrap_text(&p, 4, "held by a filter:");
		wrap_reply(&p, 8, f->mail.held);
	}
	for (size_t i = 0; i < f->mail.count; i++) {
		print_recipient(&p, f, i, now);
	}
}

void
view_text_unreadable(FILE *out, const char *name, uint64_t octets, bool later)
{
	struct wrap p = { .out = out, .eol = "\n" };

	fprintf(out, "%-12s%c %9llu  ", mail_is_id(name) ? name : "",
	    later ? '!' : '?', (unsigned long long)octets);
	if (!mail_is_id(name)) {
		wrap_text(&p, 0, name);
	}
	wrap_text(&p, mail_is_id(name) ? 0 : 4,
	    later ? "of a later version of restante, which can send it; look "
		    "at it by smtpd --show"
		  : "damaged, and set aside; look at it by smtpd --show");
}
