/* SPDX-License-Identifier: ISC */
/* See the header. */
#include "common/session/proxied.h"

#include "common/io/deadline.h"
#include "common/log/log.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

enum { PATIENCE = 5000 /* ms for the whole header */ };

bool
proxied_valid(const void *payload, ssize_t size)
{
	struct claim claim;

	if (size != (ssize_t)sizeof(claim)) {
		return false;
	}
	memcpy(&claim, payload, sizeof(claim));
	return claim.kind <= PROXY_CLIENT && claim.port <= 65535 &&
	       (claim.kind != PROXY_CLIENT || !network_is_none(claim.address));
}

void
proxied_peer(const struct claim *claim, struct peer *peer)
{
	if (claim->kind == PROXY_CLIENT) {
		listen_peer_ip(claim->address, claim->port, peer);
	}
	/* Only the proxy itself is where it says: a client's loopback would
	   be another machine's, or nobody's. */
	peer->loopback = peer->loopback && claim->kind == PROXY_OWN;
}

/* Reads just the header: what is behind it is TLS's, or the protocol's. */
static enum proxy_result
read_header(int fd, struct proxy *proxy)
{
	int64_t deadline = deadline_now() + PATIENCE;
	uint8_t data[PROXY_MOST];
	enum proxy_result result;
	size_t len = 0;

	while ((result = proxy_parse(data, len, proxy)) == PROXY_MORE) {
		ssize_t n = recv(fd, data + len, proxy->need, MSG_DONTWAIT);
		if (n > 0) {
			len += (size_t)n;
		} else if (n == 0 || (errno != EAGAIN && errno != EINTR) ||
			   deadline_wait(fd, POLLIN, deadline, true) == -1) {
			return PROXY_MORE;
		}
	}
	return result;
}

static void
refuse(const struct connection *c, const char *reply)
{
	if (c->start == START_PLAIN && send(c->wfd, reply, strlen(reply),
					   MSG_NOSIGNAL | MSG_DONTWAIT) == -1) {
		log_warn("and cannot even say so: %s", strerror(errno));
	}
}

bool
proxied_start(const struct service *service, struct connection *c)
{
	struct proxy proxy;
	struct claim claim;

	switch (read_header(c->rfd, &proxy)) {
	case PROXY_DONE:
		break;
	case PROXY_MORE:
		log_warn("no PROXY header from %s, which the key proxy lists",
		    c->peer.address);
		return false;
	case PROXY_BAD:
		log_warn("malformed PROXY header from %s, which the key proxy "
			 "lists",
		    c->peer.address);
		return false;
	}
	memset(&claim, 0, sizeof(claim));
	claim.kind = proxy.kind;
	claim.port = proxy.port;
	memcpy(claim.address, proxy.address, sizeof(claim.address));
	switch (channel_ask(c->channel, REQUEST_PEER, &claim, sizeof(claim),
	    &c->welcome, sizeof(c->welcome))) {
	case STATUS_OK:
		proxied_peer(&claim, &c->peer);
		return true;
	case STATUS_NO:
		refuse(c, service->unwelcome);
		break;
	case STATUS_TEMPORARY:
	case STATUS_LOCKED:
	case STATUS_FULL:
	case STATUS_QUEUED:
	case STATUS_LATER:
	case STATUS_LIMITED:
		refuse(c, service->too_many);
		break;
	}
	return false;
}
