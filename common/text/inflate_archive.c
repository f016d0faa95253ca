/* SPDX-License-Identifier: ISC */
/* What is around DEFLATE: gzip (RFC 1952), and zip (APPNOTE.TXT of PKWARE). */
#include "common/text/inflate.h"

#include <stdbool.h>
#include <string.h>

static uint32_t
get16(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8;
}

static uint32_t
get32(const uint8_t *p)
{
	return get16(p) | get16(p + 2) << 16;
}

uint32_t
inflate_crc(const uint8_t *data, size_t len)
{
	uint32_t table[256], crc = 0xffffffff;

	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;
		for (int bit = 0; bit < 8; bit++) {
			c = (c & 1) != 0 ? c >> 1 ^ 0xedb88320 : c >> 1;
		}
		table[i] = c;
	}
	for (size_t i = 0; i < len; i++) {
		crc = crc >> 8 ^ table[(crc ^ data[i]) & 0xff];
	}
	return ~crc;
}

/* ---- gzip ---- */

enum {
	GZIP_HEADER = 10,
	GZIP_TRAILER = 8,
	GZIP_CRC = 2, /* flags */
	GZIP_EXTRA = 4,
	GZIP_NAME = 8,
	GZIP_COMMENT = 16,
};

/* The place after a text that ends with NUL; len: it does not. */
static size_t
skip_text(const uint8_t *in, size_t len, size_t at)
{
	const uint8_t *end = at < len ? memchr(in + at, 0, len - at) : NULL;

	return end == NULL ? len : (size_t)(end - in) + 1;
}

/* The length of a member's header, 0: it is none. */
static size_t
gzip_header(const uint8_t *in, size_t len)
{
	size_t at = GZIP_HEADER;

	if (len < GZIP_HEADER + GZIP_TRAILER || in[0] != 0x1f ||
	    in[1] != 0x8b || in[2] != 8 || (in[3] & 0xe0) != 0) {
		return 0;
	}
	if ((in[3] & GZIP_EXTRA) != 0) {
		at += 2 + get16(in + at);
	}
	if ((in[3] & GZIP_NAME) != 0) {
		at = skip_text(in, len, at);
	}
	if ((in[3] & GZIP_COMMENT) != 0) {
		at = skip_text(in, len, at);
	}
	if ((in[3] & GZIP_CRC) != 0) {
		at += 2;
	}
	return at < len ? at : 0;
}

enum inflate_result
inflate_gzip(
    const uint8_t *in, size_t len, uint8_t *out, size_t room, size_t *written)
{
	size_t header, used, n;
	bool first = true;

	*written = 0;
	/* What follows the members, mostly padding, is nothing to us. */
	while ((header = gzip_header(in, len)) > 0) {
		uint8_t *start = out + *written;
		enum inflate_result result = inflate_raw(in + header,
		    len - header, start, room - *written, &n, &used);
		*written += n;
		if (result != INFLATE_OK) {
			return result;
		}
		in += header + used;
		len -= header + used;
		if (len < GZIP_TRAILER || get32(in) != inflate_crc(start, n) ||
		    get32(in + 4) != (uint32_t)n) {
			return INFLATE_DAMAGED;
		}
		in += GZIP_TRAILER;
		len -= GZIP_TRAILER;
		first = false;
	}
	return first ? INFLATE_DAMAGED : INFLATE_OK;
}

/* ---- zip ---- */

enum {
	ZIP_END = 22, /* octets of the end of the directory, at least */
	ZIP_COMMENT = 65535,
	ZIP_ENTRY = 46, /* octets of an entry of the directory, the same */
	ZIP_LOCAL = 30, /* and of the header in front of a file */
	ZIP_ENCRYPTED = 1,
	ZIP_STORED = 0,
	ZIP_DEFLATED = 8,
};

/* Finds the end of the directory, which a comment may follow; NULL: none. */
static const uint8_t *
zip_end(const uint8_t *in, size_t len)
{
	for (size_t back = ZIP_END;
	     back <= len && back <= ZIP_END + ZIP_COMMENT; back++) {
		const uint8_t *p = in + len - back;
		if (memcmp(p, "PK\5\6", 4) == 0) {
			return p;
		}
	}
	return NULL;
}

/* Finds the entry of that number. */
static enum inflate_result
zip_entry(const uint8_t *in, size_t len, size_t number, const uint8_t **entry)
{
	const uint8_t *end = zip_end(in, len);

	if (end == NULL) {
		return INFLATE_DAMAGED;
	}
	size_t count = get16(end + 10), at = get32(end + 16);
	if (number >= count) {
		return INFLATE_NONE;
	}
	for (size_t i = 0;; i++) {
		if (at > len || len - at < ZIP_ENTRY ||
		    memcmp(in + at, "PK\1\2", 4) != 0) {
			return INFLATE_DAMAGED;
		}
		if (i == number) {
			*entry = in + at;
			return INFLATE_OK;
		}
		at += ZIP_ENTRY + get16(in + at + 28) + get16(in + at + 30) +
		      get16(in + at + 32);
	}
}

enum inflate_result
inflate_zip(const uint8_t *in, size_t len, size_t number, uint8_t *out,
    size_t room, size_t *written)
{
	const uint8_t *e = NULL;
	enum inflate_result result = zip_entry(in, len, number, &e);

	*written = 0;
	if (result != INFLATE_OK) {
		return result;
	}
	size_t packed = get32(e + 20), size = get32(e + 24);
	size_t at = get32(e + 42);
	if (at > len || len - at < ZIP_LOCAL ||
	    memcmp(in + at, "PK\3\4", 4) != 0) {
		return INFLATE_DAMAGED;
	}
	at += ZIP_LOCAL + get16(in + at + 26) + get16(in + at + 28);
	if (at > len || packed > len - at) {
		return INFLATE_DAMAGED;
	}
	if ((get16(e + 8) & ZIP_ENCRYPTED) != 0 ||
	    (get16(e + 10) != ZIP_STORED && get16(e + 10) != ZIP_DEFLATED)) {
		return INFLATE_UNKNOWN;
	}
	if (get16(e + 10) == ZIP_STORED) {
		size_t n = packed < room ? packed : room;
		memcpy(out, in + at, n);
		*written = n;
		result = n < packed ? INFLATE_LARGE : INFLATE_OK;
	} else {
		result = inflate_raw(in + at, packed, out, room, written, NULL);
	}
	if (result == INFLATE_OK &&
	    (*written != size || get32(e + 16) != inflate_crc(out, *written))) {
		return INFLATE_DAMAGED;
	}
	return result;
}
