/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_TLS_TLS_PRIVATE_H
#define RESTANTE_COMMON_TLS_TLS_PRIVATE_H

/* Shared by the files of common/tls/; no other file sees GnuTLS. */

#include "common/config/config.h"
#include "common/tls/signature.h"
#include "common/tls/tls.h"
#include "common/tls/tls_client.h"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdbool.h>
#include <stdint.h>

/* ---- tls_library.c ---- */

/*
 * GnuTLS, loaded when it is first needed: linking it would double what it
 * costs to start a program, and most sessions started by inetd never speak TLS.
 */

#define TLS_LIBRARY_CALLS(X)                                                   \
	X(gnutls_alert_get)                                                    \
	X(gnutls_alert_get_name)                                               \
	X(gnutls_alert_send_appropriate)                                       \
	X(gnutls_alpn_set_protocols)                                           \
	X(gnutls_bye)                                                          \
	X(gnutls_certificate_allocate_credentials)                             \
	X(gnutls_certificate_free_credentials)                                 \
	X(gnutls_certificate_get_crt_raw)                                      \
	X(gnutls_certificate_get_peers)                                        \
	X(gnutls_certificate_get_x509_key)                                     \
	X(gnutls_certificate_server_set_request)                               \
	X(gnutls_certificate_set_flags)                                        \
	X(gnutls_certificate_set_key)                                          \
	X(gnutls_certificate_set_x509_key_file2)                               \
	X(gnutls_certificate_set_x509_system_trust)                            \
	X(gnutls_certificate_set_x509_trust_file)                              \
	X(gnutls_certificate_verify_peers)                                     \
	X(gnutls_cipher_get)                                                   \
	X(gnutls_cipher_get_name)                                              \
	X(gnutls_credentials_set)                                              \
	X(gnutls_deinit)                                                       \
	X(gnutls_error_is_fatal)                                               \
	X(gnutls_group_get_name)                                               \
	X(gnutls_handshake)                                                    \
	X(gnutls_idna_map)                                                     \
	X(gnutls_init)                                                         \
	X(gnutls_pcert_deinit)                                                 \
	X(gnutls_pcert_import_x509_raw)                                        \
	X(gnutls_priority_deinit)                                              \
	X(gnutls_priority_group_list)                                          \
	X(gnutls_priority_init2)                                               \
	X(gnutls_priority_set)                                                 \
	X(gnutls_privkey_deinit)                                               \
	X(gnutls_privkey_get_pk_algorithm)                                     \
	X(gnutls_privkey_import_ext4)                                          \
	X(gnutls_privkey_import_x509)                                          \
	X(gnutls_privkey_init)                                                 \
	X(gnutls_privkey_sign_data2)                                           \
	X(gnutls_privkey_sign_hash2)                                           \
	X(gnutls_protocol_get_name)                                            \
	X(gnutls_protocol_get_version)                                         \
	X(gnutls_pubkey_deinit)                                                \
	X(gnutls_pubkey_export)                                                \
	X(gnutls_pubkey_export2)                                               \
	X(gnutls_pubkey_export_ecc_raw)                                        \
	X(gnutls_pubkey_get_pk_algorithm)                                      \
	X(gnutls_pubkey_import)                                                \
	X(gnutls_pubkey_import_ecc_raw)                                        \
	X(gnutls_pubkey_import_privkey)                                        \
	X(gnutls_pubkey_import_x509)                                           \
	X(gnutls_pubkey_init)                                                  \
	X(gnutls_pubkey_verify_data2)                                          \
	X(gnutls_pubkey_verify_hash2)                                          \
	X(gnutls_record_check_pending)                                         \
	X(gnutls_record_get_direction)                                         \
	X(gnutls_record_recv)                                                  \
	X(gnutls_record_send)                                                  \
	X(gnutls_rnd_refresh)                                                  \
	X(gnutls_server_name_set)                                              \
	X(gnutls_session_channel_binding)                                      \
	X(gnutls_session_get_verify_cert_status)                               \
	X(gnutls_session_set_verify_cert2)                                     \
	X(gnutls_sign_supports_pk_algorithm)                                   \
	X(gnutls_strerror)                                                     \
	X(gnutls_transport_set_errno)                                          \
	X(gnutls_transport_set_ptr)                                            \
	X(gnutls_transport_set_pull_function)                                  \
	X(gnutls_transport_set_push_function)                                  \
	X(gnutls_x509_crt_check_hostname)                                      \
	X(gnutls_x509_crt_check_issuer)                                        \
	X(gnutls_x509_crt_deinit)                                              \
	X(gnutls_x509_crt_export)                                              \
	X(gnutls_x509_crt_get_activation_time)                                 \
	X(gnutls_x509_crt_get_dn_by_oid)                                       \
	X(gnutls_x509_crt_get_expiration_time)                                 \
	X(gnutls_x509_crt_get_subject_alt_name)                                \
	X(gnutls_x509_crt_import)                                              \
	X(gnutls_x509_crt_init)                                                \
	X(gnutls_x509_crt_set_activation_time)                                 \
	X(gnutls_x509_crt_set_basic_constraints)                               \
	X(gnutls_x509_crt_set_dn_by_oid)                                       \
	X(gnutls_x509_crt_set_expiration_time)                                 \
	X(gnutls_x509_crt_set_key)                                             \
	X(gnutls_x509_crt_set_key_purpose_oid)                                 \
	X(gnutls_x509_crt_set_key_usage)                                       \
	X(gnutls_x509_crt_set_serial)                                          \
	X(gnutls_x509_crt_set_subject_alt_name)                                \
	X(gnutls_x509_crt_set_version)                                         \
	X(gnutls_x509_crt_sign2)                                               \
	X(gnutls_x509_privkey_deinit)                                          \
	X(gnutls_x509_privkey_export_pkcs8)                                    \
	X(gnutls_x509_privkey_generate)                                        \
	X(gnutls_x509_privkey_import2)                                         \
	X(gnutls_x509_privkey_init)                                            \
	X(gnutls_x509_trust_list_add_cas)                                      \
	X(gnutls_x509_trust_list_deinit)                                       \
	X(gnutls_x509_trust_list_init)                                         \
	X(gnutls_x509_trust_list_verify_crt2)

#define TLS_LIBRARY_MEMBER(name) __typeof__(name) *name;

struct tls_library {
	TLS_LIBRARY_CALLS(TLS_LIBRARY_MEMBER)
};

/* The library, or NULL (logged once) if it cannot be loaded. */
const struct tls_library *tls_library(void);

/* True if the library has been loaded. */
bool tls_library_loaded(void);

/* True if that is why something has failed: GnuTLS and its libraries may call
   it anything. */
bool tls_memory_is_short(void);

/* ---- tls_session.c: what servers and clients share of a session ---- */

/*
 * GnuTLS asks for the head of a record and for its body: after the handshake,
 * what is there is taken from the socket at once, and given out piece by piece.
 */
enum {
	TLS_RECORD = 16 * 1024, /* octets of the longest one, in the clear */
	TLS_AHEAD = TLS_RECORD + 512, /* and on the wire */
	TLS_SHORT = 512, /* what comes in larger pieces has more to come */
};

struct tls_session {
	gnutls_session_t gnutls;
	int rfd, wfd;
	bool established; /* the handshake is over */
	bool more;        /* another record follows the one under way */
	bool drained;     /* the last piece from the socket was a short one */
	bool cut;         /* it ended without the peer's good-bye */
	size_t ahead_pos, ahead_len;
	char ahead[TLS_AHEAD];
};

/* Room for base, and for what follows it. */
enum { TLS_PRIORITY = 512 };

/*
 * The priorities of base, of the key tls-priority after them, and of last.  0,
 * or -1 with a message for people.
 */
int tls_session_priority(const struct config *, const char *base,
    const char *last, gnutls_priority_t *, char error[CONFIG_ERROR]);

/* flags as of gnutls_init().  NULL: no memory. */
struct tls_session *tls_session_open(unsigned flags, gnutls_priority_t,
    gnutls_certificate_credentials_t, int rfd, int wfd);
/* Without a good-bye. */
void tls_session_free(struct tls_session *);

/* 0, or GnuTLS' error code with a message for people in error. */
int tls_session_handshake(
    struct tls_session *, int64_t deadline, char error[CONFIG_ERROR]);

/* ---- tls_client.c, for tls_dane.c ---- */

/* Says what GnuTLS has found wrong with the certificate of the session. */
void tls_explain(gnutls_session_t, unsigned status, const char *host,
    enum tls_fault *, char error[CONFIG_ERROR]);

/* ---- tls_dane.c ---- */

/*
 * True if the certificates that the server has sent are what the TLSA records
 * of its name ask for; else error says what is wrong.
 */
bool tls_dane_proved(gnutls_session_t, const char *host,
    const struct tls_want *, enum tls_fault *, char error[CONFIG_ERROR]);

/* ---- tls_signer.c: keys that are elsewhere ---- */

struct tls_key {
	uint32_t number, algorithm, bits;
	const struct tls_signer *signer; /* asked for its signatures */
};

/* Makes what GnuTLS takes for a private key; k must outlive it.  0, or
   GnuTLS' error code. */
int tls_key_import(struct tls_key *k, gnutls_privkey_t *);

#endif
