/* SPDX-License-Identifier: ISC */
/*
 * What --setup can find out about the way of mail to the world and back: port
 * 25 of others, the names of this machine's addresses, lists that have these,
 * and where mail of the domain goes today.  All is asked at once, nothing of it
 * is fatal, and it is bounded by the two times below.
 */
#include "common/auth/verify_ask.h"
#include "common/dns/blocklist.h"
#include "common/dns/dns_lookup.h"
#include "common/io/deadline.h"
#include "common/process/privilege.h"
#include "common/process/process.h"
#include "common/process/sandbox.h"
#include "common/text/network.h"
#include "smtpd/admin/setup_private.h"
#include "smtpd/admin/zone_private.h"
#include "smtpd/worker/dnsbl.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

/* ms for all answers of the DNS, and for all connections. */
enum { DNS_PATIENCE = 5000, PORT_PATIENCE = 5000, LIMIT = 15000 };

enum { SMTP_PORT = 25, TARGETS = 4 };

/* The questions: hosts whose port 25 is open, the domain, then two about each
   address. */
static const struct {
	const char *host;
	int type;
} hosts[] = { { "gmail-smtp-in.l.google.com", ns_t_a },
	{ "gmail-smtp-in.l.google.com", ns_t_aaaa }, { "mx3.qq.com", ns_t_a } };

enum {
	HOSTS = sizeof(hosts) / sizeof(hosts[0]),
	DOMAIN = HOSTS,
	FIRST,
	QUESTIONS = FIRST + 2 * ZONE_ADDRESSES,
};

_Static_assert(QUESTIONS <= (int)DNS_LOOKUP_MOST, "one batch");

static const struct blocklist list = { .zone = "zen.spamhaus.org" };

struct outside {
	const struct config *config;
	const struct setup_answers *answers;
	struct zone zone; /* its addresses alone */
	struct dns_lookup questions[QUESTIONS];
	size_t count;
};

static void
add(struct outside *o, const char *name, int type)
{
	struct dns_lookup *q = &o->questions[o->count++];

	strlcpy(q->name, name, sizeof(q->name));
	q->type = type;
}

static void
make_questions(struct outside *o)
{
	char reversed[ASK_NAME], listed[BLOCKLIST_NAME];
	uint8_t address[16];

	for (size_t i = 0; i < HOSTS; i++) {
		add(o, hosts[i].host, hosts[i].type);
	}
	add(o, o->answers->domain, ns_t_mx);
	for (size_t i = 0; i < o->zone.naddresses; i++) {
		/* They were numbers before they were texts. */
		(void)network_address(o->zone.addresses[i], address);
		ask_reverse(address, reversed);
		add(o, reversed, ns_t_ptr);
		blocklist_name(&list, address, listed);
		add(o, listed, ns_t_a);
	}
}

/* ---- port 25 ---- */

/* Begins a connection; -1: it cannot even begin. */
static int
begin(const struct dns_address *target)
{
	struct sockaddr_storage a = target->address;
	struct sockaddr_in sin;
	struct sockaddr_in6 sin6;
	int fd =
	    socket(a.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (a.ss_family == AF_INET) {
		memcpy(&sin, &a, sizeof(sin));
		sin.sin_port = htons(SMTP_PORT);
		memcpy(&a, &sin, sizeof(sin));
	} else {
		memcpy(&sin6, &a, sizeof(sin6));
		sin6.sin6_port = htons(SMTP_PORT);
		memcpy(&a, &sin6, sizeof(sin6));
	}
	if (fd != -1 &&
	    connect(fd, (const struct sockaddr *)&a, target->len) == -1 &&
	    errno != EINPROGRESS) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static bool
is_connected(const struct pollfd *p)
{
	int error = 0;
	socklen_t size = sizeof(error);

	return (p->revents & POLLOUT) != 0 &&
	       getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 &&
	       error == 0;
}

/* True if one of them takes a connection. */
static bool
can_connect(const struct dns_address *targets, size_t count)
{
	struct pollfd polls[TARGETS];
	int64_t end = deadline_now() + PORT_PATIENCE;
	size_t waiting = 0;
	bool open = false;

	for (size_t i = 0; i < count; i++) {
		polls[i] = (struct pollfd){ .fd = begin(&targets[i]),
			.events = POLLOUT };
		waiting += polls[i].fd != -1;
	}
	while (waiting > 0 && !open && deadline_now() < end) {
		(void)poll(polls, count, (int)(end - deadline_now()));
		for (size_t i = 0; i < count; i++) {
			if (polls[i].fd == -1 || polls[i].revents == 0) {
				continue;
			}
			open = open || is_connected(&polls[i]);
			close(polls[i].fd);
			polls[i].fd = -1;
			waiting--;
		}
	}
	for (size_t i = 0; i < count; i++) {
		if (polls[i].fd != -1) {
			close(polls[i].fd);
		}
	}
	return open;
}

/* One address from each answer is enough. */
static void
look_at_port(const struct outside *o)
{
	struct dns_address targets[TARGETS], found[DNS_ADDRESSES];
	size_t count = 0;

	for (size_t i = 0; i < HOSTS; i++) {
		const struct dns_lookup *q = &o->questions[i];
		size_t n = 0;
		(void)dns_parse_addresses(
		    q->answer, q->len, q->type, found, &n);
		if (n > 0) {
			targets[count++] = found[0];
		}
	}
	if (count == 0) {
		printf("warning: the DNS has nothing to say about %s: port 25 "
		       "was not tried; see /etc/resolv.conf\n",
		    hosts[0].host);
	} else if (can_connect(targets, count)) {
		puts("ok: port 25 of other servers can be reached");
	} else {
		printf("warning: port 25 of other servers cannot be reached "
		       "(%s, %s): mail cannot leave directly; ask whoever "
		       "runs this network to open it, or send through a "
		       "provider: smtpd --setup %s@%s --relay URL\n",
		    hosts[0].host, hosts[HOSTS - 1].host, o->answers->user,
		    o->answers->domain);
	}
}

/* ---- addresses ---- */

struct called {
	const char *wanted;
	bool has;
	char first[DNS_NAME]; /* "": none */
};

static bool
each_name(void *context, const char *data, size_t len)
{
	struct called *n = context;
	char name[DNS_NAME];

	snprintf(name, sizeof(name), "%.*s", (int)len, data);
	n->has = n->has || zone_same_name(name, n->wanted);
	if (n->first[0] == '\0') {
		strlcpy(n->first, name, sizeof(n->first));
	}
	return true;
}

/* Does that for the last names of an answer: those of PTR and MX. */
static enum dns_status
read_names(const struct dns_lookup *q, const char *wanted, struct called *n)
{
	*n = (struct called){ .wanted = wanted };
	return q->len == 0
	           ? DNS_TEMPORARY
	           : dns_parse_each(q->answer, q->len, q->type, each_name, n);
}

static void
look_at_name(
    const struct outside *o, const char *address, const struct dns_lookup *q)
{
	const char *hostname = o->answers->hostname;
	struct called n;
	enum dns_status status = read_names(q, hostname, &n);

	if (status == DNS_TEMPORARY) {
		printf("warning: the DNS does not say what %s is called; look "
		       "again later: smtpd --check\n",
		    address);
	} else if (n.has) {
		printf("ok: %s is called %s\n", address, hostname);
	} else {
		printf("warning: %s %s%s, not %s: have its reverse name set by "
		       "whoever gave you the address, or many servers refuse "
		       "your mail\n",
		    address, n.first[0] != '\0' ? "is called " : "has no name",
		    n.first, hostname);
	}
}

static void
look_at_list(const char *address, const struct dns_lookup *q)
{
	switch (dnsbl_read(&list, q)) {
	case BLOCKLIST_LISTED:
		printf("warning: %s is listed as a sender of spam by %s, and "
		       "many refuse its mail: see what the list says, and have "
		       "it removed there\n",
		    address, list.zone);
		break;
	case BLOCKLIST_REFUSED:
		printf("warning: %s does not say if %s is listed: it does not "
		       "serve the name server that we ask\n",
		    list.zone, address);
		break;
	case BLOCKLIST_IGNORED:
		printf("ok: %s is not listed by %s\n", address, list.zone);
		break;
	case BLOCKLIST_SILENT:
		break;
	}
}

/* ---- all of it ---- */

static void
look_at_domain(const struct outside *o)
{
	const struct setup_answers *a = o->answers;
	struct called n;

	if (read_names(&o->questions[DOMAIN], a->hostname, &n) == DNS_OK &&
	    !n.has && n.first[0] != '\0') {
		printf("warning: mail for %s goes to %s today. If %s is not "
		       "yours, name the provider of your address: smtpd "
		       "--setup %s@%s --relay URL\n",
		    a->domain, n.first, a->domain, a->user, a->domain);
	}
}

static void
look_at_addresses(const struct outside *o)
{
	for (size_t i = 0; i < o->zone.naddresses; i++) {
		const char *address = o->zone.addresses[i];
		const struct dns_lookup *q = &o->questions[FIRST + 2 * i];
		look_at_name(o, address, &q[0]);
		look_at_list(address, &q[1]);
	}
	if (o->zone.naddresses == 0) {
		printf("warning: this machine has no address that the world "
		       "can reach: mail comes in only if a router or cloud "
		       "passes port 25 on to it, and the reverse name of the "
		       "address outside should be %s\n",
		    o->answers->hostname);
	}
}

/* Asks and connects in a process that has no file and no right. */
static int
look(void *context)
{
	struct outside *o = context;
	struct dns *dns = dns_open(o->config);

	if (dns == NULL) {
		return EX_OSERR;
	}
	zone_find_addresses(&o->zone);
	make_questions(o);
	privilege_become_client(o->config, SANDBOX_MEMORY);
	dns_look_up(dns, o->questions, o->count, deadline_now() + DNS_PATIENCE);
	look_at_port(o);
	look_at_addresses(o);
	look_at_domain(o);
	return fflush(stdout) == 0 ? EX_OK : EX_IOERR;
}

void
setup_look_outside(const struct setup_facts *f, const struct setup_answers *a)
{
	int status;

	/* What is not in the world's DNS has no mail from there. */
	if (!zone_is_known(f->config, a->domain)) {
		return;
	}
	struct outside *o = calloc(1, sizeof(*o));
	if (o != NULL) {
		puts("Looking at the network, for 10 seconds at most");
		fflush(stdout);
		o->config = f->config;
		o->answers = a;
		(void)process_run(look, o, LIMIT, &status);
	}
	free(o);
}
