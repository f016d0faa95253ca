/* SPDX-License-Identifier: ISC */
/* TLS for the load generator's clients, begun by a command. */
#include "load.h"

#include <err.h>
#include <errno.h>
#include <gnutls/gnutls.h>

static gnutls_certificate_credentials_t nobody;

static void
must(int status)
{
	if (status != GNUTLS_E_SUCCESS)
		errx(1, "%s", gnutls_strerror(status));
}

/* Whose certificate it is does not matter here. */
void
tls_begin(struct client *c)
{
	gnutls_session_t tls;

	if (nobody == NULL)
		must(gnutls_certificate_allocate_credentials(&nobody));
	must(gnutls_init(&tls, GNUTLS_CLIENT | GNUTLS_NONBLOCK));
	must(gnutls_set_default_priority(tls));
	must(gnutls_credentials_set(tls, GNUTLS_CRD_CERTIFICATE, nobody));
	gnutls_transport_set_int(tls, c->fd);
	c->tls = tls;
	c->shaking = true;
}

void
tls_end(struct client *c)
{
	if (c->tls != NULL)
		gnutls_deinit(c->tls);
	c->tls = NULL;
	c->shaking = false;
}

/* As recv(2) and send(2) have it. */
static ssize_t
as_errno(ssize_t n)
{
	if (n >= 0)
		return n;
	errno =
	    n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED ? EAGAIN : EPROTO;
	return -1;
}

int
tls_shake(struct client *c)
{
	int status = gnutls_handshake(c->tls);

	if (status != GNUTLS_E_SUCCESS)
		return (int)as_errno(status);
	c->shaking = false;
	return 0;
}

ssize_t
tls_recv(struct client *c, void *to, size_t room)
{
	return as_errno(gnutls_record_recv(c->tls, to, room));
}

ssize_t
tls_send(struct client *c, const void *from, size_t len)
{
	return as_errno(gnutls_record_send(c->tls, from, len));
}
