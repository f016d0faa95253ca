/* SPDX-License-Identifier: ISC */
/* mailq: lists the queue, without claiming messages.  Runs as root. */
#include "smtpd/admin/manage.h"

#include "common/log/log.h"
#include "smtpd/admin/view_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

struct mailq {
	struct queue *queue;
	bool json;
	time_t now;
	size_t count;
	uint64_t size;
};

static void
count_message(struct mailq *l, uint64_t size)
{
	if (l->count++ == 0 && !l->json) {
		printf("%-13s %9s  %-12s %8s  %s\n", "Id", "Size", "Arrived",
		    "Age", "Sender");
	}
	l->size += size;
}

/* Only its size is known; it may also be gone by now. */
static void
list_unreadable(
    struct mailq *l, enum queue_place place, const char *name, bool later)
{
	struct stat st;

	if (fstatat(l->queue->places[place], name, &st, AT_SYMLINK_NOFOLLOW) ==
	    -1) {
		return;
	}
	count_message(l, (uint64_t)st.st_size);
	if (l->json) {
		view_json_unreadable(
		    stdout, place, name, (uint64_t)st.st_size, later);
	} else {
		view_text_unreadable(stdout, name, (uint64_t)st.st_size, later);
	}
}

static int
list_message(void *data, enum queue_place place, const char *name)
{
	struct mailq *l = data;
	struct queue_file f;

	switch (queue_read(l->queue, place, name, &f)) {
	case QUEUE_CLAIMED:
		count_message(l, f.mail.size);
		if (l->json) {
			view_json(stdout, &f);
		} else {
			view_text(stdout, &f, l->now);
		}
		queue_release(&f);
		break;
	case QUEUE_GONE:
		/* It is done by now, or was set aside under another name. */
		if (place != QUEUE_CORRUPT) {
			break;
		}
		list_unreadable(l, place, name, false);
		break;
	case QUEUE_DAMAGED:
	case QUEUE_BUSY:
		list_unreadable(l, place, name, false);
		break;
	case QUEUE_LATER:
		list_unreadable(l, place, name, true);
		break;
	case QUEUE_ERROR:
		log_error("%s/%s/%s: %s", l->queue->path,
		    queue_place_names[place], name, strerror(errno));
		break;
	}
	return ferror(stdout) ? -1 : 0;
}

static void
print_total(const struct mailq *l)
{
	if (l->json) {
		return;
	}
	if (l->count == 0) {
		puts("Mail queue is empty");
		return;
	}
	printf("%zu message%s, %llu octets\n", l->count,
	    l->count == 1 ? "" : "s", (unsigned long long)l->size);
}

int
manage_list(const struct config *config, bool json)
{
	struct queue q;
	struct mailq l = { .queue = &q, .json = json, .now = time(NULL) };
	int result = view_open(config, &q, "mailq"), done = 0;

	if (result > EX_OK) {
		return result;
	}
	view_confine();
	for (int i = 0; result == EX_OK && done == 0 && i < QUEUE_PLACES; i++) {
		done = view_each(&q, (enum queue_place)i, list_message, &l);
	}
	if (done == -1) {
		log_error("queue %s: %s", config->queue, strerror(errno));
	} else {
		print_total(&l);
	}
	if (result == EX_OK) {
		queue_close(&q);
	}
	return done == -1 || fflush(stdout) == EOF ? EX_IOERR : EX_OK;
}
