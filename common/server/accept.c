/* SPDX-License-Identifier: ISC */
/* New connections: counted, and served or refused. */
#include "common/io/deadline.h"
#include "common/log/log.h"
#include "common/server/guard.h"
#include "common/server/lobby.h"
#include "common/server/place.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char from_one[] = "too many sessions from there",
		  from_all[] = "too many sessions";

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
		log_warn("cannot tell a client that it is refused: %s",
		    strerror(errno));
	}
}

const struct refusals *
service_refusals(const struct service *service, enum role role)
{
	return role == ROLE_PASSWD && service->passwd != NULL
	           ? service->passwd
	           : &service->refusals;
}

void
accept_refuse(struct server *s, int rfd, int wfd, const struct peer *peer,
    bool tls, const char *reply, const char *why)
{
	s->service->refused(peer->address, reply, why);
	refuse(wfd, tls, reply);
	close(rfd);
	if (wfd != rfd) {
		close(wfd);
	}
}

/*
 * True if a client has to wait for a place, and can.  Who has a claim to those
 * that are kept goes before all who wait.
 */
static bool
waits(struct server *s, int fd, const struct peer *peer,
    const struct welcome *welcome, struct service_kind kind, enum place place)
{
	bool others_wait = s->nguests > 0 && kind.role == ROLE_MX &&
	                   !welcome->proxied && !place_is_known(s, peer);

	if (place == PLACE_FREE && !others_wait) {
		return false;
	}
	/* If nobody can be told now, it may be that all have just come. */
	bool told = place == PLACE_TAKEN &&
	            (place_seek(s, peer) || place_may_be_soon(s));
	return (told || others_wait) && lobby_enter(s, fd, peer, welcome, kind);
}

/*
 * True for a proxy: of that what counts is who it speaks for, accept_claim().
 * It can speak for nobody where only programs of this machine are served: a
 * PROXY header is no command, and ends the session.
 */
static bool
speaks_for_others(
    const struct server *s, const struct peer *peer, enum role role)
{
	return role != ROLE_PASSWD && network_listed(s->config->proxies,
					  s->config->nproxies, peer->ip);
}

bool
accept_connection(struct server *s, int rfd, int wfd, const struct peer *peer,
    struct service_kind kind)
{
	const struct refusals *refusals =
	    service_refusals(s->service, kind.role);
	const char *reply = refusals->not_ready, *why = "not ready";
	struct welcome welcome = { .proxied = 1 };
	char penalty[PENALTY_TEXT];

	slot_refresh(s);
	if (kind.role == ROLE_PASSWD && !peer->loopback) {
		accept_refuse(s, rfd, wfd, peer, kind.tls, refusals->unwelcome,
		    "passwords are changed from this machine alone");
		return false;
	}
	bool proxied = speaks_for_others(s, peer, kind.role);
	if (!proxied && !guard_admits(s, peer, kind.role, &welcome, penalty)) {
		accept_refuse(
		    s, rfd, wfd, peer, kind.tls, refusals->unwelcome, penalty);
		return false;
	}
	enum place place = !proxied ? place_ask(s, peer, kind.role)
	                   : s->used < s->config->sessions ? PLACE_FREE
	                                                   : PLACE_TAKEN;
	if (place != PLACE_PER_SOURCE &&
	    waits(s, rfd, peer, &welcome, kind, place)) {
		return true;
	}
	if (place != PLACE_FREE) {
		reply = refusals->too_many;
		why = place == PLACE_TAKEN ? from_all : from_one;
	} else if (slot_connect(s, rfd, wfd, peer, &welcome, kind)) {
		return true;
	}
	accept_refuse(s, rfd, wfd, peer, kind.tls, reply, why);
	return false;
}

enum status
accept_claim(struct server *s, struct slot *slot, const void *payload)
{
	struct welcome welcome = { .counted = 0 };
	enum place place = PLACE_FREE;
	struct peer peer = slot->peer;
	char why[PENALTY_TEXT];
	struct claim claim;

	memcpy(&claim, payload, sizeof(claim));
	claim_apply(&claim, &peer);
	if (claim.kind == PROXY_CLIENT) {
		if (!guard_admits(s, &peer, slot->role, &welcome, why)) {
			s->service->refused(
			    peer.address, s->service->refusals.unwelcome, why);
			return STATUS_NO;
		}
		place = place_ask(s, &peer, slot->role);
		if (place == PLACE_PER_SOURCE ||
		    (place == PLACE_TAKEN && place_is_crammed(s))) {
			s->service->refused(peer.address,
			    s->service->refusals.too_many,
			    place == PLACE_TAKEN ? from_all : from_one);
			return STATUS_TEMPORARY;
		}
	}
	slot->useful_at = deadline_now();
	if (place == PLACE_TAKEN) {
		(void)place_seek(s, &peer); /* for the next one */
	}
	slot->peer = peer;
	slot->known = place_is_known(s, &peer);
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
