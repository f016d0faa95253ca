/* SPDX-License-Identifier: ISC */
/*
 * Parser for reverse-path and forward-path:
 *   path   = "<" [ "@" domain *( "," "@" domain ) ":" ] mailbox ">" / "<>"
 *   mailbox = ( dot-string / quoted-string ) [ "@" ( domain / literal ) ]
 */
#include "common/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool
is_atext(unsigned char c)
{
	/* Dots anywhere are taken too: phones and scanners send them. */
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	       (c >= 'a' && c <= 'z') ||
	       (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~.", c) != NULL);
}

/* Length of the quoted string at p, or 0. */
static size_t
quoted_string(const char *p)
{
	for (size_t i = 1; p[i] != '\0'; i++) {
		unsigned char c = (unsigned char)p[i];
		if (c == '"') {
			return i + 1;
		}
		if (c == '\\') {
			c = (unsigned char)p[++i];
		}
		if (c < 0x20 || c >= 0x7f) {
			return 0;
		}
	}
	return 0;
}

static size_t
local_part(const char *p)
{
	size_t n = 0;

	if (*p == '"') {
		return quoted_string(p);
	}
	while (is_atext((unsigned char)p[n])) {
		n++;
	}
	return n;
}

static bool
is_alnum(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	       (c >= 'a' && c <= 'z');
}

/* Length of the address literal at p, which starts with "[", or 0. */
static size_t
literal(const char *p)
{
	char text[64];
	unsigned char address[16];
	size_t n = strcspn(p + 1, "]");

	if (p[1 + n] != ']' || n >= sizeof(text)) {
		return 0;
	}
	memcpy(text, p + 1, n);
	text[n] = '\0';
	bool ok = strncasecmp(text, "IPv6:", 5) == 0
	              ? inet_pton(AF_INET6, text + 5, address) == 1
	              : inet_pton(AF_INET, text, address) == 1;
	return ok ? n + 2 : 0;
}

/* Length of the domain or address literal at p, or 0. */
static size_t
domain_part(const char *p)
{
	size_t n = 0;

	if (*p == '[') {
		return literal(p);
	}
	while (is_alnum((unsigned char)p[n]) || p[n] == '-' || p[n] == '_' ||
	       (p[n] == '.' && n > 0 && p[n - 1] != '.')) {
		n++;
	}
	return n;
}

/* let-dig [ *( let-dig / "-" ) let-dig ], underscores tolerated. */
static bool
is_label(const char *p, size_t len)
{
	return len > 0 && len <= 63 && p[0] != '-' && p[len - 1] != '-';
}

bool
address_is_domain(const char *domain)
{
	if (*domain == '\0' || strlen(domain) > ADDRESS_DOMAIN ||
	    domain_part(domain) != strlen(domain)) {
		return false;
	}
	for (const char *p = domain; *domain != '[';) {
		size_t n = strcspn(p, ".");
		if (!is_label(p, n)) {
			return false;
		}
		if (p[n] == '\0') {
			break;
		}
		p += n + 1;
	}
	return true;
}

/* Skips "@one,@two:"; NULL: malformed. */
static const char *
source_route(const char *p)
{
	while (*p == '@') {
		size_t n = domain_part(p + 1);
		p += 1 + n;
		if (n == 0 || (*p != ',' && *p != ':')) {
			return NULL;
		}
		if (*p++ == ':') {
			return p;
		}
	}
	return NULL;
}

/* What is wrong with an address that cannot be parsed from p on. */
static enum path
bad(const char *p)
{
	for (; *p != '\0' && *p != '>' && *p != ' '; p++) {
		if ((*p & 0x80) != 0) {
			return PATH_8BIT;
		}
	}
	return PATH_SYNTAX;
}

static enum path
mailbox(const char **pp, struct address *a)
{
	const char *p = *pp;
	size_t n = local_part(p);

	if (n == 0) {
		return bad(p);
	}
	if (n > ADDRESS_PATH - 2) {
		return PATH_LONG;
	}
	memcpy(a->local, p, n);
	a->local[n] = '\0';
	p += n;
	if (*p == '@') {
		size_t d = domain_part(++p);
		if (d == 0) {
			return bad(p);
		}
		if (d > ADDRESS_DOMAIN || n + 1 + d > ADDRESS_PATH - 2) {
			return PATH_LONG;
		}
		memcpy(a->domain, p, d);
		p += d;
		d -= a->domain[d - 1] == '.';
		a->domain[d] = '\0';
		if (!address_is_domain(a->domain)) {
			return PATH_SYNTAX;
		}
	}
	*pp = p;
	return PATH_OK;
}

enum path
address_path(const char *text, struct address *a, const char **rest)
{
	const char *p = text + strspn(text, " \t");
	bool bracket = *p == '<';

	memset(a, 0, sizeof(*a));
	*rest = p;
	p += bracket;
	if (bracket && *p == '>') {
		*rest = ++p;
		return *p == '\0' || *p == ' ' || *p == '\t' ? PATH_OK
		                                             : PATH_SYNTAX;
	}
	if (*p == '@' && (p = source_route(p)) == NULL) {
		return PATH_SYNTAX;
	}
	enum path result = mailbox(&p, a);
	if (result != PATH_OK) {
		return result;
	}
	if (bracket && *p != '>') {
		return bad(p);
	}
	p += bracket;
	*rest = p;
	if (*p != '\0' && *p != ' ' && *p != '\t') {
		return bad(p);
	}
	return PATH_OK;
}

bool
address_is_null(const struct address *a)
{
	return a->local[0] == '\0' && a->domain[0] == '\0';
}

bool
address_unquote(const char *local, char *out, size_t size)
{
	size_t n = 0;

	if (*local != '"') {
		return strlcpy(out, local, size) < size;
	}
	for (local++; *local != '\0' && *local != '"'; local++) {
		local += *local == '\\' && local[1] != '\0';
		if (n + 1 >= size) {
			return false;
		}
		out[n++] = *local;
	}
	out[n] = '\0';
	return *local == '"' && local[1] == '\0';
}

bool
address_is_routed(const char *local)
{
	return strpbrk(local, "%!@") != NULL;
}

const char *
address_text(const struct address *a, char *buf, size_t size)
{
	snprintf(buf, size, "%s%s%s", a->local, a->domain[0] != '\0' ? "@" : "",
	    a->domain);
	return buf;
}
