/* SPDX-License-Identifier: ISC */
/* New connections: counted, and served or refused. */
#include "common/log/log.h"
#include "common/server/guard.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DEFAULT_PER_SOURCE = 50 };

static const char from_one[] = "too many sessions from there";

/* True if its address has as many sessions as it may have. */
static bool
over_source(const struct server *s, const struct peer *peer)
{
	unsigned limit = s->config->sessions_per_source, n = 0;

	if (limit == 0 && peer->loopback) {
		return false; /* one's own machine, unless it was asked for */
	}
	limit = limit == 0 ? DEFAULT_PER_SOURCE : limit;
	for (size_t i = 0; i < s->nslots; i++) {
		const struct slot *slot = &s->slots[i];
		n += slot->used && !slot->welcome.proxied &&
		     memcmp(slot->peer.network, peer->network,
			 sizeof(peer->network)) == 0;
	}
	return n >= limit;
}

/* Tells a client that it is not served, in one reply that never blocks. */
static void
refuse(int wfd, bool tls, const char *reply)
{
	size_t n = strlen(reply);

	if (tls) {
		return;
	}
	if (send(wfd, reply, n, MSG_NOSIGNAL | MSG_DONTWAIT) == -1 &&
	    errno == ENOTSOCK && write(wfd, reply, n) == -1) {
		log_warn("and cannot even say so: %s", strerror(errno));
	}
}

bool
accept_connection(struct server *s, int rfd, int wfd, const struct peer *peer,
    struct service_kind kind)
{
	const char *reply = s->service->refusals.not_ready, *why = "not ready";
	char penalty[PENALTY_TEXT];
	struct welcome welcome;

	slot_refresh(s);
	if (s->used >= s->config->sessions) {
		reply = s->service->refusals.too_many;
		why = "too many sessions";
	} else if (network_listed(
		       s->config->proxies, s->config->nproxies, peer->ip)) {
		/* What counts is who it speaks for: accept_claim(). */
		welcome = (struct welcome){ .proxied = 1 };
		if (slot_connect(s, rfd, wfd, peer, &welcome, kind)) {
			return true;
		}
	} else if (!guard_admits(s, peer, &welcome, penalty)) {
		reply = s->service->refusals.unwelcome;
		why = penalty;
	} else if (over_source(s, peer)) {
		reply = s->service->refusals.too_many;
		why = from_one;
	} else if (slot_connect(s, rfd, wfd, peer, &welcome, kind)) {
		return true;
	}
	s->service->refused(peer->address, reply, why);
	refuse(wfd, kind.tls, reply);
	close(rfd);
	if (wfd != rfd) {
		close(wfd);
	}
	return false;
}

enum status
accept_claim(struct server *s, struct slot *slot, const void *payload)
{
	struct welcome welcome = { .counted = 0 };
	struct peer peer = slot->peer;
	char why[PENALTY_TEXT];
	struct claim claim;

	memcpy(&claim, payload, sizeof(claim));
	claim_apply(&claim, &peer);
	if (claim.kind == PROXY_CLIENT) {
		if (!guard_admits(s, &peer, &welcome, why)) {
			s->service->refused(
			    peer.address, s->service->refusals.unwelcome, why);
			return STATUS_NO;
		}
		if (over_source(s, &peer)) {
			s->service->refused(peer.address,
			    s->service->refusals.too_many, from_one);
			return STATUS_TEMPORARY;
		}
	}
	slot->peer = peer;
	slot->welcome = welcome;
	return STATUS_OK;
}

void
accept_ready(struct server *s, const struct listener *l)
{
	/* Some at a time, so that requests are not kept waiting. */
	for (int i = 0; i < 16; i++) {
		struct peer peer;
		int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd == -1) {
			if (errno == EMFILE || errno == ENFILE) {
				log_error("accept: %s", strerror(errno));
			}
			return;
		}
		if (listen_peer(fd, &peer)) {
			accept_connection(s, fd, fd, &peer, l->kind);
		} else {
			close(fd);
		}
	}
}
