/* SPDX-License-Identifier: ISC */
/*
 * Asks name servers several things at a time.  Each question has a socket of
 * its own, so that the port is as hard to guess as the number of the query.
 */
#include "common/dns/dns_lookup.h"

#include "common/dns/dns_private.h"
#include "common/dns/resolver.h"
#include "common/io/deadline.h"

#include <arpa/nameser.h>
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	ROUNDS = 3,
	LABEL = 63,
	PAYLOAD = 1232,   /* octets of UDP that no path has to cut to pieces */
	OPTION = 11,      /* octets of the OPT record */
	PREFIX = 2,       /* octets of a length in front, by TCP */
	AUTHENTIC = 0x20, /* the bit AD, which is asked for by itself */
};

/* A question that is under way. */
struct query {
	int fd;   /* -1: not any more */
	bool tcp; /* by TCP, since the answer did not fit: */
	size_t sent, got;
	unsigned char head[PREFIX]; /* the length of what is coming */
	size_t len;                 /* without the OPT record */
	unsigned char wire[PREFIX + NS_HFIXEDSZ + DNS_NAME + 1 + NS_QFIXEDSZ +
			   OPTION]; /* after room for the prefix */
};

static void
put16(unsigned char *p, unsigned value)
{
	p[0] = (unsigned char)(value >> 8);
	p[1] = (unsigned char)value;
}

/* Writes the labels of a name; the end, or NULL: it has no such form. */
static unsigned char *
put_name(unsigned char *p, const char *name)
{
	while (*name != '\0') {
		size_t n = strcspn(name, ".");
		if (n == 0 || n > LABEL) {
			return NULL;
		}
		*p++ = (unsigned char)n;
		memcpy(p, name, n);
		p += n;
		name += n + (name[n] == '.');
	}
	*p++ = 0;
	return p;
}

/* Writes the query of a question; false: it has no such name. */
static bool
make_query(struct query *q, const struct dns_lookup *l)
{
	unsigned char *wire = q->wire + PREFIX;

	memset(wire, 0, NS_HFIXEDSZ);
	put16(wire, arc4random());
	wire[2] = 0x01; /* recursion desired */
	wire[5] = 1;    /* question */
	wire[11] = 1;   /* additional: OPT */
	unsigned char *p = put_name(wire + NS_HFIXEDSZ, l->name);
	if (p == NULL) {
		return false;
	}
	put16(p, (unsigned)l->type);
	put16(p + 2, ns_c_in);
	p += NS_QFIXEDSZ;
	q->len = (size_t)(p - wire);
	memset(p, 0, OPTION);
	put16(p + 1, ns_t_opt);
	put16(p + 3, PAYLOAD);
	return true;
}

static void
stop(struct query *q)
{
	if (q->fd != -1) {
		close(q->fd);
		q->fd = -1;
	}
}

/* Sends a query; plain: to a server that may not know EDNS. */
static void
start(struct query *q, const struct dns_lookup *l,
    const struct dns_address *server, bool plain)
{
	q->fd = -1;
	if (!make_query(q, l)) {
		return;
	}
	size_t len = q->len + (plain ? 0 : OPTION);
	q->wire[PREFIX + 11] = !plain;
	q->wire[PREFIX + 3] = plain ? 0 : AUTHENTIC;
	q->fd = socket(server->address.ss_family,
	    SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (q->fd != -1 &&
	    (connect(q->fd, (const struct sockaddr *)&server->address,
		 server->len) == -1 ||
		send(q->fd, q->wire + PREFIX, len, MSG_NOSIGNAL) !=
		    (ssize_t)len)) {
		stop(q);
	}
}

/* True if it is an answer, to this question; names differ in case at most. */
static bool
is_about(const struct query *q, const unsigned char *answer, size_t len)
{
	const unsigned char *wire = q->wire + PREFIX;

	if (len < q->len || (answer[2] & 0x80) == 0) {
		return false;
	}
	for (size_t i = NS_HFIXEDSZ; i < q->len; i++) {
		if (tolower(answer[i]) != tolower(wire[i])) {
			return false;
		}
	}
	return true;
}

/* True if it is the answer to this query. */
static bool
belongs(const struct query *q, const unsigned char *answer, size_t len)
{
	return is_about(q, answer, len) &&
	       memcmp(answer, q->wire + PREFIX, NS_INT16SZ) == 0;
}

static bool
is_cut(const unsigned char *answer)
{
	return (answer[2] & 0x02) != 0;
}

/* True if the server stands to it. */
static bool
is_sure(const unsigned char *answer)
{
	unsigned code = answer[3] & 0x0f;

	return code == ns_r_noerror || code == ns_r_nxdomain;
}

bool
dns_lookup_answered(
    const struct dns_lookup *l, const unsigned char *answer, size_t len)
{
	struct query q;

	return make_query(&q, l) && is_about(&q, answer, len) &&
	       !is_cut(answer) && is_sure(answer);
}

bool
dns_lookup_is_secure(const struct dns_lookup *l)
{
	return l->len > 0 && (l->answer[3] & AUTHENTIC) != 0;
}

/* Keeps an answer that a server stands to. */
static void
keep(struct dns_lookup *l, size_t len)
{
	l->len = is_sure(l->answer) ? len : 0;
}

/* Reads what has come for a query.  True: it was cut. */
static bool
hear(struct query *q, struct dns_lookup *l)
{
	ssize_t n = recv(q->fd, l->answer, sizeof(l->answer), MSG_DONTWAIT);

	if (n == -1) {
		stop(q); /* nobody is there */
		return false;
	}
	if (!belongs(q, l->answer, (size_t)n)) {
		return false; /* somebody guesses */
	}
	bool cut = is_cut(l->answer);
	if (!cut) {
		keep(l, (size_t)n);
	}
	stop(q);
	return cut;
}

/* Asks by TCP (RFC 7766) what did not fit. */
static void
start_tcp(struct query *q, const struct dns_address *server)
{
	q->tcp = true;
	q->sent = q->got = 0;
	put16(q->wire, (unsigned)q->len);
	q->wire[PREFIX + 11] = 0;
	q->fd = socket(server->address.ss_family,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (q->fd != -1 &&
	    connect(q->fd, (const struct sockaddr *)&server->address,
		server->len) == -1 &&
	    errno != EINPROGRESS) {
		stop(q);
	}
}

/* Receives a piece of the length, or of what it is of; as recv(2). */
static ssize_t
receive_piece(struct query *q, struct dns_lookup *l)
{
	ssize_t n;

	if (q->got < PREFIX) {
		n = recv(
		    q->fd, q->head + q->got, PREFIX - q->got, MSG_DONTWAIT);
	} else {
		size_t size = (size_t)q->head[0] << 8 | q->head[1];
		size_t at = q->got - PREFIX;
		n = recv(q->fd, l->answer + at, size - at, MSG_DONTWAIT);
		if (n > 0 && at + (size_t)n == size) {
			if (belongs(q, l->answer, size) && !is_cut(l->answer)) {
				keep(l, size);
			}
			return 0;
		}
	}
	q->got += n > 0 ? (size_t)n : 0;
	return n;
}

/* Sends or receives by TCP as much as goes without waiting. */
static void
go_on_tcp(struct query *q, struct dns_lookup *l)
{
	size_t all = PREFIX + q->len;
	ssize_t n;

	if (q->sent < all) {
		n = send(q->fd, q->wire + q->sent, all - q->sent,
		    MSG_NOSIGNAL | MSG_DONTWAIT);
		q->sent += n > 0 ? (size_t)n : 0;
	} else {
		n = receive_piece(q, l);
	}
	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR)) {
		stop(q);
	}
}

static short
events_of(const struct query *q)
{
	return q->tcp && q->sent < PREFIX + q->len ? POLLOUT : POLLIN;
}

/* Hears all of them, so that none waits for another that is silent. */
static void
listen_all(struct query *queries, struct dns_lookup *lookups, size_t n,
    const struct dns_address *server, int64_t deadline)
{
	struct pollfd fds[DNS_LOOKUP_MOST];

	for (;;) {
		size_t open = 0;
		for (size_t i = 0; i < n; i++) {
			fds[i] = (struct pollfd){ .fd = queries[i].fd,
				.events = events_of(&queries[i]) };
			open += queries[i].fd != -1;
		}
		int64_t left = deadline - deadline_now();
		if (open == 0 || left <= 0 ||
		    poll(fds, (nfds_t)n, (int)left) == -1) {
			return;
		}
		for (size_t i = 0; i < n; i++) {
			struct query *q = &queries[i];
			if (fds[i].revents == 0) {
				continue;
			}
			if (q->tcp) {
				go_on_tcp(q, &lookups[i]);
			} else if (hear(q, &lookups[i])) {
				start_tcp(q, server);
			}
		}
	}
}

/* Asks one server what has no answer yet. */
static void
ask_round(struct query *queries, struct dns_lookup *lookups, size_t n,
    const struct dns_address *server, bool plain, int64_t deadline)
{
	for (size_t i = 0; i < n; i++) {
		queries[i].fd = -1;
		queries[i].tcp = false;
		if (lookups[i].len == 0) {
			start(&queries[i], &lookups[i], server, plain);
		}
	}
	listen_all(queries, lookups, n, server, deadline);
	for (size_t i = 0; i < n; i++) {
		stop(&queries[i]);
	}
}

void
dns_look_up(
    const struct dns *d, struct dns_lookup *lookups, size_t n, int64_t deadline)
{
	struct dns_address servers[DNS_SERVERS];
	size_t nservers = dns_servers(d, servers);
	struct query queries[DNS_LOOKUP_MOST];
	struct resolver *resolver = dns_resolver(d);

	n = n < DNS_LOOKUP_MOST ? n : DNS_LOOKUP_MOST;
	for (size_t i = 0; i < n; i++) {
		lookups[i].len = 0;
	}
	if (resolver != NULL) {
		resolver_ask(resolver, lookups, n, deadline);
		return;
	}
	for (size_t round = 0; round < ROUNDS && nservers > 0; round++) {
		int64_t now = deadline_now();
		int64_t slice = (deadline - now) / (int64_t)(ROUNDS - round);
		ask_round(queries, lookups, n, &servers[round % nservers],
		    round == ROUNDS - 1, now + slice);
	}
}
