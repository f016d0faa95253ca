/* SPDX-License-Identifier: ISC */
/* See the header. */
#include "common/session/offence.h"

#include "common/io/deadline.h"

void
offence_report(const struct connection *c, enum offence offence)
{
	uint32_t what = offence;

	if (c->welcome.counted != 0 && channel_call(c->channel, REQUEST_OFFENCE,
					   &what, sizeof(what)) != STATUS_OK) {
		/* Not counted: the session goes on without. */
		return;
	}
}

void
offence_delay(const struct connection *c)
{
	if (c->welcome.delay != 0 &&
	    deadline_wait(c->rfd, 0, deadline_now() + c->welcome.delay, true) ==
		0) {
		/* It has hung up: the next read tells. */
		return;
	}
}
