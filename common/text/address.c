/* SPDX-License-Identifier: ISC */
/*
 * Parser for reverse-path and forward-path:
 *   path   = "<" [ "@" domain *( "," "@" domain ) ":" ] mailbox ">" / "<>"
 *   mailbox = ( dot-string / quoted-string ) [ "@" ( domain / literal ) ]
 * where SMTPUTF8 (RFC 6531 section 3.3) adds characters outside ASCII.
 */
#include "common/text/address.h"

#include "common/text/idna.h"
#include "common/text/utf8.h"

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

/* Octets of the character outside ASCII at p; 0: none that may be there. */
static size_t
beyond_ascii(const char *p, bool utf8)
{
	size_t used;

	if (!utf8 || (*p & 0x80) == 0) {
		return 0;
	}
	int32_t c = utf8_next(p, strnlen(p, 4), &used);
	return c != -1 && utf8_is_text(c) ? used : 0;
}

/* Length of the quoted string at p, or 0. */
static size_t
quoted_string(const char *p, bool utf8)
{
	for (size_t i = 1; p[i] != '\0'; i++) {
		unsigned char c = (unsigned char)p[i];
		size_t n = beyond_ascii(p + i, utf8);
		if (n > 0) {
			i += n - 1;
			continue;
		}
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
local_part(const char *p, bool utf8)
{
	size_t n = 0, more = 0;

	if (*p == '"') {
		return quoted_string(p, utf8);
	}
	while (is_atext((unsigned char)p[n]) ||
	       (more = beyond_ascii(p + n, utf8)) > 0) {
		n += more > 0 ? more : 1;
		more = 0;
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
domain_part(const char *p, bool utf8)
{
	size_t n = 0, more;

	if (*p == '[') {
		return literal(p);
	}
	do {
		bool plain = is_alnum((unsigned char)p[n]) || p[n] == '-' ||
		             p[n] == '_' ||
		             (p[n] == '.' && n > 0 && p[n - 1] != '.');
		more = plain ? 1 : beyond_ascii(p + n, utf8);
		n += more;
	} while (more > 0);
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
	    domain_part(domain, false) != strlen(domain)) {
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
		size_t n = domain_part(p + 1, false);
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

/*
 * The domain after "@" with local octets before that: as the DNS has it, so
 * that nobody else needs to know of other forms.
 */
static enum path
domain(const char **pp, struct address *a, size_t local, bool utf8)
{
	const char *p = *pp;
	size_t n = domain_part(p, utf8);

	if (n == 0) {
		return bad(p);
	}
	switch (idna_domain(p, n, a->domain, sizeof(a->domain))) {
	case IDNA_OK:
		break;
	case IDNA_NO:
		return PATH_SYNTAX;
	case IDNA_LONG:
		return PATH_LONG;
	case IDNA_LATER:
		return PATH_LATER;
	}
	if (local + 1 + strlen(a->domain) > ADDRESS_PATH - 2) {
		return PATH_LONG;
	}
	*pp = p + n;
	n = strlen(a->domain);
	n -= a->domain[n - 1] == '.';
	a->domain[n] = '\0';
	return address_is_domain(a->domain) ? PATH_OK : PATH_SYNTAX;
}

static enum path
mailbox(const char **pp, struct address *a, bool utf8)
{
	const char *p = *pp;
	size_t n = local_part(p, utf8);

	if (n == 0) {
		return bad(p);
	}
	if (n > ADDRESS_PATH - 2) {
		return PATH_LONG;
	}
	memcpy(a->local, p, n);
	a->local[n] = '\0';
	p += n;
	*pp = p;
	if (*p != '@') {
		return PATH_OK;
	}
	(*pp)++;
	return domain(pp, a, n, utf8);
}

static enum path
whole_path(const char *text, struct address *a, const char **rest, bool utf8)
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
	enum path result = mailbox(&p, a, utf8);
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

enum path
address_path(const char *text, struct address *a, const char **rest)
{
	return whole_path(text, a, rest, false);
}

enum path
address_path_utf8(const char *text, struct address *a, const char **rest)
{
	return whole_path(text, a, rest, true);
}

bool
address_is_ascii(const char *text, const char *rest)
{
	while (text < rest && (*text & 0x80) == 0) {
		text++;
	}
	return text == rest;
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
