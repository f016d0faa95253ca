/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_AGENT_TLS_NOTE_H
#define RESTANTE_SMTPD_AGENT_TLS_NOTE_H

#include "common/auth/verify_ask.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The result of TLS with a mail exchanger, for a report to the owner of its
 * domain (RFC 8460): a line of a file of notes (common/io/notes_file.h).  Pure.
 */

/* RFC 8460 section 4.4, policy-type. */
enum tls_policy {
	TLS_POLICY_NONE, /* no-policy-found */
	TLS_POLICY_TLSA,
	TLS_POLICY_STS,
	TLS_POLICIES,
};

/* Section 4.3, in its order; the first one is success. */
enum tls_result {
	TLS_RESULT_OK,
	TLS_RESULT_STARTTLS,
	TLS_RESULT_HOST,
	TLS_RESULT_EXPIRED,
	TLS_RESULT_TRUST,
	TLS_RESULT_OTHER,
	TLS_RESULT_TLSA,
	TLS_RESULT_DNSSEC,
	TLS_RESULT_DANE,
	TLS_RESULT_FETCH,
	TLS_RESULT_POLICY,
	TLS_RESULT_WEB,
	TLS_RESULTS,
};

/* Their words there; that of success is "ok". */
extern const char *const tls_policy_words[TLS_POLICIES];
extern const char *const tls_result_words[TLS_RESULTS];

enum {
	TLS_NOTE_TEXT = 1024,
	TLS_NOTE_LINE = 2048, /* with its end */
};

struct tls_note {
	uint32_t policy, result; /* enums */
	char domain[ASK_NAME];   /* whose policy it is */
	/* The policy itself: strings after each other, with ";" between them
	   and "+" for blanks; as many as fit, or "". */
	char text[TLS_NOTE_TEXT];
	char host[ASK_NAME];            /* in MX, or "" */
	char address[INET6_ADDRSTRLEN]; /* of that host, or "" */
	char source[INET6_ADDRSTRLEN];  /* ours, or "" */
};

/* Adds a string to the policy, unless it does not fit, or has octets that no
   policy has.  "*.example.org" is one, and so is "3 1 1 0123". */
void tls_note_add(struct tls_note *, const char *string);

/* The length of the line, or -1: something in it is no name or word. */
ssize_t tls_note_write(const struct tls_note *, char line[TLS_NOTE_LINE]);

/* Reads a line without its end; false: nobody here has written it. */
bool tls_note_read(const char *line, size_t len, struct tls_note *);

/* True if another process may have sent it. */
bool tls_note_valid(const struct tls_note *);

#endif
