/* SPDX-License-Identifier: ISC */
/* See the header. */
#include "common/server/order.h"

#include <string.h>

/* Descriptors, in the order in which they come. */
enum part { PART_READ, PART_CHANNEL, PART_WRITE, PART_BODY, PART_MAILBOX };
enum { PARTS = PART_MAILBOX + 1 };

void
order_make(struct order *o, const struct connection *c,
    int fds[ORDER_DESCRIPTORS], size_t *n)
{
	int all[PARTS] = { [PART_READ] = c->rfd,
		[PART_CHANNEL] = c->channel,
		[PART_WRITE] = c->wfd == c->rfd ? -1 : c->wfd,
		[PART_BODY] = c->body,
		[PART_MAILBOX] = c->mailbox };

	memset(o, 0, sizeof(*o));
	o->start = c->start;
	o->role = c->role;
	o->asks = c->asks;
	o->can_tls = c->can_tls;
	o->first = (int32_t)c->first;
	o->body_errno = c->body_errno;
	o->peer = c->peer;
	o->welcome = c->welcome;
	*n = 0;
	for (size_t i = 0; i < PARTS; i++) {
		if (all[i] != -1) {
			o->parts |= 1U << i;
			fds[(*n)++] = all[i];
		}
	}
}

/* Gives the descriptors that came to the connection.  false: some lack. */
static bool
place(struct connection *c, uint32_t parts, const int *fds, size_t n)
{
	int *places[PARTS] = { [PART_READ] = &c->rfd,
		[PART_CHANNEL] = &c->channel,
		[PART_WRITE] = &c->wfd,
		[PART_BODY] = &c->body,
		[PART_MAILBOX] = &c->mailbox };
	size_t next = 0, wanted = 0;

	for (size_t i = 0; i < PARTS; i++) {
		*places[i] = -1;
		if ((parts & 1U << i) != 0) {
			wanted++;
			*places[i] = next < n ? fds[next++] : -1;
		}
	}
	c->wfd = c->wfd == -1 ? c->rfd : c->wfd;
	return wanted == n && c->rfd != -1;
}

bool
order_read(
    const struct order *o, const int *fds, size_t n, struct connection *c)
{
	*c = (struct connection){ .start = (enum start)o->start,
		.first = (pid_t)o->first,
		.role = (enum role)o->role,
		.peer = o->peer,
		.welcome = o->welcome,
		.can_tls = o->can_tls != 0,
		.body_errno = o->body_errno,
		.asks = o->asks != 0 };
	return place(c, o->parts, fds, n);
}
