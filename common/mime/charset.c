/* SPDX-License-Identifier: ISC */
/* Charsets to UTF-8. */
#include "common/mime/charset.h"

#include "common/text/utf8.h"

#include <ctype.h>
#include <errno.h>
#include <iconv.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

enum { REPLACEMENT = 0xfffd, NAME = 64 };

enum charset { CHARSET_UTF8, CHARSET_LATIN1, CHARSET_1252, CHARSET_OTHER };

/* us-ascii and unknown-8bit: octets that are not UTF-8 there cannot be read. */
static const struct {
	const char *name;
	enum charset charset;
} names[] = {
	{ "", CHARSET_UTF8 },
	{ "us-ascii", CHARSET_UTF8 },
	{ "ascii", CHARSET_UTF8 },
	{ "utf-8", CHARSET_UTF8 },
	{ "utf8", CHARSET_UTF8 },
	{ "unknown-8bit", CHARSET_UTF8 },
	{ "iso-8859-1", CHARSET_LATIN1 },
	{ "iso8859-1", CHARSET_LATIN1 },
	{ "latin1", CHARSET_LATIN1 },
	{ "windows-1252", CHARSET_1252 },
	{ "cp1252", CHARSET_1252 },
};

/* Windows-1252 from 0x80 to 0x9f; the rest is Latin 1. */
static const uint16_t windows[32] = { 0x20ac, REPLACEMENT, 0x201a, 0x192,
	0x201e, 0x2026, 0x2020, 0x2021, 0x2c6, 0x2030, 0x160, 0x2039, 0x152,
	REPLACEMENT, 0x17d, REPLACEMENT, REPLACEMENT, 0x2018, 0x2019, 0x201c,
	0x201d, 0x2022, 0x2013, 0x2014, 0x2dc, 0x2122, 0x161, 0x203a, 0x153,
	REPLACEMENT, 0x17e, 0x178 };

/* A character of the basic plane; answers its octets. */
static size_t
put_character(char *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 63));
		return 2;
	}
	out[0] = (char)(0xe0 | c >> 12);
	out[1] = (char)(0x80 | (c >> 6 & 63));
	out[2] = (char)(0x80 | (c & 63));
	return 3;
}

/* The character at text, as UTF-8 at out; *used octets of text. */
static size_t
convert(enum charset charset, const char *text, size_t len, size_t *used,
    char out[4])
{
	unsigned char c = (unsigned char)*text;

	*used = 1;
	if (charset == CHARSET_UTF8) {
		if (utf8_next(text, len, used) == -1) {
			return put_character(out, REPLACEMENT);
		}
		memcpy(out, text, *used);
		return *used;
	}
	return put_character(out,
	    charset == CHARSET_1252 && c >= 0x80 && c < 0xa0 ? windows[c - 0x80]
							     : c);
}

static ssize_t
decode_known(
    enum charset charset, const char *text, size_t len, char *out, size_t size)
{
	size_t n = 0, used;
	char c[4];

	for (size_t i = 0; i < len; i += used) {
		size_t octets = convert(charset, text + i, len - i, &used, c);
		if (size - n <= octets) {
			errno = EMSGSIZE;
			return -1;
		}
		memcpy(out + n, c, octets);
		n += octets;
	}
	out[n] = '\0';
	return (ssize_t)n;
}

/* Until all of *in is converted; each octet that means nothing is replaced. */
static int
run_iconv(iconv_t cd, char **in, size_t *left, char **out, size_t *room)
{
	while (iconv(cd, in, left, out, room) == (size_t)-1) {
		bool useless = errno == EILSEQ || errno == EINVAL;
		if (!useless || *room < 3 || *left == 0) {
			errno = EMSGSIZE;
			return -1;
		}
		size_t n = put_character(*out, REPLACEMENT);
		*out += n;
		*room -= n;
		*in += 1;
		*left -= 1;
	}
	return 0;
}

static ssize_t
decode_other(
    const char *charset, const char *text, size_t len, char *out, size_t size)
{
	char *in = (char *)(uintptr_t)text; /* iconv(3) writes nothing there */
	char *at = out;
	size_t room = size - 1;
	iconv_t cd = iconv_open("UTF-8", charset);

	if (cd == (iconv_t)-1) {
		errno = EINVAL;
		return -1;
	}
	int result = run_iconv(cd, &in, &len, &at, &room);
	if (result == 0 && iconv(cd, NULL, NULL, &at, &room) == (size_t)-1) {
		errno = EMSGSIZE;
		result = -1;
	}
	int saved = errno;
	iconv_close(cd);
	errno = saved;
	if (result == -1) {
		return -1;
	}
	*at = '\0';
	return at - out;
}

/* iconv(3) takes more than names: nothing of that comes from outside. */
static bool
is_name(const char *charset)
{
	size_t n = strspn(charset, "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:+");

	return n > 0 && n < NAME && charset[n] == '\0';
}

ssize_t
charset_decode(
    const char *charset, const char *text, size_t len, char *out, size_t size)
{
	if (size == 0) {
		errno = EMSGSIZE;
		return -1;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcasecmp(charset, names[i].name) == 0) {
			return decode_known(
			    names[i].charset, text, len, out, size);
		}
	}
	if (!is_name(charset)) {
		errno = EINVAL;
		return -1;
	}
	return decode_other(charset, text, len, out, size);
}

bool
charset_is_utf8(const char *text, size_t len)
{
	size_t used;

	for (size_t i = 0; i < len; i += used) {
		if (utf8_next(text + i, len - i, &used) == -1) {
			return false;
		}
	}
	return true;
}
