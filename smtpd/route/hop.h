/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ROUTE_HOP_H
#define RESTANTE_SMTPD_ROUTE_HOP_H

#include "common/config/config.h"

#include <limits.h>
#include <stdbool.h>

/*
 * A next hop, as a URL in the configuration says it:
 *   mx                            the MX hosts of the domain
 *   smtp://[user[:password]@]host[:port][?tls=never|may|must|verify]
 *   smtps://...                   TLS from the first byte, port 465
 *   lmtp:unix:/path  lmtp:host:port
 * Without ?tls: verify when there is a user or with smtps, else may; for mx
 * what the owner of the domain asks for.  ?tls=dane can follow a host, too.
 * user and password are percent-decoded; host may be [192.0.2.1], [2001:db8::1]
 * or a name, whose addresses are used, not its MX.
 */

enum transport {
	TRANSPORT_SMTP,
	TRANSPORT_LMTP,
	TRANSPORT_LAST = TRANSPORT_LMTP,
};

enum hop_tls {
	HOP_TLS_NEVER,
	HOP_TLS_MAY, /* if offered, with any certificate; else in the clear */
	/* mx alone: what TLSA records of its hosts ask for; else as may */
	HOP_TLS_POLICY,
	HOP_TLS_MUST, /* with any certificate, never in the clear */
	/* With a certificate for the host, else defer; mx: that the owner of
	   the domain has published. */
	HOP_TLS_VERIFY,
	HOP_TLS_DANE, /* one that TLSA records of the host name, else defer */
	HOP_TLS_LAST = HOP_TLS_DANE,
};

enum { HOP_USER = 256, HOP_PASSWORD = 512 };

struct hop {
	enum transport transport;
	bool mx;          /* host is a domain: ask for its MX */
	bool unix_socket; /* host is a path */
	bool wrapped;     /* smtps: TLS before the greeting */
	enum hop_tls tls;
	char host[PATH_MAX]; /* name, address without brackets, or path */
	unsigned port;
	char user[HOP_USER + 1];         /* "": no AUTH */
	char password[HOP_PASSWORD + 1]; /* "": see the key relay-password */
	bool hidden; /* it has one: config_hide_passwords() */
};

/* 0, or -1 with a message for people in error.  domain: for "mx". */
int hop_parse(struct hop *, const char *url, const char *domain,
    char error[CONFIG_ERROR]) __attribute__((warn_unused_result));

enum { HOP_TEXT = PATH_MAX + HOP_USER + 64 };

/*
 * The hop without its password, for logs, and for telling whether two are the
 * same: equal text, equal hop.
 */
const char *hop_text(const struct hop *, char text[HOP_TEXT]);

/* The rule, of those that begin with "USER@HOST" or "HOST", for the hop; the
   first of the longer ones goes before the others.  NULL: there is none. */
const struct config_rule *hop_rule(
    const struct hop *, const struct config_rule *rules, size_t count);

/* The rule of relay-from for the hop, or NULL: MX hosts have none. */
const struct config_rule *hop_sender(const struct hop *, const struct config *);

#endif
