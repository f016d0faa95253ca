/* SPDX-License-Identifier: ISC */
/* smtpd --check: who may send without a login. */
#include "smtpd/admin/check_private.h"

#include "common/text/network.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	V4 = 96,     /* bits of struct network before IPv4 */
	PART = 8,    /* bits of a network that is not all of the world */
	NAME = 64,   /* octets of an interface's name */
	GATEWAY = 2, /* RTF_GATEWAY of /proc/net/route */
};

/* True if one network lies within another. */
static bool
is_within(const struct network *n, const struct network *outer)
{
	return n->bits >= outer->bits && network_has(outer, n->address);
}

/* This machine, and networks that are in nobody else's hands. */
static bool
is_private(const struct network *n)
{
	static const char *const own[] = { "127.0.0.0/8", "::1", "10.0.0.0/8",
		"172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
		"100.64.0.0/10", "fe80::/10", "fc00::/7" };
	struct network outer;

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (network_parse(own[i], &outer) && is_within(n, &outer)) {
			return true;
		}
	}
	return false;
}

/* True if so much of the world is in it that strangers are. */
static bool
is_world(const struct network *n)
{
	bool v4 = network_is_v4(n->address) && n->bits >= V4;

	return n->bits < (v4 ? V4 + PART : PART);
}

static void
check_size(struct check *c, const struct trusted *t)
{
	if (is_world(&t->network)) {
		check_finding(c, FINDING_ERROR,
		    "trust %s: a large part of the world may send to "
		    "everybody, and spammers will; name your own networks",
		    t->text);
	} else if (!is_private(&t->network)) {
		check_finding(c, FINDING_WARNING,
		    "trust %s: this is not a private network; be sure that "
		    "all of its addresses are yours, and stay yours",
		    t->text);
	} else {
		check_finding(c, FINDING_OK,
		    "clients from %s may send to everybody without a login, "
		    "as %s",
		    t->text, t->name[0] != '\0' ? t->name : t->text);
	}
}

/* ---- addresses that others hide behind ---- */

static bool
address_of(const struct sockaddr *sa, uint8_t address[16])
{
	struct network n = { .bits = 0 };
	const struct in_addr *v4;

	if (sa == NULL ||
	    (sa->sa_family != AF_INET && sa->sa_family != AF_INET6)) {
		return false;
	}
	if (sa->sa_family == AF_INET6) {
		memcpy(address,
		    &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr,
		    16);
		return true;
	}
	(void)network_parse("0.0.0.0/0", &n);
	v4 = &((const struct sockaddr_in *)(const void *)sa)->sin_addr;
	memcpy(n.address + 12, v4, sizeof(*v4));
	memcpy(address, n.address, 16);
	return true;
}

/* A container's clients come from the address of the bridge that it is at. */
static void
check_bridge(struct check *c, const struct trusted *t, const struct ifaddrs *i)
{
	char path[NAME + 32], text[NETWORK_TEXT];
	uint8_t address[16];

	snprintf(path, sizeof(path), "/sys/class/net/%.*s/bridge", NAME,
	    i->ifa_name);
	if (address_of(i->ifa_addr, address) &&
	    network_has(&t->network, address) && access(path, F_OK) == 0) {
		check_finding(c, FINDING_ERROR,
		    "trust %s contains %s, the address of this machine at the "
		    "bridge %s: the clients that a proxy of containers passes "
		    "on come from there, whoever they are; trust the addresses "
		    "of single containers",
		    t->text, network_text(address, text), i->ifa_name);
	}
}

/* The router of a line of /proc/net/route, if it is for all addresses. */
static bool
router_of(const char *line, uint8_t address[16])
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	uint32_t fields[3]; /* for, by, flags, after the interface */
	char *rest = (char *)(uintptr_t)(line + strcspn(line, " \t"));

	for (size_t i = 0; i < 3; i++) {
		fields[i] = (uint32_t)strtoul(rest, &rest, 16);
	}
	sin.sin_addr.s_addr = fields[1];
	return fields[0] == 0 && (fields[2] & GATEWAY) != 0 &&
	       address_of((const struct sockaddr *)&sin, address);
}

/* A router that translates addresses may do so with those that come in. */
static void
check_gateway(struct check *c, const struct trusted *t, const char *line)
{
	char text[NETWORK_TEXT];
	uint8_t address[16];

	if (router_of(line, address) && network_has(&t->network, address)) {
		check_finding(c, FINDING_WARNING,
		    "trust %s contains the router %s: if that gives "
		    "connections from outside its own address, everybody is "
		    "trusted; look from where the log says that strangers "
		    "connect",
		    t->text, network_text(address, text));
	}
}

static void
check_gateways(struct check *c, const struct trusted *t)
{
	FILE *f = fopen("/proc/net/route", "re");
	char line[256];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		check_gateway(c, t, line);
	}
	if (f != NULL) {
		fclose(f);
	}
}

void
check_trust(struct check *c)
{
	struct ifaddrs *all = NULL;

	if (c->config->ntrusts == 0) {
		return;
	}
	if (getifaddrs(&all) == -1) {
		all = NULL;
	}
	for (size_t i = 0; i < c->config->ntrusts; i++) {
		const struct trusted *t = &c->config->trusts[i];
		check_size(c, t);
		for (const struct ifaddrs *a = all; a != NULL;
		     a = a->ifa_next) {
			check_bridge(c, t, a);
		}
		check_gateways(c, t);
	}
	freeifaddrs(all);
}
