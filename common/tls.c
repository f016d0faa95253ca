/* SPDX-License-Identifier: ISC */
/* TLS sessions, by GnuTLS. */
#include "common/tls.h"

#include "common/deadline.h"
#include "common/stream.h"
#include "common/tls_library.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Behind what the system's administrator chose as GnuTLS' default. */
#define PRIORITY                                                               \
	"-VERS-TLS1.0:-VERS-TLS1.1:-VERS-DTLS-ALL:-RSA:-DHE-RSA:"              \
	"-AES-128-CBC:-AES-256-CBC:-SHA1:%SERVER_PRECEDENCE"

struct tls_server {
	gnutls_certificate_credentials_t credentials;
	gnutls_priority_t priority;
	size_t count;
	time_t expiry;
	struct stat files[CONFIG_LIST];
};

struct tls_session {
	gnutls_session_t gnutls;
	int rfd, wfd;
};

void
tls_preload(void)
{
	(void)tls_library();
}

bool
tls_loaded(void)
{
	return tls_library_loaded();
}

static int
open_priority(
    struct tls_server *s, const struct config *config, char error[CONFIG_ERROR])
{
	const struct tls_library *lib = tls_library();
	char text[CONFIG_ERROR];
	const char *bad = "";

	snprintf(text, sizeof(text), "%s%s%s", PRIORITY,
	    config->tls_priority[0] != '\0' ? ":" : "", config->tls_priority);
	int rc = lib->gnutls_priority_init2(
	    &s->priority, text, &bad, GNUTLS_PRIORITY_INIT_DEF_APPEND);
	if (rc != GNUTLS_E_SUCCESS) {
		snprintf(error, CONFIG_ERROR, "tls-priority: %s at \"%s\"",
		    lib->gnutls_strerror(rc), bad);
		return -1;
	}
	return 0;
}

/* The expiry of the first certificate in the pair at index. */
static time_t
expiry(struct tls_server *s, unsigned index)
{
	const struct tls_library *lib = tls_library();
	gnutls_datum_t der;
	gnutls_x509_crt_t crt;
	time_t t = (time_t)-1;

	if (lib->gnutls_certificate_get_crt_raw(
		s->credentials, index, 0, &der) == GNUTLS_E_SUCCESS &&
	    lib->gnutls_x509_crt_init(&crt) == GNUTLS_E_SUCCESS) {
		if (lib->gnutls_x509_crt_import(
			crt, &der, GNUTLS_X509_FMT_DER) == GNUTLS_E_SUCCESS) {
			t = lib->gnutls_x509_crt_get_expiration_time(crt);
		}
		lib->gnutls_x509_crt_deinit(crt);
	}
	return t;
}

static int
open_certificates(
    struct tls_server *s, const struct config *config, char error[CONFIG_ERROR])
{
	const struct tls_library *lib = tls_library();

	for (size_t i = 0; i < config->ntls; i++) {
		const char *file = config->tls[i];
		if (access(file, R_OK) == -1 ||
		    stat(file, &s->files[i]) == -1) {
			snprintf(error, CONFIG_ERROR, "cannot read %.200s: %s",
			    file, strerror(errno));
			return -1;
		}
		int rc = lib->gnutls_certificate_set_x509_key_file2(
		    s->credentials, file, file, GNUTLS_X509_FMT_PEM, NULL, 0);
		if (rc < 0) {
			snprintf(error, CONFIG_ERROR,
			    "%.200s: %s (it must hold the key and the "
			    "certificate chain, in PEM)",
			    file, lib->gnutls_strerror(rc));
			return -1;
		}
		time_t t = expiry(s, (unsigned)i);
		if (i == 0 || t < s->expiry) {
			s->expiry = t;
		}
		s->count++;
	}
	return 0;
}

struct tls_server *
tls_server_open(
    const struct config *config, bool check, char error[CONFIG_ERROR])
{
	const struct tls_library *lib = tls_library();
	struct tls_server *s = calloc(1, sizeof(*s));

	if (lib == NULL || s == NULL ||
	    lib->gnutls_certificate_allocate_credentials(&s->credentials) !=
		GNUTLS_E_SUCCESS) {
		snprintf(error, CONFIG_ERROR, "GnuTLS is not available");
		free(s);
		return NULL;
	}
	if (!check) {
		lib->gnutls_certificate_set_flags(
		    s->credentials, GNUTLS_CERTIFICATE_SKIP_KEY_CERT_MATCH);
	}
	if (open_priority(s, config, error) == -1 ||
	    open_certificates(s, config, error) == -1) {
		tls_server_close(s);
		return NULL;
	}
	return s;
}

void
tls_server_close(struct tls_server *s)
{
	if (s == NULL) {
		return;
	}
	const struct tls_library *lib = tls_library();
	if (s->priority != NULL) {
		lib->gnutls_priority_deinit(s->priority);
	}
	lib->gnutls_certificate_free_credentials(s->credentials);
	free(s);
}

bool
tls_server_stale(const struct tls_server *s, const struct config *config)
{
	struct stat now;

	for (size_t i = 0; i < s->count; i++) {
		const struct stat *then = &s->files[i];
		if (stat(config->tls[i], &now) == 0 &&
		    (now.st_ino != then->st_ino ||
			now.st_size != then->st_size ||
			now.st_mtim.tv_sec != then->st_mtim.tv_sec ||
			now.st_mtim.tv_nsec != then->st_mtim.tv_nsec)) {
			return true;
		}
	}
	return false;
}

void
tls_server_ignore(struct tls_server *s, const struct config *config)
{
	for (size_t i = 0; i < s->count; i++) {
		(void)stat(config->tls[i], &s->files[i]);
	}
}

time_t
tls_server_expiry(const struct tls_server *s)
{
	return s->expiry;
}

static ssize_t
pull(gnutls_transport_ptr_t ptr, void *buf, size_t size)
{
	struct tls_session *t = ptr;
	ssize_t n = recv(t->rfd, buf, size, MSG_DONTWAIT);

	if (n == -1) {
		tls_library()->gnutls_transport_set_errno(t->gnutls, errno);
	}
	return n;
}

static ssize_t
push(gnutls_transport_ptr_t ptr, const void *buf, size_t size)
{
	struct tls_session *t = ptr;
	ssize_t n = send(t->wfd, buf, size, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n == -1) {
		tls_library()->gnutls_transport_set_errno(t->gnutls, errno);
	}
	return n;
}

static int
handshake(struct tls_session *t, int64_t deadline, char error[CONFIG_ERROR])
{
	const struct tls_library *lib = tls_library();

	for (;;) {
		int rc = lib->gnutls_handshake(t->gnutls);
		if (rc == GNUTLS_E_SUCCESS) {
			return 0;
		}
		if (lib->gnutls_error_is_fatal(rc)) {
			snprintf(error, CONFIG_ERROR, "%s",
			    lib->gnutls_strerror(rc));
			return -1;
		}
		bool writing = lib->gnutls_record_get_direction(t->gnutls) == 1;
		if (rc == GNUTLS_E_AGAIN &&
		    deadline_wait(writing ? t->wfd : t->rfd,
			writing ? POLLOUT : POLLIN, deadline, false) == -1) {
			snprintf(error, CONFIG_ERROR, "%s", strerror(errno));
			return -1;
		}
	}
}

struct tls_session *
tls_accept(const struct tls_server *s, int rfd, int wfd, int64_t deadline,
    char error[CONFIG_ERROR])
{
	const struct tls_library *lib = tls_library();
	struct tls_session *t = calloc(1, sizeof(*t));

	snprintf(error, CONFIG_ERROR, "no memory");
	if (t == NULL || lib->gnutls_init(&t->gnutls,
			     GNUTLS_SERVER | GNUTLS_NO_SIGNAL |
				 GNUTLS_NO_TICKETS) != GNUTLS_E_SUCCESS) {
		free(t);
		return NULL;
	}
	t->rfd = rfd;
	t->wfd = wfd;
	lib->gnutls_transport_set_ptr(t->gnutls, t);
	lib->gnutls_transport_set_pull_function(t->gnutls, pull);
	lib->gnutls_transport_set_push_function(t->gnutls, push);
	if (lib->gnutls_priority_set(t->gnutls, s->priority) !=
		GNUTLS_E_SUCCESS ||
	    lib->gnutls_credentials_set(t->gnutls, GNUTLS_CRD_CERTIFICATE,
		s->credentials) != GNUTLS_E_SUCCESS ||
	    handshake(t, deadline, error) == -1) {
		lib->gnutls_deinit(t->gnutls);
		free(t);
		return NULL;
	}
	return t;
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

	do {
		n = lib->gnutls_record_recv(t->gnutls, buf, size);
	} while (n == GNUTLS_E_INTERRUPTED);
	if (n == GNUTLS_E_REHANDSHAKE) {
		errno = EPROTO; /* renegotiation is not for us */
		return -1;
	}
	return as_errno(lib, n);
}

ssize_t
tls_send(struct tls_session *t, const void *buf, size_t size)
{
	const struct tls_library *lib = tls_library();
	ssize_t n;

	do {
		n = lib->gnutls_record_send(t->gnutls, buf, size);
	} while (n == GNUTLS_E_INTERRUPTED);
	return as_errno(lib, n);
}

void
tls_close(struct tls_session *t)
{
	const struct tls_library *lib = tls_library();

	(void)lib->gnutls_bye(t->gnutls, GNUTLS_SHUT_WR);
	lib->gnutls_deinit(t->gnutls);
	free(t);
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
