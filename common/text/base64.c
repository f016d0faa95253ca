/* SPDX-License-Identifier: ISC */
/* Base64 (RFC 4648): pure, strict. */
#include "common/text/base64.h"

#include <stdint.h>
#include <string.h>

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

ssize_t
base64_encode(const void *src, size_t len, char *dst, size_t size)
{
	const unsigned char *in = src;
	size_t out = 0;

	if (len > SIZE_MAX / 2 || size < BASE64_SIZE(len)) {
		return -1;
	}
	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		uint32_t v = (uint32_t)in[i] << 16;
		v |= left > 1 ? (uint32_t)in[i + 1] << 8 : 0;
		v |= left > 2 ? in[i + 2] : 0;
		dst[out++] = alphabet[v >> 18];
		dst[out++] = alphabet[v >> 12 & 63];
		dst[out++] = left > 1 ? alphabet[v >> 6 & 63] : '=';
		dst[out++] = left > 2 ? alphabet[v & 63] : '=';
	}
	dst[out] = '\0';
	return (ssize_t)out;
}

static int
value(char c)
{
	if (c >= 'A' && c <= 'Z') {
		return c - 'A';
	}
	if (c >= 'a' && c <= 'z') {
		return c - 'a' + 26;
	}
	if (c >= '0' && c <= '9') {
		return c - '0' + 52;
	}
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

ssize_t
base64_decode(const char *src, size_t len, void *dst, size_t size)
{
	unsigned char *out = dst;
	size_t n = 0;
	size_t pad = 0;

	if (len % 4 != 0) {
		return -1;
	}
	while (pad < 2 && pad < len && src[len - pad - 1] == '=') {
		pad++;
	}
	if (len / 4 * 3 - pad > size) {
		return -1;
	}
	for (size_t i = 0; i < len; i += 4) {
		size_t chars = i + 4 == len ? 4 - pad : 4;
		uint32_t v = 0;
		for (size_t k = 0; k < 4; k++) {
			int digit = k < chars ? value(src[i + k]) : 0;
			if (digit < 0) {
				return -1;
			}
			v = v << 6 | (uint32_t)digit;
		}
		if ((chars == 3 && (v & 0xff) != 0) ||
		    (chars == 2 && (v & 0xffff) != 0)) {
			return -1;
		}
		out[n++] = (unsigned char)(v >> 16);
		if (chars > 2) {
			out[n++] = (unsigned char)(v >> 8);
		}
		if (chars > 3) {
			out[n++] = (unsigned char)v;
		}
	}
	return (ssize_t)n;
}
