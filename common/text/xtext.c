/* SPDX-License-Identifier: ISC */
/* xtext (RFC 3461): pure. */
#include "common/text/xtext.h"

#include "common/text/bytes.h"

#include <stdbool.h>
#include <string.h>

/* xchar: stands for itself. */
static bool
plain(char c)
{
	return c > ' ' && c < 0x7f && c != '+' && c != '=';
}

ssize_t
xtext_encode(const char *src, size_t len, char *dst, size_t size)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t out = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)src[i];
		if (size - out <= (plain(src[i]) ? 1u : 3u)) {
			return -1;
		}
		if (plain(src[i])) {
			dst[out++] = src[i];
			continue;
		}
		dst[out++] = '+';
		dst[out++] = digits[c >> 4];
		dst[out++] = digits[c & 15];
	}
	if (out >= size) {
		return -1;
	}
	dst[out] = '\0';
	return (ssize_t)out;
}

/* The octet at src; *used is how long it is written there.  -1: malformed. */
static int
octet(const char *src, size_t len, size_t *used)
{
	*used = 1;
	if (plain(*src)) {
		return *src;
	}
	if (*src != '+' || len < 3) {
		return -1;
	}
	int high = hex_digit(src[1]), low = hex_digit(src[2]);
	*used = 3;
	return high == -1 || low == -1 ? -1 : high << 4 | low;
}

ssize_t
xtext_decode(const char *src, size_t len, char *dst, size_t size)
{
	size_t out = 0;

	for (size_t i = 0, used; i < len; i += used) {
		int c = octet(src + i, len - i, &used);
		if (c < ' ' || c == 0x7f || size - out <= 1) {
			return -1;
		}
		dst[out++] = (char)c;
	}
	if (out >= size) {
		return -1;
	}
	dst[out] = '\0';
	return (ssize_t)out;
}
