/* SPDX-License-Identifier: ISC */
/* TLS servers: their certificates, and sessions that they accept. */
#include "common/tls/tls.h"

#include "common/tls/crypto.h"
#include "common/tls/tls_private.h"

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
	bool clients; /* those with certificates of ours are asked for them */
	struct stat files[CONFIG_LIST + 1]; /* the last: of tls-client-ca */
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

static int
open_client_ca(
    struct tls_server *s, const struct config *config, char error[CONFIG_ERROR])
{
	const struct tls_library *lib = tls_library();
	const char *file = config->tls_client_ca;

	if (file[0] == '\0') {
		return 0;
	}
	int n = stat(file, &s->files[CONFIG_LIST]) == -1
	            ? GNUTLS_E_FILE_ERROR
	            : lib->gnutls_certificate_set_x509_trust_file(
			  s->credentials, file, GNUTLS_X509_FMT_PEM);
	if (n <= 0) {
		snprintf(error, CONFIG_ERROR,
		    "tls-client-ca %.200s: %s (it must hold the certificates "
		    "of authorities, in PEM)",
		    file, n == 0 ? "no certificate" : lib->gnutls_strerror(n));
		return -1;
	}
	s->clients = true;
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
	    open_certificates(s, config, error) == -1 ||
	    open_client_ca(s, config, error) == -1) {
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

static bool
changed(const char *file, const struct stat *then)
{
	struct stat now;

	return stat(file, &now) == 0 &&
	       (now.st_ino != then->st_ino || now.st_size != then->st_size ||
		   now.st_mtim.tv_sec != then->st_mtim.tv_sec ||
		   now.st_mtim.tv_nsec != then->st_mtim.tv_nsec);
}

bool
tls_server_stale(const struct tls_server *s, const struct config *config)
{
	for (size_t i = 0; i < s->count; i++) {
		if (changed(config->tls[i], &s->files[i])) {
			return true;
		}
	}
	return s->clients &&
	       changed(config->tls_client_ca, &s->files[CONFIG_LIST]);
}

void
tls_server_ignore(struct tls_server *s, const struct config *config)
{
	for (size_t i = 0; i < s->count; i++) {
		(void)stat(config->tls[i], &s->files[i]);
	}
	if (s->clients) {
		(void)stat(config->tls_client_ca, &s->files[CONFIG_LIST]);
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
tls_accept(const struct tls_server *s, int rfd, int wfd, bool ask,
    int64_t deadline, char error[CONFIG_ERROR])
{
	struct tls_session *t =
	    tls_session_open(GNUTLS_SERVER | GNUTLS_NO_TICKETS, s->priority,
		s->credentials, rfd, wfd);

	snprintf(error, CONFIG_ERROR, "no memory");
	if (t == NULL) {
		return NULL;
	}
	if (ask && s->clients) {
		/* A client without one, or with another's, may have a password.
		 */
		tls_library()->gnutls_certificate_server_set_request(
		    t->gnutls, GNUTLS_CERT_REQUEST);
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
	error[0] = '\0';
	return t;
}

/* True if the client's certificate leads to one of tls-client-ca, is valid
   now, and is for clients. */
static bool
is_good(const struct tls_library *lib, gnutls_session_t session)
{
	char purpose[] = GNUTLS_KP_TLS_WWW_CLIENT;
	gnutls_typed_vdata_st data = { .type = GNUTLS_DT_KEY_PURPOSE_OID,
		.data = (unsigned char *)purpose };
	unsigned status = 1;

	return lib->gnutls_certificate_verify_peers(
		   session, &data, 1, &status) == GNUTLS_E_SUCCESS &&
	       status == 0;
}

void
tls_client_fingerprint(struct tls_session *t, char hex[TLS_FINGERPRINT + 1])
{
	const struct tls_library *lib = tls_library();
	uint8_t digest[CRYPTO_SHA256];
	unsigned count = 0;
	const gnutls_datum_t *der =
	    lib->gnutls_certificate_get_peers(t->gnutls, &count);

	hex[0] = '\0';
	if (der == NULL || count == 0 || !is_good(lib, t->gnutls) ||
	    crypto_sha256(der[0].data, der[0].size, digest) == -1) {
		return;
	}
	for (size_t i = 0; i < sizeof(digest); i++) {
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	}
}
