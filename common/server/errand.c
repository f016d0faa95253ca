/* SPDX-License-Identifier: ISC */
/* The service's errand: one process beside the sessions, now and then. */
#include "common/io/deadline.h"
#include "common/log/log.h"
#include "common/server/child.h"
#include "common/server/slot.h"

#include <errno.h>
#include <string.h>

enum { ASK_EVERY = 15 * 1000 }; /* ms */

void
errand_start(struct server *s)
{
	if (s->errand != 0) {
		/* It may have missed what has come since it started. */
		s->errand_wanted = true;
		return;
	}
	if (s->stop_at != 0) {
		return; /* what is durable can wait for the next start */
	}
	s->errand_wanted = false;
	if (s->service->errand.wake != NULL &&
	    s->service->errand.wake(s->config)) {
		return;
	}
	pid_t pid = child_errand(s);
	if (pid == -1) {
		log_error("cannot fork: %s", strerror(errno));
		return;
	}
	s->errand = pid;
}

void
errand_if_due(struct server *s)
{
	int64_t now = deadline_now();

	if (s->service->errand.due == NULL || now < s->errand_at) {
		return;
	}
	bool start = s->errand_at == 0 && s->nlisteners > 0;
	s->errand_at = now + ASK_EVERY;
	if (s->errand == 0 && s->service->errand.due(s->config, start)) {
		errand_start(s);
	}
}

int64_t
errand_left(const struct server *s)
{
	int64_t ms = s->errand_at - deadline_now();

	return s->service->errand.due == NULL || s->errand != 0 ? INT64_MAX
	       : ms > 0                                         ? ms
	                                                        : 0;
}

bool
errand_ended(struct server *s, pid_t pid)
{
	if (pid != s->errand) {
		return false;
	}
	s->errand = 0;
	s->idle_since = deadline_now();
	if (s->errand_wanted) {
		errand_start(s);
	}
	return true;
}

void
errand_leave(struct server *s)
{
	if (s->errand != 0 && s->errand_wanted) {
		s->errand = 0; /* it goes on without us */
		errand_start(s);
	}
}
