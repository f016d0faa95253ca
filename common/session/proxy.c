/* SPDX-License-Identifier: ISC */
/*
 * Version 1 is a line, of 107 octets at most:
 *	PROXY TCP4|TCP6 source destination source-port destination-port CRLF
 *	PROXY UNKNOWN [anything] CRLF
 * Version 2 is binary: a signature of 12 octets; version and command; family;
 * the length of what follows, which begins with both addresses and both ports
 * and goes on with fields that are nothing to us.
 */
#include "common/session/proxy.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

enum {
	LINE = 107,
	HEAD = 16, /* of version 2 */
	LOCAL = 0x20,
	PROXY = 0x21,
	UNSPECIFIED = 0x00,
	TCP4 = 0x11,
	TCP6 = 0x21,
	UNIX = 0x31,
	SIZE_TCP4 = 12,
	SIZE_TCP6 = 36,
	SIZE_UNIX = 216,
};

static const uint8_t signature[12] = "\r\n\r\n\0\r\nQUIT\n";
static const char word[6] = "PROXY ";

/* ---- version 1 ---- */

/* The next of the words that single blanks part; NULL: none. */
static const char *
next_word(char **rest)
{
	char *at = *rest;

	if (at == NULL || *at == '\0' || *at == ' ') {
		return NULL;
	}
	char *end = strchr(at, ' ');
	*rest = end == NULL ? NULL : end + 1;
	if (end != NULL) {
		*end = '\0';
	}
	return at;
}

static bool
port(const char *text, unsigned *n)
{
	size_t digits = text == NULL ? 0 : strspn(text, "0123456789");

	*n = 0;
	if (digits == 0 || digits > 5 || text[digits] != '\0' ||
	    (*text == '0' && digits > 1)) {
		return false;
	}
	for (; *text != '\0'; text++) {
		*n = *n * 10 + (unsigned)(*text - '0');
	}
	return *n <= 65535;
}

/* An address of the family that was said. */
static bool
address(const char *text, bool v4, uint8_t ip[NETWORK_ADDRESS])
{
	return text != NULL && network_address(text, ip) &&
	       (strchr(text, ':') == NULL) == v4;
}

/* Parses the text after "PROXY ". */
static bool
line(char *rest, struct proxy *p)
{
	uint8_t destination[NETWORK_ADDRESS];
	unsigned to;

	if (strcmp(rest, "UNKNOWN") == 0 || strncmp(rest, "UNKNOWN ", 8) == 0) {
		p->kind = PROXY_UNKNOWN;
		return true;
	}
	const char *family = next_word(&rest);
	if (family == NULL ||
	    (strcmp(family, "TCP4") != 0 && strcmp(family, "TCP6") != 0)) {
		return false;
	}
	bool v4 = family[3] == '4';
	p->kind = PROXY_CLIENT;
	return address(next_word(&rest), v4, p->address) &&
	       address(next_word(&rest), v4, destination) &&
	       port(next_word(&rest), &p->port) &&
	       port(next_word(&rest), &to) && rest == NULL;
}

static enum proxy_result
version_1(const uint8_t *data, size_t len, struct proxy *p)
{
	char text[LINE + 1];
	size_t known = len < LINE ? len : LINE;
	const uint8_t *end = memchr(data, '\n', known);

	if (end == NULL) {
		p->need = len < PROXY_FIRST ? PROXY_FIRST - len : 1;
		return len < LINE ? PROXY_MORE : PROXY_BAD;
	}
	p->length = (size_t)(end - data) + 1;
	if (p->length < PROXY_FIRST || end[-1] != '\r') {
		return PROXY_BAD;
	}
	size_t n = p->length - 2 - sizeof(word);
	memcpy(text, data + sizeof(word), n);
	text[n] = '\0';
	for (size_t i = 0; i < n; i++) {
		if (text[i] < ' ' || text[i] > '~') {
			return PROXY_BAD;
		}
	}
	return line(text, p) ? PROXY_DONE : PROXY_BAD;
}

/* ---- version 2 ---- */

static unsigned
number(const uint8_t *octets)
{
	return (unsigned)octets[0] << 8 | octets[1];
}

/* The family's addresses, in so many octets. */
static bool
addresses(const uint8_t *data, unsigned family, size_t size, struct proxy *p)
{
	p->kind = PROXY_CLIENT;
	if (family == TCP4 && size >= SIZE_TCP4) {
		memset(p->address, 0, sizeof(p->address));
		p->address[10] = p->address[11] = 0xff;
		memcpy(p->address + 12, data, 4);
		p->port = number(data + 8);
		return true;
	}
	if (family == TCP6 && size >= SIZE_TCP6) {
		memcpy(p->address, data, sizeof(p->address));
		p->port = number(data + 32);
		return true;
	}
	p->kind = PROXY_UNKNOWN;
	return family == UNSPECIFIED || (family == UNIX && size >= SIZE_UNIX);
}

static enum proxy_result
version_2(const uint8_t *data, size_t len, struct proxy *p)
{
	if (len < HEAD) {
		p->need = HEAD - len;
		return PROXY_MORE;
	}
	unsigned command = data[12];
	size_t size = number(data + 14);
	p->length = HEAD + size;
	if ((command != LOCAL && command != PROXY) || p->length > PROXY_MOST) {
		return PROXY_BAD;
	}
	if (len < p->length) {
		p->need = p->length - len;
		return PROXY_MORE;
	}
	p->kind = PROXY_OWN;
	return command == LOCAL || addresses(data + HEAD, data[13], size, p)
	           ? PROXY_DONE
	           : PROXY_BAD;
}

/* ---- both ---- */

/* True if the data, as far as it goes, is what a header begins with. */
static bool
begins(const uint8_t *data, size_t len, const void *with, size_t size)
{
	return memcmp(data, with, len < size ? len : size) == 0;
}

/* Nobody has it: 0.0.0.0, or ::. */
static bool
is_none(const uint8_t ip[NETWORK_ADDRESS])
{
	static const uint8_t none[4];

	return network_is_none(ip) ||
	       (network_is_v4(ip) && memcmp(ip + 12, none, 4) == 0);
}

enum proxy_result
proxy_parse(const uint8_t *data, size_t len, struct proxy *p)
{
	enum proxy_result result = PROXY_BAD;

	memset(p, 0, sizeof(*p));
	if (len == 0) {
		p->need = PROXY_FIRST;
		return PROXY_MORE;
	}
	if (begins(data, len, signature, sizeof(signature))) {
		result = version_2(data, len, p);
	} else if (begins(data, len, word, sizeof(word))) {
		result = version_1(data, len, p);
	}
	if (result == PROXY_DONE && p->kind == PROXY_CLIENT &&
	    is_none(p->address)) {
		result = PROXY_BAD;
	}
	return result;
}
