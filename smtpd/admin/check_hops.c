/* SPDX-License-Identifier: ISC */
/*
 * smtpd --check: whether next hops are there, and greet.  They are asked all at
 * once, by processes that have given up their rights, as a relay agent does.
 * What cannot be found out now is no fault of the configuration, and is a
 * warning.
 */
#include "smtpd/admin/check_private.h"

#include "common/dns/dns.h"
#include "common/process/privilege.h"
#include "common/process/process.h"
#include "common/process/sandbox.h"
#include "smtpd/relay/connect.h"
#include "smtpd/relay/race.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	LIMIT = 30 * 1000,    /* ms for all: names, connection, greeting */
	GREETING = 10 * 1000, /* ms */
	AT_ONCE = 64
};

/* A next hop to be asked. */
struct greeting {
	struct greeting *next;
	struct hop hop;
	char what[CONFIG_NAME + 32];
};

/* Shared with the process that asks. */
struct question {
	const struct config *config;
	const struct hop *hop;
	const char *what;
	struct dns *dns;
	struct exchangers literals; /* of hosts(5) */
	enum greeted {
		GREETED_GOOD,
		GREETED_NO_HOST,
		GREETED_UNKNOWN,
		GREETED_UNREACHED,
		GREETED_REFUSED
	} answer;
	char why[CONFIG_ERROR];
};

/* Waits for the first line; false: it is no welcome. */
static bool
is_welcome(int fd, char why[CONFIG_ERROR])
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char line[CONFIG_ERROR];

	if (poll(&p, 1, GREETING) != 1) {
		strlcpy(why, "it says nothing", CONFIG_ERROR);
		return false;
	}
	ssize_t n = read(fd, line, sizeof(line) - 1);
	line[n > 0 ? n : 0] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	if (line[0] == '2') {
		(void)!write(fd, "QUIT\r\n", 6);
		return true;
	}
	strlcpy(why, n > 0 ? line : "it closes the connection", CONFIG_ERROR);
	return false;
}

/* The addresses of the host. */
static enum greeted
find_addresses(struct question *q)
{
	struct dns_address found[DNS_ADDRESSES];
	size_t n = 0;

	if (race_literal(q->hop->host, &found[0]) || q->literals.count > 0 ||
	    strcasecmp(q->hop->host, "localhost") == 0) {
		return GREETED_GOOD;
	}
	switch (dns_addresses(q->dns, q->hop->host, found, &n, q->why)) {
	case DNS_OK:
		return GREETED_GOOD;
	case DNS_NONE:
	case DNS_NO_DATA:
		return GREETED_NO_HOST;
	case DNS_TEMPORARY:
		break;
	}
	return GREETED_UNKNOWN;
}

static enum greeted
greet(struct question *q)
{
	struct connected peer;
	const char *host =
	    q->literals.count > 0 ? q->literals.hosts[0].host : q->hop->host;

	if (connect_host(q->dns, host, q->hop->port, FAMILY_ANY, NULL, &peer,
		q->why) == -1) {
		return GREETED_UNREACHED;
	}
	/* Under TLS the client speaks first. */
	bool good = q->hop->wrapped || is_welcome(peer.fd, q->why);
	close(peer.fd);
	return good ? GREETED_GOOD : GREETED_REFUSED;
}

/* What hosts(5) has, which needs a file; an address is none of its names. */
static void
read_hosts(struct question *q)
{
	struct dns_address literal;

	if (!race_literal(q->hop->host, &literal) &&
	    connect_hosts_file("/etc/hosts", q->hop->host, &q->literals) ==
		-1) {
		q->literals.count = 0;
	}
}

/* In a process of its own. */
static int
ask(struct question *q)
{
	q->dns = dns_open(q->config);
	if (q->dns == NULL) {
		return EX_OSERR;
	}
	read_hosts(q);
	privilege_become_client(q->config, SANDBOX_MEMORY);
	strlcpy(q->why, "no answer in time", sizeof(q->why));
	q->answer = find_addresses(q);
	if (q->answer == GREETED_GOOD) {
		/* Until that is known. */
		q->answer = GREETED_UNREACHED;
		q->answer = greet(q);
	}
	return EX_OK;
}

struct questions {
	struct question *list;
	size_t count;
};

/* In the process that has the others, and is killed with them. */
static int
ask_all(void *context)
{
	const struct questions *all = context;
	size_t next = 0, running = 0;

	while (next < all->count || running > 0) {
		if (next < all->count && running < AT_ONCE) {
			pid_t pid = fork();
			if (pid == 0) {
				_exit(ask(&all->list[next]));
			}
			running += pid > 0;
			next++;
		} else if (waitpid(-1, NULL, 0) > 0) {
			running--;
		} else if (errno != EINTR) {
			break;
		}
	}
	return 0;
}

/* ---- what it means ---- */

static void
report_answer(struct check *c, const struct question *q)
{
	const char *what = q->what;

	switch (q->answer) {
	case GREETED_GOOD:
		break;
	case GREETED_NO_HOST:
		check_finding(c, FINDING_ERROR,
		    "%s: there is no host %s (%s): mail waits; correct the "
		    "name",
		    what, q->hop->host, q->why);
		break;
	case GREETED_UNKNOWN:
		if (c->dns_trouble) {
			break;
		}
		c->dns_trouble = true;
		check_finding(c, FINDING_UNKNOWN,
		    "%s: the name server cannot be asked now (%s): mail "
		    "waits until it answers; see the key resolver and "
		    "resolv.conf(5)",
		    what, q->why);
		break;
	case GREETED_UNREACHED:
		check_finding(c, FINDING_WARNING,
		    "%s: %s does not answer now (%s): mail waits until it "
		    "does; is it the right host and port?",
		    what, q->hop->host, q->why);
		break;
	case GREETED_REFUSED:
		check_finding(c, FINDING_WARNING,
		    "%s: port %u of %s does not welcome us now (%s): mail "
		    "waits",
		    what, q->hop->port, q->hop->host, q->why);
		break;
	}
}

void
check_greeting(struct check *c, const char *what, const struct hop *h)
{
	/* What the DNS has about a domain, check_dns() asks. */
	if (h->unix_socket || h->mx) {
		return;
	}
	struct greeting **end = &c->greetings;
	for (; *end != NULL; end = &(*end)->next) {
		const struct hop *other = &(*end)->hop;
		if (other->port == h->port && other->wrapped == h->wrapped &&
		    strcasecmp(other->host, h->host) == 0) {
			return;
		}
	}
	*end = calloc(1, sizeof(**end));
	if (*end != NULL) {
		(*end)->hop = *h;
		strlcpy((*end)->what, what, sizeof((*end)->what));
	}
}

void
check_greetings(struct check *c)
{
	struct questions all = { .count = 0 };
	size_t n = 0;
	int status;

	for (const struct greeting *g = c->greetings; g != NULL; g = g->next) {
		n++;
	}
	all.list = mmap(NULL, (n + 1) * sizeof(*all.list),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (all.list == MAP_FAILED) {
		n = 0;
	}
	for (struct greeting *g = c->greetings; all.count < n; g = g->next) {
		struct question *q = &all.list[all.count++];
		q->config = c->config;
		q->hop = &g->hop;
		q->what = g->what;
		q->answer = GREETED_UNKNOWN;
		strlcpy(q->why, "it was not asked", sizeof(q->why));
	}
	if (n > 0) {
		(void)process_run(ask_all, &all, LIMIT, &status);
	}
	for (size_t i = 0; i < n; i++) {
		report_answer(c, &all.list[i]);
	}
	if (all.list != MAP_FAILED) {
		munmap(all.list, (n + 1) * sizeof(*all.list));
	}
	while (c->greetings != NULL) {
		struct greeting *next = c->greetings->next;
		free(c->greetings);
		c->greetings = next;
	}
}
