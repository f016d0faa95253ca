/* SPDX-License-Identifier: ISC */
/* Runs as root (if the server does): the queue belongs to it. */
#include "smtpd/queue/errand.h"

#include "smtpd/queue/retry.h"
#include "smtpd/queue/runner.h"
#include "spool/queue.h"

#include <time.h>

bool
queue_errand_due(const struct config *config)
{
	struct queue q;
	time_t now = time(NULL);

	if (queue_open(&q, config->queue) == -1) {
		return false; /* sessions say so when they need it */
	}
	time_t last = queue_last_run(&q);
	queue_close(&q);
	return last > now || now - last >= RETRY_FIRST;
}

void
queue_errand_run(const struct config *config)
{
	struct run run = { .deferred = false };

	(void)runner_run(config, &run);
}
