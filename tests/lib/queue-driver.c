/* SPDX-License-Identifier: ISC */
/*
 * queue-driver QUEUE VERB ID [ARGUMENT]: does one thing to a queue, for
 * tests/system/crash/t_queue_disk.py.  "done VERB" on standard output is the
 * acknowledgement; the exit status is 0, or 1 with the reason in words.
 *
 *   commit ID FILE    the text of the file, to three recipients
 *   careless ID FILE  the same as a beginner would do it: the tests must see
 *   set ID N          recipient N is sent
 *   defer ID, hold ID, remove ID
 *   check -           claims everything that is not held or set aside
 */
#include "common/log/log.h"
#include "spool/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct mail
new_mail(const char *id)
{
	char address[32];
	struct recipient r = {
		.text = address, .given = "", .owner = "", .orcpt = ""
	};
	struct mail m;

	mail_init(&m);
	strlcpy(m.id, id, sizeof(m.id));
	strlcpy(m.sender, "alice@example.org", sizeof(m.sender));
	for (int i = 0; i < 3; i++) {
		snprintf(address, sizeof(address), "r%d@example.net", i);
		if (mail_add(&m, &r) == -1) {
			exit(2);
		}
	}
	return m;
}

static int
commit(struct queue *q, const char *id, const char *file)
{
	struct mail m = new_mail(id);
	struct queue_body body = { .fd = open(file, O_RDONLY | O_CLOEXEC),
		.length = -1 };

	return body.fd == -1 ? -1 : queue_commit(q, &m, &body);
}

/* Under its name from the start, without a sync, and never mind results. */
static int
careless(struct queue *q, const char *id, const char *file)
{
	struct mail m = new_mail(id);
	static char text[1024 * 1024], wire[2 * sizeof(text)];
	size_t len, to = 0;
	int from = open(file, O_RDONLY | O_CLOEXEC);
	int fd = openat(q->places[QUEUE_ACTIVE], id,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ssize_t n = read(from, text, sizeof(text));

	for (ssize_t i = 0; i < n; i++) {
		if (text[i] == '\n') {
			wire[to++] = '\r';
		}
		wire[to++] = text[i];
	}
	m.size = to;
	char *head = mail_head(&m, &len);
	if (head != NULL) {
		(void)!write(fd, head, len);
		(void)!write(fd, wire, to);
	}
	close(fd);
	return 0;
}

static int
set(struct queue_file *f, const char *recipient)
{
	struct slot_state s = {
		.state = RECIPIENT_SENT, .attempts = 1, .last = 1763790000
	};

	return queue_set(f, strtoul(recipient, NULL, 10), &s);
}

static int
work(struct queue *q, const char *verb, const char *id, const char *argument)
{
	static const enum queue_place places[] = { QUEUE_ACTIVE,
		QUEUE_DEFERRED };
	struct queue_file f;
	enum queue_claim claim = QUEUE_GONE;
	int result = -1;

	for (int i = 0; i < 2 && claim == QUEUE_GONE; i++) {
		claim = queue_claim(q, places[i], id, &f);
	}
	if (claim != QUEUE_CLAIMED) {
		fprintf(stderr, "claim %d: %s\n", (int)claim, strerror(errno));
		return -1;
	}
	if (strcmp(verb, "set") == 0) {
		result = set(&f, argument);
	} else if (strcmp(verb, "defer") == 0) {
		queue_set_reason(&f, 0, "451 4.7.1 later");
		f.mail.recipients[0].slot.next = 1763800000;
		result = queue_set(&f, 0, &f.mail.recipients[0].slot) == -1
		             ? -1
		             : queue_defer(&f);
	} else if (strcmp(verb, "hold") == 0) {
		result = queue_move(&f, QUEUE_HOLD);
	} else if (strcmp(verb, "remove") == 0) {
		result = queue_remove(&f);
	}
	int saved = errno;
	queue_release(&f);
	errno = saved;
	return result;
}

static int
check(struct queue *q)
{
	struct queue_list list = { 0 };
	struct queue_file f;
	int result = 0;

	if (queue_scan(q, QUEUE_ACTIVE, -1, &list) == -1 ||
	    queue_scan(q, QUEUE_DEFERRED, -1, &list) == -1) {
		return -1;
	}
	for (size_t i = 0; i < list.count; i++) {
		struct queue_entry *e = &list.entries[i];
		if (queue_claim(q, e->place, e->id, &f) != QUEUE_CLAIMED) {
			fprintf(stderr, "cannot claim %s\n", e->id);
			result = -1;
		}
		queue_release(&f);
	}
	queue_list_free(&list);
	return result;
}

int
main(int argc, char **argv)
{
	struct queue q;
	char text[64];
	int result = -1;

	if (argc < 4) {
		return 2;
	}
	log_open("queue-driver", LOG_TO_STDERR);
	const char *verb = argv[2], *id = argv[3];
	const char *argument = argc > 4 ? argv[4] : "";
	if (queue_open(&q, argv[1]) == 0) {
		result =
		    strcmp(verb, "commit") == 0     ? commit(&q, id, argument)
		    : strcmp(verb, "careless") == 0 ? careless(&q, id, argument)
		    : strcmp(verb, "check") == 0    ? check(&q)
						 : work(&q, verb, id, argument);
	}
	if (result == -1) {
		fprintf(stderr, "%s %s: %s\n", verb, id, strerror(errno));
		return 1;
	}
	int len = snprintf(text, sizeof(text), "done %s\n", verb);
	return write(STDOUT_FILENO, text, (size_t)len) == len ? 0 : 1;
}
