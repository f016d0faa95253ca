/* SPDX-License-Identifier: ISC */
/*
 * Asks the resolver.  Whatever it says or does not say, there is an answer to
 * the question or none, and the deadline is kept.
 */
#include "common/dns/resolver.h"

#include "common/io/deadline.h"

#include <arpa/nameser.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MARGIN = 250 }; /* ms in which answers come back, at most */

_Static_assert(DNS_LOOKUP_MOST <= 32, "a bit of uint32_t for each");

struct resolver {
	int fd; /* -1: it has broken its word, or the connection */
	uint32_t serial;
};

/* ---- pure ---- */

static bool
is_text(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

bool
resolver_greeting_valid(const struct resolver_greeting *g, size_t size)
{
	return size == sizeof(*g) && g->version == RESOLVER_VERSION &&
	       is_text(g->server, sizeof(g->server));
}

bool
resolver_batch_valid(const struct resolver_batch *b, size_t size)
{
	bool valid = size == sizeof(*b) && b->count > 0 &&
	             b->count <= DNS_LOOKUP_MOST &&
	             b->patience <= RESOLVER_LONGEST;

	for (size_t i = 0; valid && i < b->count; i++) {
		const struct resolver_question *q = &b->questions[i];
		valid = q->type > 0 && q->type < RESOLVER_TYPES &&
		        q->type != ns_t_opt &&
		        is_text(q->name, sizeof(q->name));
	}
	return valid;
}

enum resolver_word
resolver_take(struct resolver_progress *p, struct dns_lookup *lookups,
    const unsigned char *message, size_t len)
{
	struct resolver_head head;

	if (len < sizeof(head) || len > RESOLVER_MESSAGE) {
		return RESOLVER_BREACH;
	}
	memcpy(&head, message, sizeof(head));
	if (head.serial < p->serial) {
		return RESOLVER_OLD;
	}
	if (head.serial > p->serial || head.number >= p->count ||
	    (p->bits >> head.number & 1) != 0) {
		return RESOLVER_BREACH;
	}
	p->bits |= UINT32_C(1) << head.number;
	p->answered++;
	struct dns_lookup *l = &lookups[head.number];
	const unsigned char *answer = message + sizeof(head);
	len -= sizeof(head);
	if (dns_lookup_answered(l, answer, len)) {
		memcpy(l->answer, answer, len);
		l->len = len;
	}
	return RESOLVER_TAKEN;
}

/* ---- the connection ---- */

static void
give_up(struct resolver *r)
{
	close(r->fd);
	r->fd = -1;
}

struct resolver *
resolver_open(const char *path, const char *server)
{
	struct resolver_greeting g = { .version = RESOLVER_VERSION };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct resolver *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		return NULL;
	}
	/* If more wait there than it has room for, connect(2) says EAGAIN. */
	r->fd =
	    socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (strlcpy(un.sun_path, path, sizeof(un.sun_path)) >=
		sizeof(un.sun_path) ||
	    strlcpy(g.server, server, sizeof(g.server)) >= sizeof(g.server)) {
		errno = ENAMETOOLONG;
	} else if (r->fd != -1 &&
		   connect(r->fd, (const struct sockaddr *)&un, sizeof(un)) ==
		       0 &&
		   send(r->fd, &g, sizeof(g), MSG_NOSIGNAL) ==
		       (ssize_t)sizeof(g)) {
		return r;
	}
	int saved = errno;
	resolver_close(r);
	errno = saved;
	return NULL;
}

void
resolver_close(struct resolver *r)
{
	if (r != NULL) {
		if (r->fd != -1) {
			close(r->fd);
		}
		free(r);
	}
}

/* ---- a batch ---- */

static bool
send_batch(struct resolver *r, const struct dns_lookup *lookups, size_t n,
    int64_t deadline)
{
	static struct resolver_batch b;
	int64_t now = deadline_now(),
		left = deadline > now ? deadline - now : 0;

	/* It is to give up in time to say what it has learnt. */
	left -= left / 4 < MARGIN ? left / 4 : MARGIN;
	b.serial = ++r->serial;
	b.count = (uint32_t)n;
	b.patience =
	    (uint32_t)(left < RESOLVER_LONGEST ? left : RESOLVER_LONGEST);
	for (size_t i = 0; i < n; i++) {
		struct resolver_question *q = &b.questions[i];
		memcpy(q->name, lookups[i].name, sizeof(q->name));
		q->type = (uint32_t)lookups[i].type;
	}
	return send(r->fd, &b, sizeof(b), MSG_NOSIGNAL | MSG_DONTWAIT) ==
	       (ssize_t)sizeof(b);
}

/* Receives a message, and takes it in.  False: there will be none. */
static bool
hear(
    struct resolver *r, struct resolver_progress *p, struct dns_lookup *lookups)
{
	static unsigned char message[RESOLVER_MESSAGE];
	ssize_t n =
	    recv(r->fd, message, sizeof(message), MSG_DONTWAIT | MSG_TRUNC);

	if (n == -1) {
		return errno == EAGAIN || errno == EINTR;
	}
	return n > 0 &&
	       resolver_take(p, lookups, message, (size_t)n) != RESOLVER_BREACH;
}

void
resolver_ask(
    struct resolver *r, struct dns_lookup *lookups, size_t n, int64_t deadline)
{
	if (r->fd == -1 || deadline_now() >= deadline) {
		return;
	}
	bool sound = send_batch(r, lookups, n, deadline);
	struct resolver_progress p = { .serial = r->serial, .count = n };
	while (sound && p.answered < n &&
	       deadline_wait(r->fd, POLLIN, deadline, false) == 0) {
		/* Something is always there, if it says too much. */
		if (deadline_now() >= deadline) {
			break;
		}
		sound = hear(r, &p, lookups);
	}
	if (!sound) {
		give_up(r);
	}
}
