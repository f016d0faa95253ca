/* SPDX-License-Identifier: ISC */
/* Base64 as a transfer encoding (RFC 2045 section 6.8), in streams: pure. */
#include "common/text/base64.h"

#include <string.h>

enum { IN_LINE = BASE64_LINE / 4 * 3 };

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Three octets. */
static void
encode_group(const unsigned char *in, char *out)
{
	uint32_t v = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];

	out[0] = alphabet[v >> 18];
	out[1] = alphabet[v >> 12 & 63];
	out[2] = alphabet[v >> 6 & 63];
	out[3] = alphabet[v & 63];
}

static size_t
end_line(const struct base64_encoder *e, char *out)
{
	memcpy(out, e->crlf ? "\r\n" : "\n", 2);
	return e->crlf ? 2 : 1;
}

static size_t
encode_line(const struct base64_encoder *e, const unsigned char *in, char *out)
{
	for (size_t i = 0; i < IN_LINE; i += 3) {
		encode_group(in + i, out + i / 3 * 4);
	}
	return BASE64_LINE + end_line(e, out + BASE64_LINE);
}

size_t
base64_encode_lines(struct base64_encoder *e, const void *data, size_t len,
    char *out, size_t size, size_t *outlen)
{
	const unsigned char *in = data;
	size_t used = 0, n = 0;

	while (used < len && size - n >= BASE64_LINE + 2) {
		if (e->held_len == 0 && len - used >= IN_LINE) {
			n += encode_line(e, in + used, out + n);
			used += IN_LINE;
			continue;
		}
		size_t take = IN_LINE - e->held_len;
		take = take < len - used ? take : len - used;
		memcpy(e->held + e->held_len, in + used, take);
		e->held_len += (unsigned)take;
		used += take;
		if (e->held_len == IN_LINE) {
			n += encode_line(e, e->held, out + n);
			e->held_len = 0;
		}
	}
	*outlen = n;
	return used;
}

size_t
base64_encode_end(struct base64_encoder *e, char out[BASE64_ROOM])
{
	size_t left = e->held_len % 3;
	size_t n = 0;

	if (e->held_len == 0) {
		return 0;
	}
	memset(e->held + e->held_len, 0, sizeof(e->held) - e->held_len);
	for (size_t i = 0; i < e->held_len; i += 3, n += 4) {
		encode_group(e->held + i, out + n);
	}
	if (left > 0) {
		memcpy(out + n - 3 + left, "==", 3 - left);
	}
	e->held_len = 0;
	return n + end_line(e, out + n);
}

/* Digits are themselves with bit 6 set, so that one test serves for four. */
enum { DIGIT = 64 };

static const unsigned char digits[256] = {
	['A'] = 64,
	65,
	66,
	67,
	68,
	69,
	70,
	71,
	72,
	73,
	74,
	75,
	76,
	77,
	78,
	79,
	80,
	81,
	82,
	83,
	84,
	85,
	86,
	87,
	88,
	89,
	['a'] = 90,
	91,
	92,
	93,
	94,
	95,
	96,
	97,
	98,
	99,
	100,
	101,
	102,
	103,
	104,
	105,
	106,
	107,
	108,
	109,
	110,
	111,
	112,
	113,
	114,
	115,
	['0'] = 116,
	117,
	118,
	119,
	120,
	121,
	122,
	123,
	124,
	125,
	['+'] = 126,
	['/'] = 127,
};

/* As many groups of four as are there in one go; answers octets taken. */
static size_t
decode_groups(const unsigned char *in, size_t len, unsigned char *out,
    size_t size, size_t *outlen)
{
	size_t used = 0, n = 0;

	while (len - used >= 4 && size - n >= 3) {
		unsigned a = digits[in[used]], b = digits[in[used + 1]];
		unsigned c = digits[in[used + 2]], d = digits[in[used + 3]];
		if ((a & b & c & d & DIGIT) == 0) {
			break;
		}
		uint32_t v =
		    (a & 63) << 18 | (b & 63) << 12 | (c & 63) << 6 | (d & 63);
		out[n] = (unsigned char)(v >> 16);
		out[n + 1] = (unsigned char)(v >> 8);
		out[n + 2] = (unsigned char)v;
		n += 3;
		used += 4;
	}
	*outlen = n;
	return used;
}

/* The octets of a group that is short of digits. */
static size_t
decode_rest(struct base64_decoder *d, unsigned char *out)
{
	uint32_t v = d->bits << 6 * (4 - d->digits);
	size_t n = d->digits > 1 ? d->digits - 1 : 0;

	for (size_t i = 0; i < n; i++) {
		out[i] = (unsigned char)(v >> (16 - 8 * i));
	}
	d->bad |= d->digits == 1 || (n == 1 && (v & 0xffff) != 0) ||
	          (n == 2 && (v & 0xff) != 0);
	d->digits = 0;
	d->bits = 0;
	return n;
}

static size_t
decode_octet(struct base64_decoder *d, unsigned char c, unsigned char *out)
{
	if (c == '=') {
		d->bad |= d->end || d->digits < 2;
		if (d->end || d->digits < 2 || d->digits + ++d->pad < 4) {
			return 0;
		}
		d->end = true;
		return decode_rest(d, out);
	}
	if (c == '\r' || c == '\n' || c == ' ' || c == '\t') {
		return 0;
	}
	d->bad |= (digits[c] & DIGIT) == 0 || d->end || d->pad > 0;
	if ((digits[c] & DIGIT) == 0 || d->end) {
		return 0;
	}
	d->pad = 0;
	d->bits = d->bits << 6 | (digits[c] & 63);
	if (++d->digits < 4) {
		return 0;
	}
	out[0] = (unsigned char)(d->bits >> 16);
	out[1] = (unsigned char)(d->bits >> 8);
	out[2] = (unsigned char)d->bits;
	d->digits = 0;
	d->bits = 0;
	return 3;
}

size_t
base64_decode_lines(struct base64_decoder *d, const char *data, size_t len,
    void *dst, size_t size, size_t *outlen)
{
	const unsigned char *in = (const unsigned char *)data;
	unsigned char *out = dst;
	size_t used = 0, n = 0, some;

	while (used < len && size - n >= 3) {
		if (d->digits == 0 && d->pad == 0 && !d->end) {
			used += decode_groups(
			    in + used, len - used, out + n, size - n, &some);
			n += some;
		}
		if (used < len && size - n >= 3) {
			n += decode_octet(d, in[used++], out + n);
		}
	}
	*outlen = n;
	return used;
}

size_t
base64_decode_end(struct base64_decoder *d, char out[BASE64_ROOM])
{
	d->bad |= d->digits > 0;
	return d->digits > 0 ? decode_rest(d, (unsigned char *)out) : 0;
}
