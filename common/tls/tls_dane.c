/* SPDX-License-Identifier: ISC */
/* Proof by DANE (RFC 7672 section 3.1): the certificates that a server has
   sent, beside the TLSA records of its name. */
#include "common/tls/tls_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHAIN = TLS_CHAIN };

struct chain {
	const gnutls_datum_t *der;
	unsigned count;
	gnutls_x509_crt_t certificates[CHAIN];
};

static void
chain_free(struct chain *c)
{
	for (unsigned i = 0; i < c->count; i++) {
		tls_library()->gnutls_x509_crt_deinit(c->certificates[i]);
	}
	c->count = 0;
}

/* Reads what the server has sent; false: nothing that can be read. */
static bool
chain_read(struct chain *c, gnutls_session_t session)
{
	const struct tls_library *lib = tls_library();
	unsigned sent = 0;

	c->count = 0;
	c->der = lib->gnutls_certificate_get_peers(session, &sent);
	while (c->der != NULL && c->count < sent && c->count < CHAIN) {
		gnutls_x509_crt_t *crt = &c->certificates[c->count];
		if (lib->gnutls_x509_crt_init(crt) != GNUTLS_E_SUCCESS) {
			break;
		}
		c->count++;
		if (lib->gnutls_x509_crt_import(*crt, &c->der[c->count - 1],
			GNUTLS_X509_FMT_DER) != GNUTLS_E_SUCCESS) {
			chain_free(c);
			return false;
		}
	}
	return c->count > 0;
}

/* True if a record of that usage names a certificate of the chain. */
static bool
is_named(const struct chain *c, unsigned i, enum tlsa_usage usage,
    const struct tlsa_set *tlsa)
{
	const struct tls_library *lib = tls_library();
	gnutls_datum_t key = { .data = NULL };
	gnutls_pubkey_t public_key;
	bool found = false;

	if (lib->gnutls_pubkey_init(&public_key) != GNUTLS_E_SUCCESS) {
		return false;
	}
	if (lib->gnutls_pubkey_import_x509(public_key, c->certificates[i], 0) ==
		GNUTLS_E_SUCCESS &&
	    lib->gnutls_pubkey_export2(public_key, GNUTLS_X509_FMT_DER, &key) ==
		GNUTLS_E_SUCCESS) {
		const struct tlsa_certificate certificate = {
			.der = c->der[i].data,
			.der_len = c->der[i].size,
			.key = key.data,
			.key_len = key.size,
		};
		found = tlsa_matches(tlsa, usage, &certificate);
	}
	free(key.data); /* GnuTLS allocates by malloc(3) */
	lib->gnutls_pubkey_deinit(public_key);
	return found;
}

/*
 * GnuTLS' word on the chain when one of its certificates is all that is
 * trusted; 0: it is good.
 */
static unsigned
verify_under(struct chain *c, unsigned anchor, const char *name)
{
	const struct tls_library *lib = tls_library();
	char purpose[] = GNUTLS_KP_TLS_WWW_SERVER, host[CONFIG_NAME];
	gnutls_typed_vdata_st data[] = {
		{ .type = GNUTLS_DT_DNS_HOSTNAME, .data = (void *)host },
		{ .type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (void *)purpose },
	};
	gnutls_x509_trust_list_t list;
	unsigned status = GNUTLS_CERT_INVALID;

	strlcpy(host, name, sizeof(host));
	if (lib->gnutls_x509_trust_list_init(&list, 0) != GNUTLS_E_SUCCESS) {
		return status;
	}
	if (lib->gnutls_x509_trust_list_add_cas(
		list, &c->certificates[anchor], 1, 0) != 1 ||
	    lib->gnutls_x509_trust_list_verify_crt2(list, c->certificates,
		c->count, data, 2, 0, &status, NULL) != GNUTLS_E_SUCCESS) {
		status = GNUTLS_CERT_INVALID;
	}
	lib->gnutls_x509_trust_list_deinit(list, 0);
	return status;
}

/* The same, with whichever of the names is good. */
static unsigned
verify_names(
    struct chain *c, unsigned anchor, const char *const names[TLS_NAMES])
{
	unsigned status = GNUTLS_CERT_INVALID;

	for (size_t i = 0; i < TLS_NAMES && names[i] != NULL; i++) {
		unsigned found = verify_under(c, anchor, names[i]);
		if (found == 0) {
			return 0;
		}
		status = i == 0 ? found : status;
	}
	return status;
}

bool
tls_dane_proved(gnutls_session_t session, const char *host,
    const struct tls_want *want, enum tls_fault *fault,
    char error[CONFIG_ERROR])
{
	struct chain c;
	unsigned status = 0;
	bool proved, anchored = false;

	*fault = TLS_FAULT_OTHER;
	if (!chain_read(&c, session)) {
		snprintf(error, CONFIG_ERROR,
		    "%.200s has sent no certificate that can be read", host);
		return false;
	}
	/* Its name and its dates do not matter then (RFC 7672, 3.1.1). */
	proved = is_named(&c, 0, TLSA_SERVER, want->tlsa);
	/* The server's own is no authority. */
	for (unsigned i = 1; i < c.count && !proved; i++) {
		if (is_named(&c, i, TLSA_ANCHOR, want->tlsa)) {
			anchored = true;
			status = verify_names(&c, i, want->names);
			proved = status == 0;
		}
	}
	chain_free(&c);
	if (proved) {
		return true;
	}
	if (anchored) {
		tls_explain(session, status, host, fault, error);
	} else {
		*fault = TLS_FAULT_TRUST;
		snprintf(error, CONFIG_ERROR,
		    "the certificate of %.200s is none that its TLSA records "
		    "name (DANE)",
		    host);
	}
	return false;
}
