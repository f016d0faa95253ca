/* SPDX-License-Identifier: ISC */
/* Which hosts take the mail for a hop, and a connection to one of them. */
#include "smtpd/relay/connect.h"

#include "smtpd/relay/race.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- which hosts ---- */

void
connect_order(struct exchangers *x, uint32_t (*random)(uint32_t below))
{
	/* At random first, then by a sort that leaves equals as they are. */
	for (size_t i = x->count; i > 1; i--) {
		size_t k = random((uint32_t)i);
		struct dns_mx mx = x->hosts[i - 1];
		x->hosts[i - 1] = x->hosts[k];
		x->hosts[k] = mx;
	}
	for (size_t i = 1; i < x->count; i++) {
		struct dns_mx mx = x->hosts[i];
		size_t k = i;
		for (; k > 0 && x->hosts[k - 1].preference > mx.preference;
		     k--) {
			x->hosts[k] = x->hosts[k - 1];
		}
		x->hosts[k] = mx;
	}
}

/* True if mail for a host of that name is delivered here. */
static bool
is_us(const struct config *config, const char *host)
{
	return strcasecmp(host, config->hostname) == 0 ||
	       config_is_ours(config, host);
}

/* Drops the roots, which are no hosts; those of a null MX are alone. */
static void
drop_roots(struct exchangers *x)
{
	size_t kept = 0;

	for (size_t i = 0; i < x->count; i++) {
		if (x->hosts[i].host[0] != '\0') {
			x->hosts[kept++] = x->hosts[i];
		}
	}
	x->count = kept;
}

/*
 * Drops the hosts that are not preferred to us: they would relay to us (RFC
 * 5321 section 5.1).
 */
static void
drop_ourselves(struct exchangers *x, const struct config *config)
{
	for (size_t i = 0; i < x->count; i++) {
		if (!is_us(config, x->hosts[i].host)) {
			continue;
		}
		while (i > 0 &&
		       x->hosts[i - 1].preference == x->hosts[i].preference) {
			i--;
		}
		x->count = i;
	}
}

static enum found
order_hosts(struct exchangers *x, const struct config *config,
    const char *domain, char why[CONFIG_ERROR])
{
	drop_roots(x);
	if (x->count == 0) {
		snprintf(why, CONFIG_ERROR, "%.255s accepts no mail (null MX)",
		    domain);
		return FOUND_NULL_MX;
	}
	connect_order(x, arc4random_uniform);
	drop_ourselves(x, config);
	if (x->count == 0) {
		snprintf(why, CONFIG_ERROR,
		    "mail for %.255s loops back: its mail exchanger is this "
		    "machine, which does not know the domain",
		    domain);
		return FOUND_OURSELVES;
	}
	return FOUND_OK;
}

/* The host itself is the only one. */
static enum found
only_host(struct exchangers *x, const char *host, char why[CONFIG_ERROR])
{
	x->hosts[0].preference = 0;
	x->count = 1;
	if (strlcpy(x->hosts[0].host, host, DNS_NAME) >= DNS_NAME) {
		snprintf(
		    why, CONFIG_ERROR, "the name %.100s... is too long", host);
		return FOUND_NO_DOMAIN;
	}
	return FOUND_OK;
}

static enum found
lookup_failure(enum dns_status status)
{
	return status == DNS_TEMPORARY ? FOUND_TEMPORARY : FOUND_NO_DOMAIN;
}

/* No MX: the domain is its own host, if it has an address at all. */
static enum found
implicit_mx(struct dns *dns, const struct config *config, const char *domain,
    struct exchangers *x, char why[CONFIG_ERROR])
{
	struct dns_address addresses[DNS_ADDRESSES];
	size_t count;

	enum dns_status status =
	    dns_addresses(dns, domain, addresses, &count, why);
	x->secure = x->secure && dns_origin(dns)->secure;
	if (status == DNS_NO_DATA) {
		snprintf(why, CONFIG_ERROR,
		    "%.255s has neither a mail exchanger nor an address",
		    domain);
	}
	if (status != DNS_OK) {
		return lookup_failure(status);
	}
	enum found found = only_host(x, domain, why);
	return found == FOUND_OK ? order_hosts(x, config, domain, why) : found;
}

enum found
connect_exchangers(struct dns *dns, const struct config *config,
    const struct hop *hop, struct exchangers *x, char why[CONFIG_ERROR])
{
	struct dns_address literal;

	why[0] = '\0';
	x->count = 0;
	x->secure = false;
	if (!hop->mx || race_literal(hop->host, &literal)) {
		return only_host(x, hop->host, why);
	}
	enum dns_status status =
	    dns_mx(dns, hop->host, x->hosts, &x->count, why);
	x->secure = dns_origin(dns)->secure;
	switch (status) {
	case DNS_OK:
		return order_hosts(x, config, hop->host, why);
	case DNS_NO_DATA:
		return implicit_mx(dns, config, hop->host, x, why);
	case DNS_NONE:
	case DNS_TEMPORARY:
		break;
	}
	return lookup_failure(status);
}

/* ---- hosts(5) ---- */

/* True if the host is among the names of the line. */
static bool
has_name(char *rest, const char *host)
{
	while (rest != NULL) {
		const char *name = strsep(&rest, " \t\n");
		if (strcasecmp(name, host) == 0) {
			return true;
		}
	}
	return false;
}

static bool
is_address(const char *text)
{
	unsigned char address[16];

	return inet_pton(AF_INET, text, address) == 1 ||
	       inet_pton(AF_INET6, text, address) == 1;
}

bool
connect_asks_hosts(const struct config *config, const struct hop *hop)
{
	return !hop->mx && config->resolver[0] == '\0' &&
	       strcasecmp(hop->host, "localhost") != 0;
}

int
connect_hosts_file(const char *file, const char *host, struct exchangers *found)
{
	FILE *f = fopen(file, "re");
	char *line = NULL;
	size_t room = 0;

	memset(found, 0, sizeof(*found));
	if (f == NULL) {
		return errno == ENOENT || errno == ENOTDIR || errno == EACCES
		           ? 0
		           : -1;
	}
	while (found->count < DNS_HOSTS && getline(&line, &room, f) != -1) {
		line[strcspn(line, "#")] = '\0';
		char *rest = line + strspn(line, " \t");
		const char *address = strsep(&rest, " \t\n");
		if (is_address(address) && has_name(rest, host)) {
			strlcpy(found->hosts[found->count++].host, address,
			    DNS_NAME);
		}
	}
	/* Without memory getline(3) ends, too: half of it is no answer. */
	bool whole = found->count == DNS_HOSTS || (feof(f) && !ferror(f));
	int saved = errno;
	free(line);
	fclose(f);
	errno = saved;
	return whole ? 0 : -1;
}

/* ---- a connection ---- */

/* A literal, localhost (RFC 6761 section 6.3), or what the DNS says. */
static int
find_addresses(struct dns *dns, const char *host, struct race *race,
    char why[CONFIG_ERROR])
{
	race->count = 1;
	if (race_literal(host, &race->addresses[0])) {
		return 0;
	}
	if (strcasecmp(host, "localhost") == 0) {
		race->count = 2;
		return race_literal("::1", &race->addresses[0]) &&
		               race_literal("127.0.0.1", &race->addresses[1])
		           ? 0
		           : -1;
	}
	return dns_addresses(dns, host, race->addresses, &race->count, why) ==
	               DNS_OK
	           ? 0
	           : -1;
}

/* Sets options whose failure only costs time. */
static void
set_options(int fd)
{
	const int on = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

/* True if both are one address; ports do not matter. */
static bool
is_same(const struct dns_address *a, const struct dns_address *b)
{
	struct sockaddr_in6 a6, b6;
	struct sockaddr_in a4, b4;

	if (a->address.ss_family != b->address.ss_family) {
		return false;
	}
	if (a->address.ss_family == AF_INET) {
		memcpy(&a4, &a->address, sizeof(a4));
		memcpy(&b4, &b->address, sizeof(b4));
		return a4.sin_addr.s_addr == b4.sin_addr.s_addr;
	}
	memcpy(&a6, &a->address, sizeof(a6));
	memcpy(&b6, &b->address, sizeof(b6));
	return memcmp(&a6.sin6_addr, &b6.sin6_addr, sizeof(a6.sin6_addr)) == 0;
}

static bool
was_tried(
    const struct tried_addresses *tried, const struct dns_address *address)
{
	for (size_t i = 0; i < tried->count; i++) {
		if (is_same(&tried->addresses[i], address)) {
			return true;
		}
	}
	return false;
}

static void
drop_tried(struct race *race, const struct tried_addresses *tried)
{
	size_t kept = 0;

	for (size_t i = 0; i < race->count; i++) {
		if (!was_tried(tried, &race->addresses[i])) {
			race->addresses[kept++] = race->addresses[i];
		}
	}
	race->count = kept;
}

int
connect_host(struct dns *dns, const char *host, unsigned port,
    enum family family, const struct tried_addresses *tried,
    struct connected *out, char why[CONFIG_ERROR])
{
	struct race race = { .port = port };

	memset(out, 0, sizeof(*out));
	out->fd = -1;
	why[0] = '\0';
	race.host = out->name;
	strlcpy(out->name, host, sizeof(out->name));
	size_t len = strlen(out->name);
	if (len > 0 && out->name[len - 1] == '.') {
		out->name[len - 1] = '\0';
	}
	if (find_addresses(dns, out->name, &race, why) == -1) {
		return -1;
	}
	race_sort(&race);
	bool has4 = race_has(&race, AF_INET);
	bool has6 = race_has(&race, AF_INET6);
	if (family != FAMILY_ANY) {
		race_only(&race, family == FAMILY_V4 ? AF_INET : AF_INET6);
	}
	if (race.count == 0) {
		snprintf(why, CONFIG_ERROR, "%.255s has no IPv%d address",
		    out->name, family == FAMILY_V4 ? 4 : 6);
		return -1;
	}
	out->count = race.count;
	if (tried != NULL) {
		drop_tried(&race, tried);
	}
	if (race.count == 0) {
		return -1;
	}
	int winner = race_run(&race, &out->fd, why);
	if (winner == -1) {
		return -1;
	}
	set_options(out->fd);
	race_text(&race, (size_t)winner, out->peer, sizeof(out->peer));
	out->address = race.addresses[winner];
	out->left = race.count - 1;
	bool v4 = out->address.address.ss_family == AF_INET;
	out->family = v4 ? FAMILY_V4 : FAMILY_V6;
	out->other_family = v4 ? has6 : has4;
	return 0;
}

int
connect_unix(const char *path, struct connected *out, char why[CONFIG_ERROR])
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	memset(out, 0, sizeof(*out));
	strlcpy(out->name, "localhost", sizeof(out->name));
	snprintf(out->peer, sizeof(out->peer), "localhost[%.200s]", path);
	errno = ENAMETOOLONG;
	out->fd = -1;
	if (strlcpy(sun.sun_path, path, sizeof(sun.sun_path)) <
	    sizeof(sun.sun_path)) {
		out->fd = socket(
		    AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	}
	/* EAGAIN: the other side's queue is full, which is for later. */
	if (out->fd == -1 || connect(out->fd, (const struct sockaddr *)&sun,
				 sizeof(sun)) == -1) {
		snprintf(why, CONFIG_ERROR, "cannot connect to %.200s: %s",
		    path, strerror(errno));
		if (out->fd != -1) {
			close(out->fd);
			out->fd = -1;
		}
		return -1;
	}
	return 0;
}
