/* SPDX-License-Identifier: ISC */
/* See the header. */
#include "common/session/proxied.h"

#include "common/io/deadline.h"
#include "common/log/log.h"
#include "common/session/proxy.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

enum { PATIENCE = 5000 /* ms for the whole header */ };

/*
 * Reads just the header: what follows belongs to TLS or the protocol.  silent:
 * the proxy has left without a word.
 */
static enum proxy_result
read_header(int fd, struct proxy *proxy, bool *silent)
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
			*silent = len == 0 && (n == 0 || errno == ECONNRESET);
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
		log_warn("cannot tell %s that it was refused: %s",
		    c->peer.address, strerror(errno));
	}
}

bool
proxied_start(struct connection *c)
{
	struct proxy proxy;
	struct claim claim;
	bool silent = false;

	switch (read_header(c->rfd, &proxy, &silent)) {
	case PROXY_DONE:
		break;
	case PROXY_MORE:
		if (silent) {
			return false; /* it only looked if we listen */
		}
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
		claim_apply(&claim, &c->peer);
		return true;
	case STATUS_NO:
		refuse(c, c->refusals->unwelcome);
		break;
	case STATUS_TEMPORARY:
	case STATUS_LOCKED:
	case STATUS_FULL:
	case STATUS_QUEUED:
	case STATUS_LATER:
	case STATUS_LIMITED:
		refuse(c, c->refusals->too_many);
		break;
	}
	return false;
}
