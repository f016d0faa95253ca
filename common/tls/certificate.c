/* SPDX-License-Identifier: ISC */
/* Makes a key and its certificate, by GnuTLS. */
#include "common/tls/certificate.h"

#include "common/log/log.h"
#include "common/tls/tls_private.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SERIAL = 16, HOUR = 60 * 60, LIFE = 3650 * 24 * HOUR };

/* What the certificate says. */
static int
fill(const struct tls_library *lib, gnutls_x509_crt_t crt,
    gnutls_x509_privkey_t key, const char *hostname)
{
	unsigned char serial[SERIAL];
	time_t now = time(NULL);
	unsigned n = (unsigned)strlen(hostname);
	int rc;

	arc4random_buf(serial, sizeof(serial));
	serial[0] = (serial[0] & 0x7f) | 1; /* positive, of full length */
	if ((rc = lib->gnutls_x509_crt_set_version(crt, 3)) < 0 ||
	    (rc = lib->gnutls_x509_crt_set_key(crt, key)) < 0 ||
	    (rc = lib->gnutls_x509_crt_set_serial(
		 crt, serial, sizeof(serial))) < 0 ||
	    (rc = lib->gnutls_x509_crt_set_activation_time(crt, now - HOUR)) <
		0 ||
	    (rc = lib->gnutls_x509_crt_set_expiration_time(crt, now + LIFE)) <
		0) {
		return rc;
	}
	/* A common name has 64 octets at most; clients read the other name. */
	if (n <= 64 && (rc = lib->gnutls_x509_crt_set_dn_by_oid(crt,
			    GNUTLS_OID_X520_COMMON_NAME, 0, hostname, n)) < 0) {
		return rc;
	}
	if ((rc = lib->gnutls_x509_crt_set_subject_alt_name(
		 crt, GNUTLS_SAN_DNSNAME, hostname, n, GNUTLS_FSAN_SET)) < 0 ||
	    (rc = lib->gnutls_x509_crt_set_basic_constraints(crt, 0, -1)) < 0 ||
	    (rc = lib->gnutls_x509_crt_set_key_purpose_oid(
		 crt, GNUTLS_KP_TLS_WWW_SERVER, 0)) < 0 ||
	    (rc = lib->gnutls_x509_crt_set_key_usage(
		 crt, GNUTLS_KEY_DIGITAL_SIGNATURE)) < 0) {
		return rc;
	}
	return lib->gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0);
}

static int
print(const struct tls_library *lib, gnutls_x509_crt_t crt,
    gnutls_x509_privkey_t key, char pem[CERTIFICATE_PEM])
{
	size_t size = CERTIFICATE_PEM - 1;
	int rc = lib->gnutls_x509_privkey_export_pkcs8(
	    key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, pem, &size);

	if (rc < 0) {
		return rc;
	}
	size_t used = strnlen(pem, size);
	size = CERTIFICATE_PEM - 1 - used;
	rc = lib->gnutls_x509_crt_export(
	    crt, GNUTLS_X509_FMT_PEM, pem + used, &size);
	if (rc >= 0) {
		pem[used + size] = '\0';
	}
	return rc;
}

int
certificate_make(const char *hostname, char pem[CERTIFICATE_PEM])
{
	const struct tls_library *lib = tls_library();
	gnutls_x509_privkey_t key = NULL;
	gnutls_x509_crt_t crt = NULL;
	int rc;

	if (lib == NULL) {
		return -1;
	}
	if ((rc = lib->gnutls_x509_privkey_init(&key)) >= 0 &&
	    (rc = lib->gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
		 GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0)) >= 0 &&
	    (rc = lib->gnutls_x509_crt_init(&crt)) >= 0 &&
	    (rc = fill(lib, crt, key, hostname)) >= 0) {
		rc = print(lib, crt, key, pem);
	}
	if (crt != NULL) {
		lib->gnutls_x509_crt_deinit(crt);
	}
	if (key != NULL) {
		lib->gnutls_x509_privkey_deinit(key);
	}
	if (rc < 0) {
		log_error(
		    "cannot make a certificate: %s", lib->gnutls_strerror(rc));
		return -1;
	}
	return 0;
}
