/* SPDX-License-Identifier: ISC */
/* TLS clients: which servers they trust, and what the log says of others. */
#include "common/tls/tls_client.h"
#include "common/tls/tls_private.h"

#include "common/io/deadline.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Behind what the system's administrator chose as GnuTLS' default.  A server's
 * old ciphers are better than none, which is what mail without verification
 * would otherwise be sent with.
 */
#define PRIORITY "-VERS-TLS1.0:-VERS-TLS1.1:-VERS-DTLS-ALL"

struct tls_client {
	gnutls_certificate_credentials_t credentials;
	gnutls_priority_t priority;
};

enum { GOOD = 60 * 1000 }; /* ms: certificates may have changed then */

/* Whom the children trust: for the first client that wants to. */
static struct {
	gnutls_certificate_credentials_t credentials; /* NULL: to be read */
	int64_t when;
} prepared;

static int
open_trust(
    struct tls_client *c, const struct config *config, char error[CONFIG_ERROR])
{
	const struct tls_library *lib = tls_library();
	const char *file = config->tls_trust;
	int n =
	    file[0] == '\0'
		? lib->gnutls_certificate_set_x509_system_trust(c->credentials)
		: lib->gnutls_certificate_set_x509_trust_file(
		      c->credentials, file, GNUTLS_X509_FMT_PEM);

	if (n > 0) {
		return 0;
	}
	snprintf(error, CONFIG_ERROR, "no certificates to trust in %.200s%s%s",
	    file[0] == '\0' ? "the system's (install ca-certificates)" : file,
	    n < 0 ? ": " : "", n < 0 ? lib->gnutls_strerror(n) : "");
	return -1;
}

/* Makes the credentials.  0, or -1 with a message. */
static int
open_credentials(struct tls_client *c, const struct config *config, bool trust,
    char error[CONFIG_ERROR])
{
	const struct tls_library *lib = tls_library();

	if (trust && prepared.credentials != NULL) {
		c->credentials = prepared.credentials;
		prepared.credentials = NULL;
		return 0;
	}
	if (lib == NULL || lib->gnutls_certificate_allocate_credentials(
			       &c->credentials) != GNUTLS_E_SUCCESS) {
		c->credentials = NULL;
		snprintf(error, CONFIG_ERROR, "GnuTLS is not available");
		return -1;
	}
	return trust ? open_trust(c, config, error) : 0;
}

static void
close_credentials(struct tls_client *c)
{
	if (c->credentials != NULL) {
		tls_library()->gnutls_certificate_free_credentials(
		    c->credentials);
		c->credentials = NULL;
	}
}

struct tls_client *
tls_client_open(
    const struct config *config, bool trust, char error[CONFIG_ERROR])
{
	struct tls_client *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		snprintf(error, CONFIG_ERROR, "no memory for TLS");
		return NULL;
	}
	if (open_credentials(c, config, trust, error) == -1 ||
	    tls_session_priority(config, PRIORITY, "", &c->priority, error) ==
		-1) {
		tls_client_close(c);
		return NULL;
	}
	return c;
}

void
tls_client_prepare(const struct config *config, bool trust)
{
	struct tls_client c = { .credentials = prepared.credentials };
	int64_t now = deadline_now();
	char error[CONFIG_ERROR];

	if (tls_library() == NULL || !trust ||
	    (c.credentials != NULL && now - prepared.when < GOOD)) {
		return;
	}
	close_credentials(&c);
	prepared.credentials = NULL;
	if (open_credentials(&c, config, true, error) == -1) {
		close_credentials(&c);
	}
	prepared.credentials = c.credentials;
	prepared.when = now;
}

void
tls_client_close(struct tls_client *c)
{
	if (c == NULL) {
		return;
	}
	if (c->priority != NULL) {
		tls_library()->gnutls_priority_deinit(c->priority);
	}
	close_credentials(c);
	free(c);
}

/* ---- what is wrong with a certificate ---- */

/* Adds a name of the certificate, made fit to print. */
static void
add_name(char *names, size_t size, const char *name)
{
	char text[CONFIG_ERROR / 4];

	strlcpy(text, name, sizeof(text));
	for (char *p = text; *p != '\0'; p++) {
		if (*p < ' ' || *p > '~') {
			*p = '?';
		}
	}
	if (strlen(names) + strlen(text) + 3 < size) {
		strlcat(names, names[0] == '\0' ? "" : ", ", size);
		strlcat(names, text, size);
	}
}

/* The names in the certificate: host names and addresses, else the subject. */
static void
collect_names(gnutls_x509_crt_t crt, char *names, size_t size)
{
	const struct tls_library *lib = tls_library();
	char name[CONFIG_NAME], text[INET6_ADDRSTRLEN];

	names[0] = '\0';
	for (unsigned i = 0; i < CONFIG_LIST; i++) {
		size_t len = sizeof(name) - 1;
		int type = lib->gnutls_x509_crt_get_subject_alt_name(
		    crt, i, name, &len, NULL);
		if (type == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE) {
			break;
		}
		name[type < 0 ? 0 : len] = '\0';
		if (type == GNUTLS_SAN_DNSNAME) {
			add_name(names, size, name);
		} else if (type == GNUTLS_SAN_IPADDRESS &&
			   (len == 4 || len == 16) &&
			   inet_ntop(len == 4 ? AF_INET : AF_INET6, name, text,
			       sizeof(text)) != NULL) {
			add_name(names, size, text);
		}
	}
	size_t len = sizeof(name);
	if (names[0] == '\0' &&
	    lib->gnutls_x509_crt_get_dn_by_oid(
		crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &len) == 0) {
		add_name(names, size, name);
	}
}

static void
peer_names(gnutls_session_t session, char *names, size_t size)
{
	const struct tls_library *lib = tls_library();
	unsigned count = 0;
	gnutls_x509_crt_t crt;
	const gnutls_datum_t *der =
	    lib->gnutls_certificate_get_peers(session, &count);

	names[0] = '\0';
	if (der != NULL && count > 0 &&
	    lib->gnutls_x509_crt_init(&crt) == GNUTLS_E_SUCCESS) {
		if (lib->gnutls_x509_crt_import(
			crt, der, GNUTLS_X509_FMT_DER) == GNUTLS_E_SUCCESS) {
			collect_names(crt, names, size);
		}
		lib->gnutls_x509_crt_deinit(crt);
	}
	if (names[0] == '\0') {
		strlcpy(names, "nobody", size);
	}
}

/* The first that applies is what people should mend first. */
static const struct {
	unsigned status;
	const char *words;
	enum tls_fault fault;
} reasons[] = {
	{ GNUTLS_CERT_EXPIRED, "has expired", TLS_FAULT_EXPIRED },
	{ GNUTLS_CERT_NOT_ACTIVATED, "is not yet valid", TLS_FAULT_EXPIRED },
	{ GNUTLS_CERT_REVOKED, "has been revoked", TLS_FAULT_OTHER },
	{ GNUTLS_CERT_SIGNATURE_FAILURE, "has a wrong signature",
	    TLS_FAULT_TRUST },
	{ GNUTLS_CERT_INSECURE_ALGORITHM, "uses an algorithm that is broken",
	    TLS_FAULT_OTHER },
	{ GNUTLS_CERT_PURPOSE_MISMATCH, "is not for servers", TLS_FAULT_OTHER },
	{ GNUTLS_CERT_SIGNER_NOT_CA,
	    "was issued by a certificate that may not issue any",
	    TLS_FAULT_TRUST },
	{ GNUTLS_CERT_SIGNER_NOT_FOUND,
	    "was issued by an authority that is not trusted (see "
	    "tls-trust)",
	    TLS_FAULT_TRUST },
	{ 0, "cannot be verified", TLS_FAULT_OTHER }, /* matches all */
};

void
tls_explain(gnutls_session_t session, unsigned status, const char *host,
    enum tls_fault *fault, char error[CONFIG_ERROR])
{
	char names[CONFIG_ERROR / 3];
	size_t i = 0;

	if ((status & GNUTLS_CERT_UNEXPECTED_OWNER) != 0) {
		*fault = TLS_FAULT_HOST;
		peer_names(session, names, sizeof(names));
		snprintf(error, CONFIG_ERROR,
		    "the certificate of %.200s is for %s, not for %.100s", host,
		    names, host);
		return;
	}
	while ((status & reasons[i].status) != reasons[i].status) {
		i++;
	}
	*fault = reasons[i].fault;
	snprintf(error, CONFIG_ERROR, "the certificate of %.200s %s", host,
	    reasons[i].words);
}

/* ---- connections ---- */

static bool
is_literal(const char *host)
{
	struct in6_addr address;

	return inet_pton(AF_INET, host, &address) == 1 ||
	       inet_pton(AF_INET6, host, &address) == 1;
}

/* Says which host we want (SNI), which must be a name. */
static bool
name_host(struct tls_session *t, const char *host)
{
	return host[0] == '\0' || is_literal(host) ||
	       tls_library()->gnutls_server_name_set(t->gnutls, GNUTLS_NAME_DNS,
		   host, strlen(host)) == GNUTLS_E_SUCCESS;
}

/* Says why a handshake has failed. */
static void
explain_handshake(struct tls_session *t, int rc, const char *host,
    enum tls_fault *fault, char error[CONFIG_ERROR])
{
	const struct tls_library *lib = tls_library();

	if (rc == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR) {
		tls_explain(t->gnutls,
		    lib->gnutls_session_get_verify_cert_status(t->gnutls), host,
		    fault, error);
	} else if (rc == GNUTLS_E_FATAL_ALERT_RECEIVED) {
		snprintf(error, CONFIG_ERROR, "the server says: %s",
		    lib->gnutls_alert_get_name(
			lib->gnutls_alert_get(t->gnutls)));
	}
}

struct tls_session *
tls_connect(const struct tls_client *c, int fd, const char *host,
    const struct tls_want *want, int64_t deadline, enum tls_fault *fault,
    char error[CONFIG_ERROR])
{
	/* Looked at during the handshake, so it must last as long. */
	char purpose[] = GNUTLS_KP_TLS_WWW_SERVER, name[CONFIG_NAME];
	gnutls_typed_vdata_st data[] = {
		{ .type = GNUTLS_DT_DNS_HOSTNAME, .data = (void *)name },
		{ .type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (void *)purpose },
	};
	struct tls_session *t = tls_session_open(
	    GNUTLS_CLIENT, c->priority, c->credentials, fd, fd);

	*fault = TLS_FAULT_OTHER;
	snprintf(error, CONFIG_ERROR, "no memory");
	strlcpy(name, host, sizeof(name));
	if (t == NULL) {
		return NULL;
	}
	if (!name_host(t, name)) {
		snprintf(error, CONFIG_ERROR, "%.200s is no host name", host);
		tls_session_free(t);
		return NULL;
	}
	if (want->proof == TLS_PROOF_TRUST) {
		tls_library()->gnutls_session_set_verify_cert2(
		    t->gnutls, data, 2, 0);
	}
	int rc = tls_session_handshake(t, deadline, error);
	if (rc != 0) {
		explain_handshake(t, rc, name, fault, error);
	} else if (want->proof != TLS_PROOF_DANE ||
		   tls_dane_proved(t->gnutls, host, want, fault, error)) {
		return t;
	}
	tls_session_free(t);
	return NULL;
}

bool
tls_is_trusted(struct tls_session *t, const char *host, enum tls_fault *fault,
    char error[CONFIG_ERROR])
{
	char purpose[] = GNUTLS_KP_TLS_WWW_SERVER, name[CONFIG_NAME];
	gnutls_typed_vdata_st data[] = {
		{ .type = GNUTLS_DT_DNS_HOSTNAME, .data = (void *)name },
		{ .type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (void *)purpose },
	};
	unsigned status = GNUTLS_CERT_INVALID;

	strlcpy(name, host, sizeof(name));
	if (tls_library()->gnutls_certificate_verify_peers(
		t->gnutls, data, 2, &status) == GNUTLS_E_SUCCESS &&
	    status == 0) {
		return true;
	}
	tls_explain(t->gnutls, status, host, fault, error);
	return false;
}
