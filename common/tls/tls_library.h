/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_TLS_TLS_LIBRARY_H
#define RESTANTE_COMMON_TLS_TLS_LIBRARY_H

/*
 * GnuTLS, loaded when it is first needed: linking it would double what it
 * costs to start a program, and most sessions behind inetd never speak TLS.
 * Only tls*.c and crypto.c include this.
 */

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdbool.h>

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
	X(gnutls_certificate_server_set_request)                               \
	X(gnutls_certificate_set_flags)                                        \
	X(gnutls_certificate_set_x509_key_file2)                               \
	X(gnutls_certificate_set_x509_system_trust)                            \
	X(gnutls_certificate_set_x509_trust_file)                              \
	X(gnutls_certificate_verify_peers)                                     \
	X(gnutls_cipher_get)                                                   \
	X(gnutls_cipher_get_name)                                              \
	X(gnutls_credentials_set)                                              \
	X(gnutls_deinit)                                                       \
	X(gnutls_error_is_fatal)                                               \
	X(gnutls_handshake)                                                    \
	X(gnutls_hash)                                                         \
	X(gnutls_hash_deinit)                                                  \
	X(gnutls_hash_fast)                                                    \
	X(gnutls_hash_init)                                                    \
	X(gnutls_hmac_fast)                                                    \
	X(gnutls_init)                                                         \
	X(gnutls_pbkdf2)                                                       \
	X(gnutls_priority_deinit)                                              \
	X(gnutls_priority_init2)                                               \
	X(gnutls_priority_set)                                                 \
	X(gnutls_protocol_get_name)                                            \
	X(gnutls_protocol_get_version)                                         \
	X(gnutls_record_get_direction)                                         \
	X(gnutls_record_recv)                                                  \
	X(gnutls_record_send)                                                  \
	X(gnutls_server_name_set)                                              \
	X(gnutls_session_channel_binding)                                      \
	X(gnutls_session_get_verify_cert_status)                               \
	X(gnutls_session_set_verify_cert2)                                     \
	X(gnutls_strerror)                                                     \
	X(gnutls_transport_set_errno)                                          \
	X(gnutls_transport_set_ptr)                                            \
	X(gnutls_transport_set_pull_function)                                  \
	X(gnutls_transport_set_push_function)                                  \
	X(gnutls_x509_crt_deinit)                                              \
	X(gnutls_x509_crt_get_dn_by_oid)                                       \
	X(gnutls_x509_crt_get_expiration_time)                                 \
	X(gnutls_x509_crt_get_subject_alt_name)                                \
	X(gnutls_x509_crt_import)                                              \
	X(gnutls_x509_crt_init)

#define TLS_LIBRARY_MEMBER(name) __typeof__(name) *name;

struct tls_library {
	TLS_LIBRARY_CALLS(TLS_LIBRARY_MEMBER)
};

/* The library, or NULL (logged once) if it cannot be loaded. */
const struct tls_library *tls_library(void);

/* Whether tls_library() has been called. */
bool tls_library_loaded(void);

#endif
