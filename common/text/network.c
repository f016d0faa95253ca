/* SPDX-License-Identifier: ISC */
/* Addresses and networks: ADDRESS or ADDRESS/BITS (RFC 4632, RFC 4291). */
#include "common/text/network.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum { ALL = 128, V4 = 96 /* bits in front of an IPv4 address */ };

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

bool
network_address(const char *text, uint8_t address[16])
{
	if (inet_pton(AF_INET, text, address + sizeof(mapped)) == 1) {
		memcpy(address, mapped, sizeof(mapped));
		return true;
	}
	return inet_pton(AF_INET6, text, address) == 1;
}

/* True if the first bits are the same. */
static bool
same(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	return memcmp(a, b, whole) == 0 &&
	       (rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

/* True if all bits after those that count are 0. */
static bool
is_clean(const struct network *n)
{
	for (unsigned bit = n->bits; bit < ALL; bit++) {
		if ((n->address[bit / 8] & 0x80 >> bit % 8) != 0) {
			return false;
		}
	}
	return true;
}

bool
network_parse(const char *text, struct network *n)
{
	char address[INET6_ADDRSTRLEN];
	size_t len = strcspn(text, "/");
	const char *why = NULL;

	if (len >= sizeof(address)) {
		return false;
	}
	memcpy(address, text, len);
	address[len] = '\0';
	if (!network_address(address, n->address)) {
		return false;
	}
	unsigned front = strchr(address, ':') == NULL ? V4 : 0;
	n->bits = ALL;
	if (text[len] == '/') {
		const char *digits = text + len + 1;
		if (digits[strspn(digits, "0123456789")] != '\0') {
			return false;
		}
		n->bits = front +
		          (unsigned)strtonum(digits, 0, ALL - (int)front, &why);
	}
	return why == NULL && is_clean(n);
}

bool
network_has(const struct network *n, const uint8_t address[16])
{
	return same(n->address, address, n->bits);
}

bool
network_listed(const struct network *list, size_t n, const uint8_t address[16])
{
	if (network_is_none(address)) {
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		if (network_has(&list[i], address)) {
			return true;
		}
	}
	return false;
}

bool
network_is_none(const uint8_t address[16])
{
	static const uint8_t none[NETWORK_ADDRESS];

	return memcmp(address, none, sizeof(none)) == 0;
}

bool
network_is_v4(const uint8_t address[16])
{
	return memcmp(address, mapped, sizeof(mapped)) == 0;
}

const char *
network_text(const uint8_t address[16], char text[NETWORK_TEXT])
{
	bool v4 = network_is_v4(address);

	return inet_ntop(v4 ? AF_INET : AF_INET6,
	    address + (v4 ? sizeof(mapped) : 0), text, NETWORK_TEXT);
}
