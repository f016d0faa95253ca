/* SPDX-License-Identifier: ISC */
/* Connects to several addresses, each a little later than the one before. */
#include "smtpd/relay/race.h"

#include "common/io/deadline.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	STAGGER = 250, /* ms, RFC 8305 section 5 */
	LIMIT = 30000, /* ms for all of them */
};

/* A race; an fd of -1 has failed, or has not been started. */
struct runners {
	const struct race *race;
	struct pollfd fds[DNS_ADDRESSES];
	size_t started, running;
	char *why;
};

bool
race_literal(const char *host, struct dns_address *out)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };
	char text[INET6_ADDRSTRLEN];
	const char *p = host[0] == '[' ? host + 1 : host;
	bool tagged = p != host && strncasecmp(p, "IPv6:", 5) == 0;

	p += tagged ? 5 : 0;
	size_t len = strcspn(p, "]");
	if (len >= sizeof(text) || strcmp(p + len, p != host ? "]" : "") != 0) {
		return false;
	}
	memcpy(text, p, len);
	text[len] = '\0';
	memset(out, 0, sizeof(*out));
	if (!tagged && inet_pton(AF_INET, text, &sin.sin_addr) == 1) {
		memcpy(&out->address, &sin, sizeof(sin));
		out->len = sizeof(sin);
	} else if (inet_pton(AF_INET6, text, &sin6.sin6_addr) == 1) {
		memcpy(&out->address, &sin6, sizeof(sin6));
		out->len = sizeof(sin6);
	}
	return out->len > 0;
}

static int
family_of(const struct race *race, size_t i)
{
	return race->addresses[i].address.ss_family;
}

bool
race_has(const struct race *race, int family)
{
	for (size_t i = 0; i < race->count; i++) {
		if (family_of(race, i) == family) {
			return true;
		}
	}
	return false;
}

void
race_only(struct race *race, int family)
{
	size_t kept = 0;

	for (size_t i = 0; i < race->count; i++) {
		if (family_of(race, i) == family) {
			race->addresses[kept++] = race->addresses[i];
		}
	}
	race->count = kept;
}

void
race_sort(struct race *race)
{
	struct race v6 = *race, v4 = *race;
	size_t n = 0;

	race_only(&v6, AF_INET6);
	race_only(&v4, AF_INET);
	for (size_t i = 0; n < race->count; i++) {
		if (i < v6.count) {
			race->addresses[n++] = v6.addresses[i];
		}
		if (i < v4.count) {
			race->addresses[n++] = v4.addresses[i];
		}
	}
}

void
race_text(const struct race *race, size_t index, char *text, size_t size)
{
	struct sockaddr_in6 sin6;
	struct sockaddr_in sin;
	char address[INET6_ADDRSTRLEN] = "";

	if (family_of(race, index) == AF_INET) {
		memcpy(&sin, &race->addresses[index].address, sizeof(sin));
		inet_ntop(AF_INET, &sin.sin_addr, address, sizeof(address));
	} else {
		memcpy(&sin6, &race->addresses[index].address, sizeof(sin6));
		inet_ntop(AF_INET6, &sin6.sin6_addr, address, sizeof(address));
	}
	snprintf(text, size, "%s[%s]:%u", race->host, address, race->port);
}

/* Records why an address failed. */
static void
record_failure(struct runners *r, size_t index, int error)
{
	char text[DNS_NAME + INET6_ADDRSTRLEN + 16], line[sizeof(text) + 64];

	race_text(r->race, index, text, sizeof(text));
	snprintf(line, sizeof(line), "%s%s: %s",
	    r->why[0] == '\0' ? "cannot connect to " : "; ", text,
	    strerror(error));
	if (strlen(r->why) + strlen(line) < CONFIG_ERROR) {
		strlcat(r->why, line, CONFIG_ERROR);
	}
	if (r->fds[index].fd != -1) {
		close(r->fds[index].fd);
		r->fds[index].fd = -1;
		r->running--;
	}
}

/* Starts the next one; returns its index if it is connected at once, or -1. */
static int
start_next(struct runners *r)
{
	size_t i = r->started++;
	struct sockaddr_storage ss = r->race->addresses[i].address;
	in_port_t port = htons((in_port_t)r->race->port);

	if (ss.ss_family == AF_INET) {
		((struct sockaddr_in *)&ss)->sin_port = port;
	} else {
		((struct sockaddr_in6 *)&ss)->sin6_port = port;
	}
	r->fds[i].events = POLLOUT;
	r->fds[i].fd = socket(ss.ss_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
	if (r->fds[i].fd == -1) {
		record_failure(r, i, errno);
		return -1;
	}
	r->running++;
	if (connect(r->fds[i].fd, (struct sockaddr *)&ss,
		r->race->addresses[i].len) == 0) {
		return (int)i;
	}
	if (errno != EINPROGRESS && errno != EINTR) {
		record_failure(r, i, errno);
	}
	return -1;
}

/* Checks the sockets that poll(2) has marked; the winner, or -1. */
static int
check_sockets(struct runners *r)
{
	for (size_t i = 0; i < r->started; i++) {
		int error = 0;
		socklen_t len = sizeof(error);
		if (r->fds[i].fd == -1 || r->fds[i].revents == 0) {
			continue;
		}
		if (getsockopt(r->fds[i].fd, SOL_SOCKET, SO_ERROR, &error,
			&len) == -1) {
			error = errno;
		}
		if (error == 0) {
			return (int)i;
		}
		record_failure(r, i, error);
	}
	return -1;
}

static int
run_until_won(struct runners *r)
{
	const int64_t deadline = deadline_now() + LIMIT;
	int64_t next = 0;

	for (;;) {
		int64_t now = deadline_now();
		bool more = r->started < r->race->count;
		if ((r->running == 0 && !more) || now >= deadline) {
			return -1;
		}
		if (more && (r->running == 0 || now >= next)) {
			int winner = start_next(r);
			if (winner != -1) {
				return winner;
			}
			next = now + STAGGER;
			continue;
		}
		int64_t until = more && next < deadline ? next : deadline;
		size_t before = r->running;
		if (poll(r->fds, (nfds_t)r->started, (int)(until - now)) > 0) {
			int winner = check_sockets(r);
			if (winner != -1) {
				return winner;
			}
		}
		if (r->running < before) {
			next = 0; /* a failure lets the next one start */
		}
	}
}

int
race_run(const struct race *race, int *fd, char why[CONFIG_ERROR])
{
	struct runners r = { .race = race, .why = why };

	why[0] = '\0';
	for (size_t i = 0; i < DNS_ADDRESSES; i++) {
		r.fds[i].fd = -1;
	}
	int winner = run_until_won(&r);
	if (winner != -1) {
		*fd = r.fds[winner].fd;
		r.fds[winner].fd = -1;
		why[0] = '\0';
	}
	for (size_t i = 0; i < r.started; i++) {
		if (r.fds[i].fd != -1 && winner != -1) {
			close(r.fds[i].fd);
		} else if (r.fds[i].fd != -1) {
			record_failure(&r, i, ETIMEDOUT);
		}
	}
	return winner;
}
