/* SPDX-License-Identifier: ISC */
/*
 * Puts one report into a queue, for tests/system/queue/t_reports.py:
 *
 *   report-one QUEUE PLACE ID HOSTNAME [RECIPIENT KIND DSN HOST TEXT] ...
 *
 * with the numbers of the recipients and of the kinds.  Prints "reported", "not
 * wanted" (a first recipient whose sender does not want to know), or errno's
 * words.
 */
#include "smtpd/queue/report/bounce.h"

#include "common/log/log.h"
#include "smtpd/queue/retry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST = 5, EACH = 5, MOST = 16 };

static int
place_of(const char *name)
{
	for (int i = 0; i < QUEUE_PLACES; i++) {
		if (strcmp(name, queue_place_names[i]) == 0) {
			return i;
		}
	}
	return -1;
}

static void
send_report(struct queue_file *f, const char *hostname, char **words, size_t n)
{
	static struct config config;
	struct report_recipient list[MOST];
	const struct report report = { .config = &config,
		.file = f,
		.recipients = list,
		.count = n,
		.until = retry_until(&f->mail) };

	strlcpy(config.hostname, hostname, sizeof(config.hostname));
	for (size_t i = 0; i < n; i++, words += EACH) {
		list[i] = (struct report_recipient){
			.recipient = (size_t)strtoul(words[0], NULL, 10),
			.kind = (enum report_kind)strtoul(words[1], NULL, 10),
			.tried = f->mail.recipients[0].slot.last,
			.host = words[3],
			.text = words[4]
		};
		strlcpy(list[i].dsn, words[2], sizeof(list[i].dsn));
	}
	if (!bounce_wanted(&f->mail, &f->mail.recipients[list[0].recipient],
		list[0].kind)) {
		puts("not wanted");
	} else if (bounce_report(&report) == -1) {
		puts(strerror(errno));
	} else {
		puts("reported");
	}
}

int
main(int argc, char **argv)
{
	struct queue q;
	struct queue_file f;
	size_t n = (size_t)(argc - FIRST) / EACH;

	log_open("report-one", LOG_TO_STDERR);
	if (argc < FIRST + EACH || n > MOST || place_of(argv[2]) == -1 ||
	    queue_open(&q, argv[1]) == -1) {
		perror("report-one");
		return 1;
	}
	enum queue_place place = (enum queue_place)place_of(argv[2]);
	if (queue_claim(&q, place, argv[3], &f) != QUEUE_CLAIMED) {
		puts("no such message");
		return 1;
	}
	send_report(&f, argv[4], argv + FIRST, n);
	queue_release(&f);
	queue_close(&q);
	return 0;
}
