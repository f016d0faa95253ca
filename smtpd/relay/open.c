/* SPDX-License-Identifier: ISC */
/* From a hop to a session: one host after the other. */
#include "smtpd/relay/client_private.h"

#include "common/log/log.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

/* Connects to the host; false: the verdict says why not. */
static bool
connected(struct client *c, const char *host, enum family family)
{
	char why[CONFIG_ERROR];

	if (c->hop->unix_socket) {
		c->peer = c->unix_peer;
		c->unix_peer.fd = -1;
		if (c->peer.fd == -1) {
			client_set_verdict(c, OUTCOME_DEAD, "4.4.2",
			    "%s has closed the connection", c->hop->host);
			return false;
		}
	} else if (connect_host(c->dns, host, c->hop->port, family, &c->tried,
		       &c->peer, why) == -1) {
		memset(&c->peer, 0, sizeof(c->peer));
		if (c->tried.count > 0) {
			/* What another address has said says more. */
			if (why[0] != '\0') {
				log_warn("%s", why);
			}
			return false;
		}
		strlcpy(c->peer.peer, host, sizeof(c->peer.peer));
		client_set_verdict(c, OUTCOME_DEAD, "4.4.1", "%s", why);
		return false;
	}
	/* Bounded by the time for each command; a session may be long. */
	c->stream =
	    stream_open(c->peer.fd, c->peer.fd, c->timeouts.block, INT_MAX);
	if (c->stream == NULL) {
		close(c->peer.fd);
		client_set_verdict(c, OUTCOME_DEAD, "4.3.0", "no memory");
		return false;
	}
	c->reused = c->dirty = false;
	c->mails = 0;
	return true;
}

static bool
may_try(const struct client *c)
{
	return !c->barred && c->tried.count < CONNECT_TRIES;
}

bool
client_pass(struct client *c)
{
	if (c->hop->unix_socket || !may_try(c)) {
		return false;
	}
	c->tried.addresses[c->tried.count++] = c->peer.address;
	return may_try(c) && (c->peer.left > 0 || c->at + 1 < c->hosts.count);
}

/*
 * Opens a session with one of the host's addresses; from our other address, or
 * without TLS, if need be.
 */
static bool
reach(struct client *c, const char *host)
{
	struct outcome refusal = { .kind = OUTCOME_DONE };
	enum family family = c->family;
	bool clear = false, more = policy_find(c, host);

	while (more && connected(c, host, family)) {
		enum session_result session = session_start(c, clear);
		if (session == SESSION_OK) {
			c->family = family;
			return true;
		}
		bool other = session == SESSION_POLICY && !c->family_tried &&
		             c->peer.other_family;
		client_drop(c);
		if (session == SESSION_CLEAR && !clear) {
			log_warn("%s; trying in the clear", c->verdict.text);
			clear = true;
			continue;
		}
		c->barred = session == SESSION_BARRED;
		(void)client_pass(c);
		more = may_try(c) && (other || c->peer.left > 0);
		clear = false;
		if (other) {
			c->family_tried = true;
			refusal = c->verdict;
			family =
			    c->peer.family == FAMILY_V6 ? FAMILY_V4 : FAMILY_V6;
		} else if (more) {
			log_warn(
			    "%s; trying the next address", c->verdict.text);
		}
	}
	if (refusal.kind != OUTCOME_DONE) {
		/* The reason for trying the other address says more. */
		c->verdict = refusal;
	}
	return false;
}

/* Sets the verdict for a domain that has no host to connect to. */
static void
no_host(struct client *c, enum found found, const char *why)
{
	enum outcome_kind kind = c->hop->mx && found != FOUND_TEMPORARY
	                             ? OUTCOME_FAILED
	                             : OUTCOME_DEAD;
	const char *dsn = "4.4.3";

	switch (found) {
	case FOUND_OK:
	case FOUND_TEMPORARY:
		break;
	case FOUND_NO_DOMAIN:
		dsn = "5.1.2";
		break;
	case FOUND_NULL_MX:
		dsn = "5.1.10";
		break;
	case FOUND_OURSELVES:
		dsn = "5.4.6";
		break;
	}
	memset(&c->peer, 0, sizeof(c->peer));
	strlcpy(c->peer.peer, c->hop->host, sizeof(c->peer.peer));
	client_set_verdict(
	    c, kind, kind == OUTCOME_FAILED ? dsn : "4.4.3", "%s", why);
}

/* Finds the hosts of the hop; false: the verdict says why there are none. */
static bool
find_hosts(struct client *c)
{
	char why[CONFIG_ERROR];

	c->hosts = c->literals;
	c->at = 0;
	if (c->hop->unix_socket) {
		c->hosts.count = 1;
		strlcpy(c->hosts.hosts[0].host, "its socket", DNS_NAME);
	}
	if (c->hosts.count == 0) {
		enum found found = connect_exchangers(
		    c->dns, c->config, c->hop, &c->hosts, why);
		if (found != FOUND_OK) {
			no_host(c, found, why);
			return false;
		}
	}
	c->found = true;
	sts_refresh(c);
	return true;
}

void
client_begin(struct client *c)
{
	memset(&c->verdict, 0, sizeof(c->verdict));
	c->tried.count = 0;
	c->barred = false;
	c->at = 0;
	/* What an open connection may be followed by is still known. */
	c->found = c->found && c->stream != NULL;
	c->peer.left = c->peer.count > 0 ? c->peer.count - 1 : 0;
}

bool
client_open(struct client *c)
{
	if (c->stream != NULL) {
		return true;
	}
	if (!c->found && !find_hosts(c)) {
		return false;
	}
	bool never = c->hosts.count > 0;
	for (; c->at < c->hosts.count && may_try(c); c->at++) {
		if (reach(c, c->hosts.hosts[c->at].host)) {
			return true;
		}
		never = never && c->verdict.kind == OUTCOME_FAILED;
		if (may_try(c) && c->at + 1 < c->hosts.count &&
		    c->verdict.text[0] != '\0') {
			log_warn("%s; trying the next host", c->verdict.text);
		}
	}
	if (!never) {
		c->verdict.kind = OUTCOME_DEAD;
	}
	return false;
}

bool
client_try_other_family(struct client *c)
{
	struct connected before = c->peer;

	if (c->family_tried || !before.other_family) {
		return false;
	}
	c->family_tried = true;
	client_quit(c);
	(void)client_pass(c);
	c->family = before.family == FAMILY_V6 ? FAMILY_V4 : FAMILY_V6;
	log_warn("%s refuses our address; trying the other one", before.peer);
	if (reach(c, before.name)) {
		return true;
	}
	c->family = FAMILY_ANY;
	return false;
}
