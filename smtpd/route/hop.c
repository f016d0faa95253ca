/* SPDX-License-Identifier: ISC */
/*
 * Parser for next hops:
 *   hop       = "mx" [ ":" port ] / smtp / lmtp
 *   smtp      = ( "smtp://" / "smtps://" ) [ user [ ":" password ] "@" ]
 *               host [ ":" port ] [ "/" ] [ "?tls=" word ]
 *   lmtp      = "lmtp:unix:" path / "lmtp:" host [ ":" port ]
 *   host      = name / "[" address "]"
 * Messages for people never contain the password.
 */
#include "smtpd/route/hop.h"

#include "common/text/address.h"
#include "common/text/bytes.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { PORT_SMTP = 25, PORT_LMTP = 24, PORT_SMTPS = 465 };

static const char *const tls_words[] = {
	[HOP_TLS_NEVER] = "never",
	[HOP_TLS_MAY] = "may",
	[HOP_TLS_POLICY] = "policy",
	[HOP_TLS_MUST] = "must",
	[HOP_TLS_VERIFY] = "verify",
	[HOP_TLS_DANE] = "dane",
};

static int
fail(char error[CONFIG_ERROR], const char *what)
{
	snprintf(error, CONFIG_ERROR, "next hop: %s", what);
	return -1;
}

/* Undoes %XX; control characters would end a line or a string. */
static bool
decode_percent(const char *p, size_t len, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int c = (unsigned char)p[i];
		if (c == '%') {
			int high = i + 2 < len ? hex_digit(p[i + 1]) : -1;
			int low = i + 2 < len ? hex_digit(p[i + 2]) : -1;
			if (high == -1 || low == -1) {
				return false;
			}
			c = high * 16 + low;
			i += 2;
		}
		if (c < 0x20 || c == 0x7f || n + 1 >= size) {
			return false;
		}
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return true;
}

/* Digits up to the end of the text. */
static bool
port_number(const char *p, unsigned *port)
{
	unsigned n = 0;

	if (strlen(p) < 1 || strlen(p) > 5) {
		return false;
	}
	for (; *p != '\0'; p++) {
		if (*p < '0' || *p > '9') {
			return false;
		}
		n = n * 10 + (unsigned)(*p - '0');
	}
	*port = n;
	return n >= 1 && n <= 65535;
}

/* "[address]" as inet_ntop(3) writes it, so that equal ones are equal. */
static bool
parse_literal(const char *p, size_t len, struct hop *h)
{
	unsigned char address[16];
	char text[INET6_ADDRSTRLEN + 8];
	const char *from = text;

	if (len >= sizeof(text)) {
		return false;
	}
	memcpy(text, p, len);
	text[len] = '\0';
	from += strncasecmp(text, "IPv6:", 5) == 0 ? 5 : 0;
	int family = strchr(from, ':') != NULL ? AF_INET6 : AF_INET;
	return inet_pton(family, from, address) == 1 &&
	       inet_ntop(family, address, h->host, sizeof(h->host)) != NULL;
}

/* host [ ":" port ], up to the end of the text. */
static bool
host_port(const char *p, struct hop *h)
{
	size_t n = strcspn(p, ":");

	if (*p == '[') {
		n = strcspn(p, "]");
		if (p[n] == '\0' || !parse_literal(p + 1, n - 1, h)) {
			return false;
		}
		n++;
	} else {
		if (n > ADDRESS_DOMAIN) {
			return false;
		}
		for (size_t i = 0; i < n; i++) {
			h->host[i] = p[i] >= 'A' && p[i] <= 'Z'
			                 ? (char)(p[i] | 0x20)
			                 : p[i];
		}
		h->host[n] = '\0';
		if (!address_is_domain(h->host)) {
			return false;
		}
	}
	return p[n] == '\0' ||
	       (p[n] == ':' && port_number(p + n + 1, &h->port));
}

static int
parse_mx(struct hop *h, const char *rest, const char *domain, char *error)
{
	h->port = PORT_SMTP;
	/* A literal is an address already (RFC 5321 section 5.1). */
	h->mx = domain[0] != '[';
	h->tls = h->mx ? HOP_TLS_POLICY : HOP_TLS_MAY;
	if (*rest == ':' && !port_number(rest + 1, &h->port)) {
		return fail(error, "mx:port expected");
	}
	struct hop name = { .port = 0 };
	if (!host_port(domain, &name) || name.port != 0) {
		snprintf(error, CONFIG_ERROR,
		    "next hop: \"%.255s\" is not a domain to ask the DNS for",
		    domain);
		return -1;
	}
	strlcpy(h->host, name.host, sizeof(h->host));
	return 0;
}

static int
parse_lmtp(struct hop *h, const char *rest, char *error)
{
	h->transport = TRANSPORT_LMTP;
	h->port = PORT_LMTP;
	h->tls = HOP_TLS_NEVER;
	if (strncmp(rest, "unix:", 5) == 0) {
		h->unix_socket = true;
		h->port = 0;
		return rest[5] == '/' && strlcpy(h->host, rest + 5,
					     sizeof(h->host)) < sizeof(h->host)
		           ? 0
		           : fail(error, "lmtp:unix:/path expected");
	}
	/* A host of that name would read as a socket whose path is a port. */
	return host_port(rest, h) && strcmp(h->host, "unix") != 0
	           ? 0
	           : fail(error, "lmtp:unix:/path or lmtp:host:port expected");
}

static int
parse_tls(struct hop *h, const char *word, char *error)
{
	for (unsigned i = HOP_TLS_NEVER; i <= HOP_TLS_LAST; i++) {
		if (strcmp(word, tls_words[i]) == 0 && i != HOP_TLS_POLICY) {
			h->tls = (enum hop_tls)i;
			return h->wrapped && h->tls < HOP_TLS_MUST
			           ? fail(error,
					 "smtps is TLS: only ?tls=must, "
					 "?tls=verify or ?tls=dane can follow "
					 "it")
			           : 0;
		}
	}
	return fail(error, "only ?tls=never, ?tls=may, ?tls=must, "
			   "?tls=verify or ?tls=dane can follow the host");
}

/* user [ ":" password ], up to at. */
static bool
parse_user(struct hop *h, const char *p, const char *at)
{
	const char *colon = memchr(p, ':', (size_t)(at - p));
	const char *end = colon != NULL ? colon : at;

	if (colon != NULL && at - colon == 2 && colon[1] == CONFIG_HIDDEN) {
		h->hidden = true;
		colon = NULL;
	}
	return end > p &&
	       decode_percent(p, (size_t)(end - p), h->user, sizeof(h->user)) &&
	       (colon == NULL ||
		   decode_percent(colon + 1, (size_t)(at - colon - 1),
		       h->password, sizeof(h->password)));
}

static int
parse_smtp(struct hop *h, const char *rest, char *error)
{
	char host[CONFIG_VALUE];
	/* Passwords are seldom encoded as they should be: the last "@" counts,
	   and a "?" or "/" before it belongs to the password. */
	const char *at = strrchr(rest, '@');

	if (at != NULL && !parse_user(h, rest, at)) {
		return fail(error, "user:password@ is malformed or too long; "
				   "write % as %25, : in a user as %3A");
	}
	rest = at != NULL ? at + 1 : rest;
	size_t n = strcspn(rest, "/?");
	if (n >= sizeof(host)) {
		return fail(error, "the host is too long");
	}
	memcpy(host, rest, n);
	host[n] = '\0';
	h->port = h->wrapped ? PORT_SMTPS : PORT_SMTP;
	h->tls = h->wrapped || at != NULL ? HOP_TLS_VERIFY : HOP_TLS_MAY;
	if (!host_port(host, h)) {
		return fail(error, "a host, [address] or host:port is expected "
				   "after smtp://");
	}
	rest += n;
	rest += *rest == '/';
	if (*rest == '\0') {
		return 0;
	}
	return strncmp(rest, "?tls=", 5) == 0
	           ? parse_tls(h, rest + 5, error)
	           : fail(error, "only ?tls= can follow the host");
}

int
hop_parse(struct hop *h, const char *url, const char *domain,
    char error[CONFIG_ERROR])
{
	memset(h, 0, sizeof(*h));
	if (strcmp(url, "mx") == 0 || strncmp(url, "mx:", 3) == 0) {
		return parse_mx(h, url + 2, domain, error);
	}
	if (strncasecmp(url, "lmtp:", 5) == 0) {
		return parse_lmtp(h, url + 5, error);
	}
	if (strncasecmp(url, "smtps://", 8) == 0) {
		h->wrapped = true;
		return parse_smtp(h, url + 8, error);
	}
	if (strncasecmp(url, "smtp://", 7) == 0) {
		return parse_smtp(h, url + 7, error);
	}
	return fail(error, "mx, smtp://host, smtps://host, lmtp:unix:/path or "
			   "lmtp:host:port expected");
}

/* Encodes characters that have a meaning of their own in a hop. */
static void
encode_percent(const char *p, char *out, size_t size)
{
	size_t n = 0;

	for (out[0] = '\0'; *p != '\0' && n + 4 <= size; p++) {
		n += (size_t)snprintf(out + n, size - n,
		    strchr("%:@/? ", *p) != NULL ? "%%%02X" : "%c",
		    (unsigned char)*p);
	}
}

const char *
hop_text(const struct hop *h, char text[HOP_TEXT])
{
	char user[HOP_USER * 3 + 2] = "";
	/* Only IPv6 addresses contain a colon. */
	bool bare = strchr(h->host, ':') == NULL;

	if (h->unix_socket) {
		snprintf(text, HOP_TEXT, "lmtp:unix:%s", h->host);
	} else if (h->mx) {
		snprintf(text, HOP_TEXT,
		    h->port == PORT_SMTP ? "mx %s" : "mx %s:%u", h->host,
		    h->port);
		if (h->tls != HOP_TLS_POLICY) {
			strlcat(text, "?tls=", HOP_TEXT);
			strlcat(text, tls_words[h->tls], HOP_TEXT);
		}
	} else if (h->transport == TRANSPORT_LMTP) {
		snprintf(text, HOP_TEXT, bare ? "lmtp:%s:%u" : "lmtp:[%s]:%u",
		    h->host, h->port);
	} else {
		encode_percent(h->user, user, sizeof(user) - 1);
		strlcat(user, h->user[0] != '\0' ? "@" : "", sizeof(user));
		snprintf(text, HOP_TEXT,
		    bare ? "smtp%s://%s%s:%u?tls=%s"
			 : "smtp%s://%s[%s]:%u?tls=%s",
		    h->wrapped ? "s" : "", user, h->host, h->port,
		    tls_words[h->tls]);
	}
	return text;
}

const struct config_rule *
hop_rule(const struct hop *h, const struct config_rule *rules, size_t count)
{
	char exact[HOP_USER + PATH_MAX + 2];
	const struct config_rule *found = NULL;

	snprintf(exact, sizeof(exact), "%s@%s", h->user, h->host);
	for (size_t i = 0; i < count; i++) {
		if (strcasecmp(rules[i].pattern, exact) == 0) {
			return &rules[i];
		}
		if (found == NULL &&
		    strcasecmp(rules[i].pattern, h->host) == 0) {
			found = &rules[i];
		}
	}
	return found;
}

const struct config_rule *
hop_sender(const struct hop *h, const struct config *config)
{
	return h->transport == TRANSPORT_SMTP && !h->mx
	           ? hop_rule(h, config->relay_froms, config->nrelay_froms)
	           : NULL;
}
