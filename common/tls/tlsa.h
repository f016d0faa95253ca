/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_TLS_TLSA_H
#define RESTANTE_COMMON_TLS_TLSA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * TLSA records (RFC 6698) as SMTP uses them (RFC 7672, RFC 7671): which of them
 * count, and whether a certificate is one that they name.  Pure.
 */

enum {
	TLSA_RECORDS = 32,
	TLSA_OCTETS = 32 * 1024, /* of the data of all records */
};

/* Usages 0 and 1 are not for SMTP (RFC 7672 section 3.1.3). */
enum tlsa_usage {
	TLSA_ANCHOR = 2, /* DANE-TA: the authority that has issued it */
	TLSA_SERVER = 3, /* DANE-EE: the server's own */
};

/* The records of a name that can be used.  Begin with zeros. */
struct tlsa_set {
	size_t count;
	bool unusable; /* there was one that cannot be used */
	struct tlsa {
		uint8_t usage;    /* enum tlsa_usage */
		uint8_t selector; /* 0 the certificate, 1 its public key */
		uint8_t matching; /* 0 as it is, 1 SHA-256, 2 SHA-512 */
		size_t at, len;   /* of its data, in octets */
	} records[TLSA_RECORDS];
	size_t used;
	uint8_t octets[TLSA_OCTETS];
};

/*
 * Adds the data of a record as the DNS has it; a struct tlsa_set, for
 * dns_parse_each().  One that cannot be used is noted as such, as is one for
 * which there is no room.  Always true.
 */
bool tlsa_add(void *set, const char *data, size_t len);

/* True if there are records, so that mail may go there over TLS alone. */
bool tlsa_exists(const struct tlsa_set *);

/* A certificate of a server in DER, and its public key (SubjectPublicKeyInfo).
 */
struct tlsa_certificate {
	const uint8_t *der, *key;
	size_t der_len, key_len;
};

/*
 * True if a record of that usage names the certificate.  Of the digests of one
 * usage and selector only the strongest kind counts (RFC 7671 section 9).
 */
bool tlsa_matches(
    const struct tlsa_set *, enum tlsa_usage, const struct tlsa_certificate *);

#endif
