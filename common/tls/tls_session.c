/* SPDX-License-Identifier: ISC */
/* TLS sessions of either side, by GnuTLS, over non-blocking sockets. */

#include "common/io/stream.h"
#include "common/tls/tls.h"
#include "common/tls/tls_private.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static ssize_t
pull_from_socket(struct tls_session *t, void *buf, size_t size)
{
	ssize_t n = recv(t->rfd, buf, size, MSG_DONTWAIT);

	t->drained = n > 0 && n < TLS_SHORT;
	if (n == -1) {
		tls_library()->gnutls_transport_set_errno(t->gnutls, errno);
	}
	return n;
}

static ssize_t
pull(gnutls_transport_ptr_t ptr, void *buf, size_t size)
{
	struct tls_session *t = ptr;

	if (!t->established) {
		return pull_from_socket(t, buf, size);
	}
	if (t->ahead_pos == t->ahead_len) {
		ssize_t n = pull_from_socket(t, t->ahead, TLS_AHEAD);
		if (n <= 0) {
			return n;
		}
		t->ahead_pos = 0;
		t->ahead_len = (size_t)n;
	}
	if (size > t->ahead_len - t->ahead_pos) {
		size = t->ahead_len - t->ahead_pos;
	}
	memcpy(buf, t->ahead + t->ahead_pos, size);
	t->ahead_pos += size;
	return (ssize_t)size;
}

static ssize_t
push(gnutls_transport_ptr_t ptr, const void *buf, size_t size)
{
	struct tls_session *t = ptr;
	ssize_t n = send(t->wfd, buf, size,
	    MSG_DONTWAIT | MSG_NOSIGNAL | (t->more ? MSG_MORE : 0));

	if (n == -1) {
		tls_library()->gnutls_transport_set_errno(t->gnutls, errno);
	}
	return n;
}

int
tls_session_priority(const struct config *config, const char *base,
    const char *last, gnutls_priority_t *priority, char error[CONFIG_ERROR])
{
	const struct tls_library *lib = tls_library();
	char text[TLS_PRIORITY + CONFIG_ERROR];
	const char *bad = "";

	snprintf(text, sizeof(text), "%s%s%s%s%s", base,
	    config->tls_priority[0] != '\0' ? ":" : "", config->tls_priority,
	    last[0] != '\0' ? ":" : "", last);
	int rc = lib->gnutls_priority_init2(
	    priority, text, &bad, GNUTLS_PRIORITY_INIT_DEF_APPEND);
	if (rc != GNUTLS_E_SUCCESS) {
		snprintf(error, CONFIG_ERROR, "tls-priority: %s at \"%.200s\"",
		    lib->gnutls_strerror(rc), bad);
		return -1;
	}
	return 0;
}

struct tls_session *
tls_session_open(unsigned flags, gnutls_priority_t priority,
    gnutls_certificate_credentials_t credentials, int rfd, int wfd)
{
	const struct tls_library *lib = tls_library();
	/* Not zeroed whole: the pages of the buffer are touched when used. */
	struct tls_session *t = malloc(sizeof(*t));

	if (t == NULL || lib->gnutls_init(&t->gnutls,
			     flags | GNUTLS_NO_SIGNAL) != GNUTLS_E_SUCCESS) {
		free(t);
		return NULL;
	}
	t->rfd = rfd;
	t->wfd = wfd;
	t->established = t->more = t->drained = t->cut = false;
	t->ahead_pos = t->ahead_len = 0;
	lib->gnutls_transport_set_ptr(t->gnutls, t);
	lib->gnutls_transport_set_pull_function(t->gnutls, pull);
	lib->gnutls_transport_set_push_function(t->gnutls, push);
	if (lib->gnutls_priority_set(t->gnutls, priority) != GNUTLS_E_SUCCESS ||
	    lib->gnutls_credentials_set(t->gnutls, GNUTLS_CRD_CERTIFICATE,
		credentials) != GNUTLS_E_SUCCESS) {
		tls_session_free(t);
		return NULL;
	}
	return t;
}

void
tls_session_free(struct tls_session *t)
{
	tls_library()->gnutls_deinit(t->gnutls);
	free(t);
}

int
tls_session_handshake(
    struct tls_session *t, int64_t deadline, char error[CONFIG_ERROR])
{
	const struct tls_library *lib = tls_library();

	for (;;) {
		int rc = lib->gnutls_handshake(t->gnutls);
		if (rc == GNUTLS_E_SUCCESS) {
			t->established = true;
			return 0;
		}
		if (lib->gnutls_error_is_fatal(rc)) {
			snprintf(error, CONFIG_ERROR, "%s",
			    lib->gnutls_strerror(rc));
			return rc;
		}
		bool writing = lib->gnutls_record_get_direction(t->gnutls) == 1;
		if (rc == GNUTLS_E_AGAIN &&
		    deadline_wait(writing ? t->wfd : t->rfd,
			writing ? POLLOUT : POLLIN, deadline, true) == -1) {
			snprintf(error, CONFIG_ERROR, "%s", strerror(errno));
			return -1;
		}
	}
}

/* A GnuTLS result as read(2) or write(2) would say it. */
static ssize_t
as_errno(const struct tls_library *lib, ssize_t n)
{
	if (n >= 0) {
		return n;
	}
	if (n == GNUTLS_E_PREMATURE_TERMINATION) {
		return 0; /* many clients leave without close_notify */
	}
	errno = lib->gnutls_error_is_fatal((int)n) ? EPROTO : EAGAIN;
	return -1;
}

ssize_t
tls_receive(struct tls_session *t, void *buf, size_t size)
{
	const struct tls_library *lib = tls_library();
	ssize_t n;

	/* After a record without data, a ticket say, it has us wait: not while
	   we have more of what came. */
	do {
		n = lib->gnutls_record_recv(t->gnutls, buf, size);
	} while (n == GNUTLS_E_INTERRUPTED ||
		 (n == GNUTLS_E_AGAIN && t->ahead_pos < t->ahead_len));
	if (n == GNUTLS_E_REHANDSHAKE) {
		errno = EPROTO; /* renegotiation is not for us */
		return -1;
	}
	t->cut = t->cut || n == GNUTLS_E_PREMATURE_TERMINATION;
	return as_errno(lib, n);
}

bool
tls_is_cut(const struct tls_session *t)
{
	return t->cut;
}

ssize_t
tls_send(struct tls_session *t, const void *buf, size_t size)
{
	const struct tls_library *lib = tls_library();
	ssize_t n;

	/* A call sends one record.  Several go out together: the peer is woken
	   once for all of them. */
	t->more = size > TLS_RECORD;
	do {
		n = lib->gnutls_record_send(t->gnutls, buf, size);
	} while (n == GNUTLS_E_INTERRUPTED);
	return as_errno(lib, n);
}

bool
tls_drained(struct tls_session *t)
{
	return t->drained && t->ahead_pos == t->ahead_len &&
	       tls_library()->gnutls_record_check_pending(t->gnutls) == 0;
}

void
tls_close(struct tls_session *t)
{
	const struct tls_library *lib = tls_library();

	t->more = false;
	(void)lib->gnutls_bye(t->gnutls, GNUTLS_SHUT_WR);
	tls_session_free(t);
}

const struct stream_transport tls_transport = {
	.receive = tls_receive,
	.send = tls_send,
	.drained = tls_drained,
	.close = tls_close,
};

size_t
tls_binding(struct tls_session *t, enum tls_binding kind,
    uint8_t data[TLS_BINDING_SIZE])
{
	gnutls_channel_binding_t type = kind == TLS_BINDING_EXPORTER
	                                    ? GNUTLS_CB_TLS_EXPORTER
	                                    : GNUTLS_CB_TLS_SERVER_END_POINT;
	gnutls_datum_t got = { .data = NULL };
	size_t n = 0;

	if (tls_library()->gnutls_session_channel_binding(
		t->gnutls, type, &got) != GNUTLS_E_SUCCESS) {
		return 0;
	}
	if (got.size <= TLS_BINDING_SIZE) {
		n = got.size;
		memcpy(data, got.data, n);
	}
	free(got.data); /* GnuTLS allocates by malloc(3) */
	return n;
}

const char *
tls_describe(struct tls_session *t, char *buf, size_t size)
{
	const struct tls_library *lib = tls_library();

	snprintf(buf, size, "%s, %s",
	    lib->gnutls_protocol_get_name(
		lib->gnutls_protocol_get_version(t->gnutls)),
	    lib->gnutls_cipher_get_name(lib->gnutls_cipher_get(t->gnutls)));
	return buf;
}
