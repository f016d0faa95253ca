/* SPDX-License-Identifier: ISC */
/* TLS at the start of a session, and what it is needed for. */
#include "common/session/secure.h"

#include "common/io/deadline.h"
#include "common/tls/tls.h"

enum { HANDSHAKE_TIMEOUT = 60 * 1000 };

/* The key is elsewhere: the server has somebody sign. */
static int
ask_server(void *context, const struct signature_question *q,
    struct signature *signature)
{
	const struct connection *c = context;

	return channel_ask(c->channel, REQUEST_SIGN, q, sizeof(*q), signature,
		   sizeof(*signature)) == STATUS_OK
	           ? 0
	           : -1;
}

bool
secure_start(const struct connection *c, struct stream *stream,
    const char *go_ahead, char error[CONFIG_ERROR])
{
	error[0] = '\0';
	if (c->start == START_PLAIN) {
		return true;
	}
	if (c->start == START_STARTTLS) {
		stream_printf(stream, "%s\r\n", go_ahead);
		if (stream_flush(stream) == -1) {
			return false;
		}
	}
	const struct tls_signer signer = { .sign = ask_server,
		.context = (void *)(uintptr_t)c };
	struct tls_session *tls = tls_accept(c->tls, &signer, c->rfd, c->wfd,
	    c->asks, deadline_now() + HANDSHAKE_TIMEOUT, error);
	if (tls == NULL) {
		return false;
	}
	stream_secure(stream, &tls_transport, tls);
	return true;
}

bool
secure_for_passwords(const struct connection *c, const struct stream *stream)
{
	enum plaintext_login allowed = c->config->plaintext_login;

	return stream_tls(stream) != NULL || allowed == PLAINTEXT_ALWAYS ||
	       (allowed == PLAINTEXT_LOOPBACK && c->peer.loopback);
}
