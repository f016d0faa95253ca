/* SPDX-License-Identifier: ISC */
/* See the header. */
#include "common/session/reply_text.h"

#include <string.h>

/* Adds len octets to n, or as many as there is room for. */
static size_t
append(char *out, size_t size, size_t n, const char *from, size_t len)
{
	size_t room = size - 1 - n;

	len = len < room ? len : room;
	memcpy(out + n, from, len);
	return n + len;
}

const char *
reply_text_fill(
    const char *text, const char *const *args, char *out, size_t size)
{
	const char *mark;
	size_t n = 0;

	while ((mark = strstr(text, "%s")) != NULL) {
		n = append(out, size, n, text, (size_t)(mark - text));
		if (args != NULL && *args != NULL) {
			n = append(out, size, n, *args, strlen(*args));
			args++;
		}
		text = mark + 2;
	}
	n = append(out, size, n, text, strlen(text));
	out[n] = '\0';
	return out;
}
