/* SPDX-License-Identifier: ISC */
/* TLS servers: their certificates, and sessions that they accept. */
#include "common/tls.h"

#include "common/tls_library.h"
#include "common/tls_session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
	if (tls_session_priority(config, PRIORITY, &s->priority, error) == -1 ||
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

/*
 * Whoever names the protocol that it means to speak must name one of ours: the
 * requests of web browsers, sent here by others, are for a site that may have
 * the same certificate (CVE-2021-3618).
 */
static bool
set_protocols(struct tls_session *t)
{
	static const unsigned char smtp[] = "smtp", pop3[] = "pop3";
	const gnutls_datum_t names[] = {
		{ .data = (unsigned char *)(uintptr_t)smtp, .size = 4 },
		{ .data = (unsigned char *)(uintptr_t)pop3, .size = 4 },
	};

	return tls_library()->gnutls_alpn_set_protocols(t->gnutls, names, 2,
		   GNUTLS_ALPN_MANDATORY) == GNUTLS_E_SUCCESS;
}

struct tls_session *
tls_accept(const struct tls_server *s, int rfd, int wfd, int64_t deadline,
    char error[CONFIG_ERROR])
{
	struct tls_session *t =
	    tls_session_open(GNUTLS_SERVER | GNUTLS_NO_TICKETS, s->priority,
		s->credentials, rfd, wfd);

	snprintf(error, CONFIG_ERROR, "no memory");
	if (t == NULL) {
		return NULL;
	}
	int rc = set_protocols(t) ? tls_session_handshake(t, deadline, error)
	                          : GNUTLS_E_MEMORY_ERROR;
	if (rc != 0) {
		/* So that the client can tell people why, too. */
		(void)tls_library()->gnutls_alert_send_appropriate(
		    t->gnutls, rc);
		tls_session_free(t);
		return NULL;
	}
	return t;
}
