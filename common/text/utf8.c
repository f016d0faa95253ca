/* SPDX-License-Identifier: ISC */
/* UTF-8 (RFC 3629): pure. */
#include "common/text/utf8.h"

int32_t
utf8_next(const char *text, size_t len, size_t *used)
{
	static const int32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *s = (const unsigned char *)text;
	size_t n = s[0] < 0x80   ? 1
	           : s[0] < 0xc2 ? 0
	           : s[0] < 0xe0 ? 2
	           : s[0] < 0xf0 ? 3
	           : s[0] < 0xf5 ? 4
	                         : 0;

	*used = 1;
	if (n <= 1) {
		return n == 1 ? s[0] : -1;
	}
	if (n > len) {
		return -1;
	}
	int32_t c = s[0] & (0x7f >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80) {
			return -1;
		}
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) {
		return -1;
	}
	*used = n;
	return c;
}

bool
utf8_is_text(int32_t c)
{
	return c >= ' ' && !(c >= 0x7f && c < 0xa0) && c != 0x61c &&
	       c != 0x200e && c != 0x200f && !(c >= 0x2028 && c <= 0x202e) &&
	       !(c >= 0x2066 && c <= 0x2069);
}
