/* SPDX-License-Identifier: ISC */
/* AUTH (RFC 4954) at a smarthost. */
#include "smtpd/relay/client_private.h"

#include "common/sasl/sasl_client.h"
#include "common/text/base64.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum {
	COMMAND_LINE = 510, /* RFC 5321 section 4.5.3.1.4, without CR LF */
	ANSWER = BASE64_SIZE(SASL_CLIENT_DATA),
	MAX_ROUNDS = 8,
};

enum tried {
	TRIED_IN,    /* logged in */
	TRIED_NEXT,  /* this mechanism does not work */
	TRIED_FAILED /* the connection is unusable, too: see the verdict */
};

/* True if nobody else can read what is sent. */
static bool
is_private(const struct client *c)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_storage room;
	} peer;
	socklen_t len = sizeof(peer);

	if (stream_tls(c->stream) != NULL || c->hop->unix_socket) {
		return true;
	}
	if (getpeername(c->peer.fd, &peer.any, &len) == -1) {
		return false;
	}
	if (peer.any.sa_family == AF_INET6) {
		return IN6_IS_ADDR_LOOPBACK(&peer.v6.sin6_addr);
	}
	return peer.any.sa_family == AF_INET &&
	       ntohl(peer.v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

/* Writes an answer in base64, or `empty` for an empty one. */
static bool
send_base64(struct client *c, const char *data, size_t len, const char *empty)
{
	char text[ANSWER];

	if (base64_encode(data, len, text, sizeof(text)) == -1) {
		return false;
	}
	const char *what = len == 0 ? empty : text;
	stream_write(c->stream, what, strlen(what));
	stream_write(c->stream, "\r\n", 2);
	explicit_bzero(text, sizeof(text));
	return true;
}

/* Computes the answer to the challenge in the last reply. */
static bool
answer_challenge(struct client *c, struct sasl_client *sasl,
    char data[SASL_CLIENT_DATA], size_t *len)
{
	char challenge[SASL_CLIENT_DATA];
	ssize_t n = base64_decode(
	    c->response.text, c->response.len, challenge, sizeof(challenge));

	return n >= 0 &&
	       sasl_client_step(sasl, challenge, (size_t)n, data, len);
}

/*
 * The exchange from AUTH to the last reply.  false: the connection is no longer
 * usable.  *cancelled: we have ended the exchange, as its challenge was wrong.
 */
static bool
exchange(struct client *c, const char *mechanism, struct sasl_client *sasl,
    bool *cancelled)
{
	char data[SASL_CLIENT_DATA];
	size_t len = 0;
	bool held = sasl_client_starts(sasl) &&
	            sasl_client_step(sasl, NULL, 0, data, &len);
	bool good = true;

	/* RFC 4954 section 4: a first answer goes with the command if there
	   is room for it in a line, and is "=" when empty. */
	if (held && strlen("AUTH  ") + strlen(mechanism) + BASE64_SIZE(len) <=
			COMMAND_LINE) {
		stream_write(c->stream, "AUTH ", strlen("AUTH "));
		stream_write(c->stream, mechanism, strlen(mechanism));
		stream_write(c->stream, " ", 1);
		good = send_base64(c, data, len, "=");
		held = false;
	} else {
		client_send_command(c, "AUTH %s", mechanism);
	}
	*cancelled = false;
	for (int rounds = 0; good && client_read_response(c, PHASE_AUTH);
	     rounds++) {
		if (c->response.code != 334) {
			explicit_bzero(data, sizeof(data));
			return true;
		}
		if (*cancelled || rounds > MAX_ROUNDS) {
			client_set_verdict(c, OUTCOME_DEAD, "4.7.0",
			    "host %s does not end the AUTH exchange",
			    c->peer.peer);
			break;
		}
		if (held || answer_challenge(c, sasl, data, &len)) {
			good = send_base64(c, data, len, "");
		} else {
			*cancelled = true;
			client_send_command(c, "*");
		}
		held = false;
	}
	explicit_bzero(data, sizeof(data));
	return false;
}

static enum tried
attempt(struct client *c, const char *mechanism)
{
	struct sasl_client *sasl =
	    sasl_client_open(mechanism, c->hop->user, c->secret.text);
	bool cancelled;

	if (sasl == NULL) {
		client_set_verdict(c, OUTCOME_DEAD, "4.3.0",
		    "no memory for a login at %s", c->peer.peer);
		return TRIED_FAILED;
	}
	bool alive = exchange(c, mechanism, sasl, &cancelled);
	bool proved = !cancelled && sasl_client_done(sasl);
	sasl_client_close(sasl);
	if (!alive) {
		return TRIED_FAILED;
	}
	if (c->response.code / 100 == 2 && proved) {
		return TRIED_IN;
	}
	if (c->response.code / 100 == 2 || cancelled) {
		client_set_verdict(c, OUTCOME_DEAD, "4.7.8",
		    "host %s failed to prove in AUTH %s that it knows our "
		    "password",
		    c->peer.peer, mechanism);
		return c->response.code / 100 == 2 ? TRIED_FAILED : TRIED_NEXT;
	}
	client_set_verdict_response(c, OUTCOME_DEAD, PHASE_AUTH, "4.7.8");
	return c->response.code / 100 == 5 ? TRIED_NEXT : TRIED_FAILED;
}

/* Sets the verdict for the case that no mechanism can be tried. */
static void
not_possible(struct client *c, bool secure)
{
	if ((c->offer.extensions & EXT_AUTH) == 0) {
		client_set_verdict(c, OUTCOME_DEAD, "4.7.0",
		    "host %s does not offer AUTH, and we have to log in "
		    "there as %s",
		    c->peer.peer, c->hop->user);
		return;
	}
	client_set_verdict(c, OUTCOME_DEAD, "4.7.0",
	    "host %s offers AUTH with %.200s, of which none can be used%s",
	    c->peer.peer, c->offer.mechanisms, secure ? "" : " without TLS");
}

bool
session_login(struct client *c)
{
	char tried[sizeof(c->offer.mechanisms)] = "";
	bool secure = is_private(c);
	const char *mechanism;

	not_possible(c, secure);
	/* A server may close the connection after a few failures, and then
	   its last refusal says more than that. */
	struct outcome refusal = c->verdict;
	while ((mechanism = sasl_client_choose(c->offer.mechanisms, tried,
		    c->secret.token, secure)) != NULL) {
		switch (attempt(c, mechanism)) {
		case TRIED_IN:
			return true;
		case TRIED_FAILED:
			if (tried[0] != '\0' &&
			    c->response.state != RESPONSE_DONE) {
				c->verdict = refusal;
			}
			return false;
		case TRIED_NEXT:
			refusal = c->verdict;
			break;
		}
		if (strlcat(tried, mechanism, sizeof(tried)) >= sizeof(tried) ||
		    strlcat(tried, " ", sizeof(tried)) >= sizeof(tried)) {
			break;
		}
	}
	return false;
}
