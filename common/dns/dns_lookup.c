/* SPDX-License-Identifier: ISC */
/*
 * Asks name servers several things at a time.  Each question has a socket of
 * its own, so that the port is as hard to guess as the number of the query.
 */
#include "common/dns/dns_lookup.h"

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
	PAYLOAD = 1232, /* octets of UDP that no path has to cut to pieces */
	OPTION = 11,    /* octets of the OPT record */
	PREFIX = 2,     /* octets of a length in front, by TCP */
};

/* A question that is under way. */
struct query {
	int fd; /* -1: not any more */
	bool cut;
	size_t len; /* without the OPT record */
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

/* True if it is an answer, to this query; names differ in case at most. */
static bool
belongs(const struct query *q, const unsigned char *answer, size_t len)
{
	const unsigned char *wire = q->wire + PREFIX;

	if (len < q->len || memcmp(answer, wire, 2) != 0 ||
	    (answer[2] & 0x80) == 0) {
		return false;
	}
	for (size_t i = NS_HFIXEDSZ; i < q->len; i++) {
		if (tolower(answer[i]) != tolower(wire[i])) {
			return false;
		}
	}
	return true;
}

/* Keeps an answer that a server stands to. */
static void
keep(struct dns_lookup *l, size_t len)
{
	unsigned code = l->answer[3] & 0x0f;

	l->len = code == ns_r_noerror || code == ns_r_nxdomain ? len : 0;
}

/* Reads what has come for a query. */
static void
hear(struct query *q, struct dns_lookup *l)
{
	ssize_t n = recv(q->fd, l->answer, sizeof(l->answer), MSG_DONTWAIT);

	if (n == -1) {
		stop(q); /* nobody is there */
		return;
	}
	if (!belongs(q, l->answer, (size_t)n)) {
		return; /* somebody guesses */
	}
	q->cut = (l->answer[2] & 0x02) != 0;
	if (!q->cut) {
		keep(l, (size_t)n);
	}
	stop(q);
}

static void
listen_all(struct query *queries, struct dns_lookup *lookups, size_t n,
    int64_t deadline)
{
	struct pollfd fds[DNS_LOOKUPS];

	for (;;) {
		size_t open = 0;
		for (size_t i = 0; i < n; i++) {
			fds[i] = (struct pollfd){ .fd = queries[i].fd,
				.events = POLLIN };
			open += queries[i].fd != -1;
		}
		int64_t left = deadline - deadline_now();
		if (open == 0 || left <= 0 ||
		    poll(fds, (nfds_t)n, (int)left) == -1) {
			return;
		}
		for (size_t i = 0; i < n; i++) {
			if (fds[i].revents != 0) {
				hear(&queries[i], &lookups[i]);
			}
		}
	}
}

/* Sends or receives all of it before the deadline. */
static bool
transfer(int fd, unsigned char *data, size_t len, bool out, int64_t deadline)
{
	for (size_t done = 0; done < len;) {
		ssize_t n =
		    out ? send(fd, data + done, len - done,
			      MSG_NOSIGNAL | MSG_DONTWAIT)
			: recv(fd, data + done, len - done, MSG_DONTWAIT);
		if (n > 0) {
			done += (size_t)n;
		} else if (n == 0 ||
			   (errno != EAGAIN && errno != ENOTCONN &&
			       errno != EINTR) ||
			   deadline_wait(fd, out ? POLLOUT : POLLIN, deadline,
			       false) == -1) {
			return false;
		}
	}
	return true;
}

/* Asks by TCP (RFC 7766) what did not fit. */
static void
ask_by_tcp(struct query *q, struct dns_lookup *l,
    const struct dns_address *server, int64_t deadline)
{
	unsigned char head[PREFIX];

	q->fd = socket(server->address.ss_family,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (q->fd == -1) {
		return;
	}
	put16(q->wire, (unsigned)q->len);
	q->wire[PREFIX + 11] = 0;
	int rc = connect(
	    q->fd, (const struct sockaddr *)&server->address, server->len);
	if ((rc == 0 || (errno == EINPROGRESS && deadline_wait(q->fd, POLLOUT,
						     deadline, false) == 0)) &&
	    transfer(q->fd, q->wire, PREFIX + q->len, true, deadline) &&
	    transfer(q->fd, head, sizeof(head), false, deadline)) {
		size_t size = (size_t)head[0] << 8 | head[1];
		if (transfer(q->fd, l->answer, size, false, deadline) &&
		    belongs(q, l->answer, size) && (l->answer[2] & 0x02) == 0) {
			keep(l, size);
		}
	}
	stop(q);
}

/* Asks one server what has no answer yet. */
static void
ask_round(struct query *queries, struct dns_lookup *lookups, size_t n,
    const struct dns_address *server, bool plain, int64_t deadline)
{
	for (size_t i = 0; i < n; i++) {
		queries[i].fd = -1;
		queries[i].cut = false;
		if (lookups[i].len == 0) {
			start(&queries[i], &lookups[i], server, plain);
		}
	}
	listen_all(queries, lookups, n, deadline);
	for (size_t i = 0; i < n; i++) {
		stop(&queries[i]);
		if (queries[i].cut) {
			ask_by_tcp(&queries[i], &lookups[i], server, deadline);
		}
	}
}

void
dns_look_up(
    const struct dns *d, struct dns_lookup *lookups, size_t n, int64_t deadline)
{
	struct dns_address servers[DNS_SERVERS];
	size_t nservers = dns_servers(d, servers);
	struct query queries[DNS_LOOKUPS];

	n = n < DNS_LOOKUPS ? n : DNS_LOOKUPS;
	for (size_t i = 0; i < n; i++) {
		lookups[i].len = 0;
	}
	for (size_t round = 0; round < ROUNDS && nservers > 0; round++) {
		int64_t now = deadline_now();
		int64_t slice = (deadline - now) / (int64_t)(ROUNDS - round);
		ask_round(queries, lookups, n, &servers[round % nservers],
		    round == ROUNDS - 1, now + slice);
	}
}
