/* SPDX-License-Identifier: ISC */
/* TLS servers: their certificates, and sessions that they accept. */
#include "common/tls/tls.h"

#include "common/tls/crypto.h"
#include "common/tls/tls_private.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* Behind what the system's administrator chose as GnuTLS' default. */
#define PRIORITY                                                               \
	"-VERS-TLS1.0:-VERS-TLS1.1:-VERS-DTLS-ALL:-RSA:-DHE-RSA:"              \
	"-AES-128-CBC:-AES-256-CBC:-SHA1:%SERVER_PRECEDENCE:-GROUP-DH-ALL"
/*
 * X25519 comes before these: clients of OpenSSL offer that group alone at once,
 * and another one costs them a second round.
 */
static const char *const later_groups[] = { "SECP256R1", "SECP384R1",
	"SECP521R1", "X448" };
/* After what the key tls-priority says: nobody here can decrypt by a key. */
#define NEVER "-RSA"

struct tls_server {
	gnutls_certificate_credentials_t credentials;
	gnutls_priority_t priority;
	bool clients; /* those with certificates of ours are asked for them */
	struct tls_key keys[CONFIG_LIST];
	size_t count;
	struct tls_signer *signer; /* of the handshake under way */
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

bool
tls_chain_valid(const struct tls_chain *c, size_t octets)
{
	size_t sum = 0;

	if (octets < offsetof(struct tls_chain, der) || c->count > TLS_CHAIN ||
	    c->count == 0 || c->size > TLS_CHAIN_OCTETS ||
	    octets != tls_chain_octets(c)) {
		return false;
	}
	for (size_t i = 0; i < c->count; i++) {
		sum += c->sizes[i];
	}
	return sum == c->size;
}

size_t
tls_chain_octets(const struct tls_chain *c)
{
	return offsetof(struct tls_chain, der) + c->size;
}

/* Frees the first certificates of a list. */
static void
free_certificates(gnutls_pcert_st *list, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		tls_library()->gnutls_pcert_deinit(&list[i]);
	}
}

int
tls_server_add(struct tls_server *s, const struct tls_chain *chain,
    char error[CONFIG_ERROR])
{
	const struct tls_library *lib = tls_library();
	struct tls_key *k = &s->keys[s->count];
	gnutls_pcert_st list[TLS_CHAIN];
	gnutls_privkey_t key;
	unsigned count = 0;
	const uint8_t *p = chain->der;
	int rc = s->count < CONFIG_LIST ? 0 : GNUTLS_E_INVALID_REQUEST;

	for (; rc >= 0 && count < chain->count; count += rc >= 0) {
		gnutls_datum_t der = { .data = (void *)(uintptr_t)p,
			.size = chain->sizes[count] };
		rc = lib->gnutls_pcert_import_x509_raw(
		    &list[count], &der, GNUTLS_X509_FMT_DER, 0);
		p += chain->sizes[count];
	}
	if (rc >= 0) {
		*k = (struct tls_key){ .number = (uint32_t)s->count,
			.algorithm = chain->algorithm,
			.bits = chain->bits,
			.signer = s->signer };
		rc = tls_key_import(k, &key);
	}
	if (rc >= 0) {
		rc = lib->gnutls_certificate_set_key(
		    s->credentials, NULL, 0, list, (int)count, key);
		if (rc >= 0) {
			s->count++;
			return 0; /* all belongs to the credentials now */
		}
		lib->gnutls_privkey_deinit(key);
	}
	free_certificates(list, count);
	snprintf(error, CONFIG_ERROR, "certificate %zu: %s", s->count + 1,
	    lib->gnutls_strerror(rc));
	return -1;
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
	int n = lib->gnutls_certificate_set_x509_trust_file(
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

/* True if it is among the groups, which are those of a priority. */
static bool
has_group(gnutls_priority_t priority, const char *name)
{
	const struct tls_library *lib = tls_library();
	const unsigned *groups;
	int n = lib->gnutls_priority_group_list(priority, &groups);

	for (int i = 0; i < n; i++) {
		const char *group =
		    lib->gnutls_group_get_name((gnutls_group_t)groups[i]);
		if (group != NULL && strcmp(group, name) == 0) {
			return true;
		}
	}
	return false;
}

/* Puts groups after others, but for those that the administrator left out. */
static void
add_groups(char *text, size_t size)
{
	const struct tls_library *lib = tls_library();
	gnutls_priority_t usual;

	if (lib->gnutls_priority_init2(&usual, NULL, NULL, 0) !=
	    GNUTLS_E_SUCCESS) {
		return; /* and so will be what is said of it in a moment */
	}
	size_t n = sizeof(later_groups) / sizeof(later_groups[0]);
	for (size_t i = 0; i < n; i++) {
		char last[64];
		snprintf(last, sizeof(last), ":-GROUP-%s:+GROUP-%s",
		    later_groups[i], later_groups[i]);
		if (has_group(usual, later_groups[i])) {
			strlcat(text, last, size);
		}
	}
	lib->gnutls_priority_deinit(usual);
}

struct tls_server *
tls_server_open(const struct config *config, char error[CONFIG_ERROR])
{
	const struct tls_library *lib = tls_library();
	struct tls_server *s = calloc(1, sizeof(*s));
	struct tls_signer *signer = calloc(1, sizeof(*signer));
	char priority[TLS_PRIORITY] = PRIORITY;

	if (lib == NULL || s == NULL || signer == NULL ||
	    lib->gnutls_certificate_allocate_credentials(&s->credentials) !=
		GNUTLS_E_SUCCESS) {
		snprintf(error, CONFIG_ERROR, "GnuTLS is not available");
		free(s);
		free(signer);
		return NULL;
	}
	s->signer = signer;
	/* The keeper has looked; here it would ask for a signature. */
	lib->gnutls_certificate_set_flags(
	    s->credentials, GNUTLS_CERTIFICATE_SKIP_KEY_CERT_MATCH);
	add_groups(priority, sizeof(priority));
	if (tls_session_priority(
		config, priority, NEVER, &s->priority, error) == -1 ||
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
	free(s->signer);
	free(s);
}

struct tls_server *
tls_server_make(const struct config *config, struct tls_chain *const *chains,
    size_t n, char error[CONFIG_ERROR])
{
	struct tls_server *s = tls_server_open(config, error);

	for (size_t i = 0; s != NULL && i < n; i++) {
		if (tls_server_add(s, chains[i], error) == -1) {
			tls_server_close(s);
			s = NULL;
		}
	}
	return s;
}

void
tls_forked(void)
{
	if (tls_loaded()) {
		tls_library()->gnutls_rnd_refresh();
	}
}

enum { FILES = 2 * CONFIG_LIST + 1 };

/* The file of that number, or NULL; none twice in a row. */
static const char *
file_at(const struct config *config, size_t i)
{
	size_t key = i / 2;

	if (i == FILES - 1) {
		return config->tls_client_ca[0] != '\0' ? config->tls_client_ca
		                                        : NULL;
	}
	if (key >= config->ntls) {
		return NULL;
	}
	if (i % 2 == 0) {
		return config->tls[key];
	}
	return strcmp(config->tls_chain[key], config->tls[key]) != 0
	           ? config->tls_chain[key]
	           : NULL;
}

void
tls_files_note(struct tls_files *f, const struct config *config)
{
	for (size_t i = 0; i < FILES; i++) {
		const char *file = file_at(config, i);
		if (file != NULL && stat(file, &f->files[i]) == -1) {
			memset(&f->files[i], 0, sizeof(f->files[i]));
		}
	}
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
tls_files_changed(const struct tls_files *f, const struct config *config)
{
	for (size_t i = 0; i < FILES; i++) {
		const char *file = file_at(config, i);
		if (file != NULL && changed(file, &f->files[i])) {
			return true;
		}
	}
	return false;
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

/*
 * The alert in the clear that a client has sent before it left, while we were
 * still writing, and that waits to be read; or that there is none.
 */
static gnutls_alert_description_t
unread_alert(int fd)
{
	enum { ALERT = 21, FATAL = 2, RECORD = 5, SIZE = 2 };
	uint8_t record[RECORD + SIZE];

	return recv(fd, record, sizeof(record), MSG_PEEK | MSG_DONTWAIT) ==
	                   (ssize_t)sizeof(record) &&
	               record[0] == ALERT && record[3] == 0 &&
	               record[4] == SIZE && record[RECORD] == FATAL
	           ? (gnutls_alert_description_t)record[RECORD + 1]
	           : GNUTLS_A_CLOSE_NOTIFY;
}

/*
 * True if the client has ended the handshake over our certificate.  In TLS 1.3
 * its alert may come under keys that we do not have yet, and hardly anything
 * else does.
 */
static bool
is_mistrust(const struct tls_session *t, int rc)
{
	gnutls_alert_description_t alert =
	    rc == GNUTLS_E_FATAL_ALERT_RECEIVED
		? tls_library()->gnutls_alert_get(t->gnutls)
	    : rc == GNUTLS_E_PUSH_ERROR ? unread_alert(t->rfd)
					: GNUTLS_A_CLOSE_NOTIFY;

	return rc == GNUTLS_E_DECRYPTION_FAILED ||
	       (alert >= GNUTLS_A_BAD_CERTIFICATE &&
		   alert <= GNUTLS_A_CERTIFICATE_UNKNOWN) ||
	       alert == GNUTLS_A_UNKNOWN_CA;
}

struct tls_session *
tls_accept(const struct tls_server *s, const struct tls_signer *signer, int rfd,
    int wfd, bool ask, int64_t deadline, char error[CONFIG_ERROR])
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
	*s->signer = *signer;
	int rc = set_protocols(t) ? tls_session_handshake(t, deadline, error)
	                          : GNUTLS_E_MEMORY_ERROR;
	if (rc != 0) {
		if (is_mistrust(t, rc)) {
			snprintf(error, CONFIG_ERROR,
			    "the client does not trust our certificate, or "
			    "expects another name in it");
		}
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
	if (der == NULL || count == 0 || !is_good(lib, t->gnutls)) {
		return;
	}
	crypto_sha256(der[0].data, der[0].size, digest);
	for (size_t i = 0; i < sizeof(digest); i++) {
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	}
}
