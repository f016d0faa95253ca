/* SPDX-License-Identifier: ISC */
/*
 * Asks name servers many things at a time.  Each question has a socket of its
 * own, so that the port is as hard to guess as the number of the query.
 */
#include "common/dns/dns_batch.h"

#include "common/io/deadline.h"

#include <ctype.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS = 3 };

/* A question that is under way. */
struct query {
	int fd; /* -1: not any more */
	size_t len;
	unsigned char wire[NS_HFIXEDSZ + NS_MAXCDNAME + NS_QFIXEDSZ];
};

static void
put16(unsigned char *p, unsigned value)
{
	p[0] = (unsigned char)(value >> 8);
	p[1] = (unsigned char)value;
}

/* Writes the query of a question; false: it has no such name. */
static bool
make_query(struct query *q, const struct dns_question *question)
{
	unsigned char *name = q->wire + NS_HFIXEDSZ, *p = name;

	memset(q->wire, 0, NS_HFIXEDSZ);
	put16(q->wire, arc4random());
	q->wire[2] = 0x01; /* recursion desired */
	q->wire[5] = 1;    /* question */
	if (ns_name_pton(question->name, name, NS_MAXCDNAME) == -1) {
		return false;
	}
	while (*p != 0) {
		p += *p + 1;
	}
	put16(p + 1, (unsigned)question->type);
	put16(p + 3, ns_c_in);
	q->len = (size_t)(p + 1 - q->wire) + NS_QFIXEDSZ;
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

static void
start(struct query *q, const struct dns_question *question,
    const struct dns_address *server)
{
	q->fd = -1;
	if (!make_query(q, question)) {
		return;
	}
	q->fd = socket(server->address.ss_family,
	    SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (q->fd != -1 &&
	    (connect(q->fd, (const struct sockaddr *)&server->address,
		 server->len) == -1 ||
		send(q->fd, q->wire, q->len, MSG_NOSIGNAL) !=
		    (ssize_t)q->len)) {
		stop(q);
	}
}

/* True if it is an answer, to this query; names differ in case at most. */
static bool
belongs(const struct query *q, const unsigned char *answer, size_t len)
{
	if (len < q->len || memcmp(answer, q->wire, 2) != 0 ||
	    (answer[2] & 0x80) == 0) {
		return false;
	}
	for (size_t i = NS_HFIXEDSZ; i < q->len; i++) {
		if (tolower(answer[i]) != tolower(q->wire[i])) {
			return false;
		}
	}
	return true;
}

/* Reads what has come for a query. */
static void
hear(struct query *q, struct dns_question *question)
{
	ssize_t n = recv(
	    q->fd, question->answer, sizeof(question->answer), MSG_DONTWAIT);

	if (n == -1) {
		stop(q); /* nobody is there */
		return;
	}
	if (!belongs(q, question->answer, (size_t)n)) {
		return; /* somebody guesses */
	}
	unsigned code = question->answer[3] & 0x0f;
	if (code == ns_r_noerror || code == ns_r_nxdomain) {
		question->len = (size_t)n;
	}
	stop(q);
}

/* Waits for the answers to what is under way. */
static void
listen_all(struct query *queries, struct dns_question *questions, size_t n,
    int64_t deadline)
{
	struct pollfd fds[DNS_BATCH];

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
				hear(&queries[i], &questions[i]);
			}
		}
	}
}

void
dns_ask_all(const struct dns *d, struct dns_question *questions, size_t n,
    int64_t deadline)
{
	struct dns_address servers[DNS_SERVERS];
	size_t nservers = dns_servers(d, servers);
	struct query queries[DNS_BATCH];

	n = n < DNS_BATCH ? n : DNS_BATCH;
	for (size_t i = 0; i < n; i++) {
		questions[i].len = 0;
	}
	for (size_t round = 0; round < ROUNDS && nservers > 0; round++) {
		for (size_t i = 0; i < n; i++) {
			queries[i].fd = -1;
			if (questions[i].len == 0) {
				start(&queries[i], &questions[i],
				    &servers[round % nservers]);
			}
		}
		int64_t now = deadline_now();
		int64_t slice = (deadline - now) / (int64_t)(ROUNDS - round);
		listen_all(queries, questions, n, now + slice);
		for (size_t i = 0; i < n; i++) {
			stop(&queries[i]);
		}
	}
}
