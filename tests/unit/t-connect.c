/* SPDX-License-Identifier: ISC */
/*
 * From a hop to a connection: exchangers in their order, and an address that is
 * dead or silent does not keep mail from one that is not.
 */
#include "smtpd/relay/connect.h"

#include "common/io/deadline.h"
#include "smtpd/relay/race.h"
#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/un.h>

/* ---- the order ---- */

static uint32_t
some(uint32_t below)
{
	return (uint32_t)random_below(below);
}

static uint32_t
none(uint32_t below)
{
	(void)below;
	return 0;
}

static void
add(struct exchangers *x, unsigned preference, const char *host)
{
	x->hosts[x->count].preference = preference;
	snprintf(x->hosts[x->count].host, DNS_NAME, "%s", host);
	x->count++;
}

static void
test_order(void)
{
	enum { ROUNDS = 3000 };
	unsigned first[3] = { 0 };
	bool sorted = true;

	for (int i = 0; i < ROUNDS; i++) {
		struct exchangers x = { .count = 0 };
		add(&x, 20, "d");
		add(&x, 10, "a");
		add(&x, 30, "e");
		add(&x, 10, "b");
		add(&x, 10, "c");
		connect_order(&x, some);
		char c = x.hosts[0].host[0];
		sorted = sorted && x.count == 5 && c >= 'a' && c <= 'c' &&
		         x.hosts[2].preference == 10 &&
		         strcmp(x.hosts[3].host, "d") == 0 &&
		         strcmp(x.hosts[4].host, "e") == 0;
		first[c == 'a' ? 0 : c == 'b' ? 1 : 2]++;
	}
	ok(sorted, "sorted by preference");
	ok(first[0] > ROUNDS / 4 && first[1] > ROUNDS / 4 &&
		first[2] > ROUNDS / 4,
	    "equals take turns");
	struct exchangers empty = { .count = 0 };
	connect_order(&empty, none);
	ok(empty.count == 0, "nothing to order");
}

static void
test_literals(void)
{
	static const struct {
		const char *text;
		int family;
	} cases[] = { { "192.0.2.1", AF_INET }, { "[192.0.2.1]", AF_INET },
		{ "2001:db8::1", AF_INET6 }, { "[2001:db8::1]", AF_INET6 },
		{ "[IPv6:2001:db8::1]", AF_INET6 }, { "[ipv6:::1]", AF_INET6 },
		{ "[IPv6:192.0.2.1]", 0 }, { "IPv6:::1", 0 }, { "192.0.2", 0 },
		{ "192.0.2.1]", 0 }, { "[192.0.2.1", 0 }, { "[192.0.2.1]x", 0 },
		{ "[]", 0 }, { "", 0 }, { "mx.example.org", 0 } };
	struct dns_address a;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool is = race_literal(cases[i].text, &a);
		ok(is == (cases[i].family != 0) &&
			(!is || a.address.ss_family == cases[i].family),
		    "\"%s\"", cases[i].text);
	}
}

/* ---- the race ---- */

/* A listener on a free loopback port, or on that one; -1: no such family. */
static int
listener(int family, unsigned *port, int backlog)
{
	struct sockaddr_storage ss = { .ss_family = (sa_family_t)family };
	struct sockaddr_in *v4 = (struct sockaddr_in *)&ss;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&ss;
	socklen_t len = family == AF_INET ? sizeof(*v4) : sizeof(*v6);
	const int on = 1;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (family == AF_INET) {
		v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		v4->sin_port = htons((in_port_t)*port);
	} else if (fd != -1) {
		v6->sin6_addr = in6addr_loopback;
		v6->sin6_port = htons((in_port_t)*port);
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	}
	if (fd == -1 || bind(fd, (struct sockaddr *)&ss, len) == -1 ||
	    listen(fd, backlog) == -1 ||
	    getsockname(fd, (struct sockaddr *)&ss, &len) == -1) {
		if (fd != -1) {
			close(fd);
		}
		return -1;
	}
	*port = ntohs(family == AF_INET ? v4->sin_port : v6->sin6_port);
	return fd;
}

static bool
connects(const char *host, unsigned port, enum family want, struct connected *c,
    char why[CONFIG_ERROR])
{
	return connect_host(NULL, host, port, want, NULL, c, why) == 0;
}

/* Listens for both families on one port; false: there is no IPv6. */
static bool
both(int fds[2], unsigned *port)
{
	for (int i = 0; i < 100; i++) {
		*port = 0;
		fds[0] = listener(AF_INET, port, 5);
		fds[1] = listener(AF_INET6, port, 5);
		if (fds[1] != -1) {
			return true;
		}
		close(fds[0]);
		if (errno != EADDRINUSE) {
			return false;
		}
	}
	return false;
}

static void
test_families(void)
{
	struct connected c;
	char why[CONFIG_ERROR], peer[64];
	unsigned port;
	int fds[2];

	if (!both(fds, &port)) {
		ok(true, "both families # SKIP no IPv6 here");
		return;
	}
	snprintf(peer, sizeof(peer), "localhost[::1]:%u", port);
	ok(connects("localhost", port, FAMILY_ANY, &c, why) &&
		c.family == FAMILY_V6 && c.other_family &&
		strcmp(c.peer, peer) == 0 && strcmp(c.name, "localhost") == 0,
	    "IPv6 first");
	ok((fcntl(c.fd, F_GETFL) & O_NONBLOCK) != 0 &&
		(fcntl(c.fd, F_GETFD) & FD_CLOEXEC) != 0,
	    "a socket that does not block, and is not inherited");
	close(c.fd);
	ok(connects("localhost.", port, FAMILY_V4, &c, why) &&
		c.family == FAMILY_V4 && c.other_family &&
		strcmp(c.name, "localhost") == 0,
	    "IPv4 if asked for, and a name with a dot after");
	close(c.fd);
	close(fds[1]);
	ok(connects("localhost", port, FAMILY_ANY, &c, why) &&
		c.family == FAMILY_V4 && why[0] == '\0',
	    "IPv4 when IPv6 is refused");
	close(c.fd);
	close(fds[0]);
	ok(!connects("localhost", port, FAMILY_ANY, &c, why) && c.fd == -1 &&
		strstr(why, "[::1]") != NULL &&
		strstr(why, "[127.0.0.1]") != NULL &&
		strstr(why, "refused") != NULL,
	    "both refused");
	ok(!connects("[127.0.0.1]", port, FAMILY_V6, &c, why) &&
		strstr(why, "no IPv6 address") != NULL,
	    "no address of that family");
}

/*
 * A listener whose queue is full does not answer: the next address has its
 * turn, and of the silent one nothing is left.
 */
static void
test_silent(void)
{
	enum { FULL = 64 };
	struct race race = { .host = "mx", .count = 0 };
	unsigned port = 0;
	int fds[FULL], n = 0, fd;
	char why[CONFIG_ERROR];

	int silent = listener(AF_INET, &port, 0);
	scratch_need(silent != -1, "listen");
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_port = htons((in_port_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	for (bool full = false; !full && n < FULL; n++) {
		fds[n] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(fds[n], (struct sockaddr *)&sin, sizeof(sin));
		struct pollfd p = { .fd = fds[n], .events = POLLOUT };
		full = poll(&p, 1, 100) == 0;
	}
	/* The same port of 127.0.0.2 is served. */
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
	int served = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	scratch_need(bind(served, (struct sockaddr *)&sin, sizeof(sin)) == 0 &&
			 listen(served, 5) == 0,
	    "listen");
	race.port = port;
	race.count = 2;
	ok(race_literal("127.0.0.1", &race.addresses[0]) &&
		race_literal("127.0.0.2", &race.addresses[1]) &&
		race_run(&race, &fd, why) == 1,
	    "a silent address does not hold up the next");
	close(fd);
	int before = dup(0), after;
	close(before);
	ok(race_run(&race, &fd, why) == 1, "again");
	close(fd);
	after = dup(0);
	close(after);
	ok(before == after, "no descriptor is left of it");
	while (n-- > 0) {
		close(fds[n]);
	}
	close(silent);
	close(served);
}

static void
test_sort(void)
{
	static const char *const in[] = { "192.0.2.1", "192.0.2.2", "192.0.2.3",
		"2001:db8::1", "2001:db8::2" };
	static const char *const out[] = { "x[2001:db8::1]:25",
		"x[192.0.2.1]:25", "x[2001:db8::2]:25", "x[192.0.2.2]:25",
		"x[192.0.2.3]:25" };
	struct race race = { .host = "x", .port = 25, .count = 5 };
	char text[64];
	bool good = true;

	for (size_t i = 0; i < 5; i++) {
		good = good && race_literal(in[i], &race.addresses[i]);
	}
	race_sort(&race);
	for (size_t i = 0; i < 5; i++) {
		race_text(&race, i, text, sizeof(text));
		good = good && strcmp(text, out[i]) == 0;
	}
	ok(good && race.count == 5, "families in turn, IPv6 first");
	race_only(&race, AF_INET6);
	ok(race.count == 2 && race_has(&race, AF_INET6) &&
		!race_has(&race, AF_INET),
	    "one family alone");
}

static void
test_unix(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char path[PATH_MAX], why[CONFIG_ERROR], longer[PATH_MAX];
	struct connected c;

	scratch_path(path, "lmtp");
	ok(connect_unix(path, &c, why) == -1 && c.fd == -1 &&
		strstr(why, path) != NULL,
	    "no socket");
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%.100s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	scratch_need(bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0 &&
			 listen(fd, 5) == 0,
	    path);
	ok(connect_unix(path, &c, why) == 0 && c.fd != -1 &&
		(fcntl(c.fd, F_GETFL) & O_NONBLOCK) != 0,
	    "a socket with a path");
	close(c.fd);
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	ok(connect_unix(longer, &c, why) == -1, "a path too long");
	close(fd);
}

static void
test_alone(void)
{
	static struct config config = { .hostname = "us.example.org" };
	static struct hop hop = { .host = "smart.example.org", .port = 587 };
	struct exchangers x;
	char why[CONFIG_ERROR];

	ok(connect_exchangers(NULL, &config, &hop, &x, why) == FOUND_OK &&
		x.count == 1 && strcmp(x.hosts[0].host, hop.host) == 0,
	    "a hop without MX is its host");
	hop.mx = true;
	snprintf(hop.host, sizeof(hop.host), "[192.0.2.1]");
	ok(connect_exchangers(NULL, &config, &hop, &x, why) == FOUND_OK &&
		x.count == 1 && strcmp(x.hosts[0].host, hop.host) == 0,
	    "so is an address");
	memset(hop.host, 'x', DNS_NAME);
	hop.mx = false;
	ok(connect_exchangers(NULL, &config, &hop, &x, why) == FOUND_NO_DOMAIN,
	    "a name too long");
}

/* ---- hosts(5) ---- */

static int lines = -1; /* that getline(3) still reads */

ssize_t __real_getline(char **, size_t *, FILE *);
ssize_t __wrap_getline(char **, size_t *, FILE *);
ssize_t __wrap___getdelim(char **, size_t *, int, FILE *);

ssize_t
__wrap_getline(char **line, size_t *size, FILE *f)
{
	if (lines == 0) {
		errno = ENOMEM;
		return -1;
	}
	lines -= lines > 0;
	return __real_getline(line, size, f);
}

ssize_t
__wrap___getdelim(char **line, size_t *size, int end, FILE *f)
{
	scratch_need(end == '\n', "getline");
	return __wrap_getline(line, size, f);
}

static void
test_hosts(void)
{
	static const char text[] = "127.0.0.1 localhost\n"
				   "192.0.2.1 relay # relay2\n"
				   "2001:db8::1 other relay\n";
	struct exchangers found;
	char path[PATH_MAX];
	bool said = true;

	scratch_write(scratch_path(path, "hosts"), text, sizeof(text) - 1);
	ok(connect_hosts_file(path, "Relay", &found) == 0 && found.count == 2 &&
		strcmp(found.hosts[1].host, "2001:db8::1") == 0 &&
		connect_hosts_file(path, "relay2", &found) == 0 &&
		found.count == 0,
	    "addresses of a host");
	for (int i = 0; i <= 3; i++) {
		lines = i;
		said = said &&
		       connect_hosts_file(path, "relay", &found) == -1 &&
		       errno == ENOMEM;
	}
	lines = -1;
	ok(said, "a part of the file is no answer");
	ok(connect_hosts_file(scratch_dir, "relay", &found) == -1,
	    "nor is a file that cannot be read");
	unlink(path);
	ok(connect_hosts_file(path, "relay", &found) == 0 && found.count == 0,
	    "one that is not there says nothing");
	scratch_write(path, "", 0);
	strlcat(path, "/hosts", sizeof(path));
	ok(connect_hosts_file(path, "relay", &found) == 0 && found.count == 0,
	    "nor does one below a file");
}

/* What lines of hosts(5) say of the host "relay". */
static void
test_hosts_lines(void)
{
	static const struct {
		const char *name, *line, *address;
	} lines_of[] = {
		{ "blanks before the address", " \t192.0.2.1 relay\n",
		    "192.0.2.1" },
		{ "tabs", "192.0.2.1\tx\t\trelay\n", "192.0.2.1" },
		{ "no end of the line", "192.0.2.1 relay", "192.0.2.1" },
		{ "a comment at once after it", "192.0.2.1 relay#x\n",
		    "192.0.2.1" },
		{ "a longer name", "192.0.2.1 relay.example.org\n", NULL },
		{ "a shorter name", "192.0.2.1 rela\n", NULL },
		{ "no address", "here relay\n", NULL },
		{ "half an address", "192.0.2 relay\n", NULL },
		{ "a name for its address", "relay 192.0.2.1\n", NULL },
		{ "an address alone", "192.0.2.1\n", NULL },
		{ "a comment", "#192.0.2.1 relay\n", NULL },
		{ "an empty line", "\n", NULL },
	};
	struct exchangers found;
	char path[PATH_MAX];

	scratch_path(path, "hosts");
	for (size_t i = 0; i < sizeof(lines_of) / sizeof(lines_of[0]); i++) {
		const char *line = lines_of[i].line;
		const char *address = lines_of[i].address;
		scratch_write(path, line, strlen(line));
		bool good = connect_hosts_file(path, "relay", &found) == 0 &&
		            found.count == (address != NULL ? 1 : 0);
		ok(good && (address == NULL ||
			       strcmp(found.hosts[0].host, address) == 0),
		    "hosts: %s", lines_of[i].name);
	}
	struct bytes b = { .len = 0 };
	for (int i = 0; i < DNS_HOSTS + 2; i++) {
		char line[64];
		snprintf(line, sizeof(line), "192.0.2.%d relay\n", i + 1);
		bytes_text(&b, line);
	}
	scratch_write(path, b.data, b.len);
	ok(connect_hosts_file(path, "relay", &found) == 0 &&
		found.count == DNS_HOSTS &&
		strcmp(found.hosts[0].host, "192.0.2.1") == 0,
	    "more than there is room for: the first ones");
	free(b.data);
}

int
main(void)
{
	scratch_make();
	test_order();
	test_literals();
	test_sort();
	test_families();
	test_silent();
	test_unix();
	test_alone();
	test_hosts();
	test_hosts_lines();
	return tap_done();
}
