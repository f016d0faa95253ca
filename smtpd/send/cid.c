/* SPDX-License-Identifier: ISC */
/* cid: in HTML; found by what it looks like, because HTML in the wild is none
   that a parser would take. */
#include "smtpd/send/cid.h"

#include "common/text/hex.h"

#include <string.h>
#include <strings.h>

/* Whether a value that begins behind this octet ends here. */
static bool
ends(char opener, char c)
{
	switch (opener) {
	case '"':
	case '\'':
		return c == opener;
	case '(':
		return c == ')';
	default:
		return c == '>' || c == ' ' || c == '\t' || c == '\r';
	}
}

bool
cid_next(const char *html, size_t len, size_t from, struct cid *found)
{
	for (size_t i = from; i < len; i++) {
		const char *colon = memchr(html + i, ':', len - i);
		if (colon == NULL) {
			return false;
		}
		i = (size_t)(colon - html);
		if (i < from + 4 || strncasecmp(colon - 3, "cid", 3) != 0 ||
		    strchr("\"'=(", colon[-4]) == NULL || colon[-4] == '\0') {
			continue;
		}
		size_t end = i + 1;
		while (end < len && html[end] != '\n' &&
		       !ends(colon[-4], html[end])) {
			end++;
		}
		found->at = i + 1;
		found->len = end - found->at;
		return true;
	}
	return false;
}

bool
cid_is(const char *reference, size_t len, const char *name)
{
	if (strlen(name) == len && memcmp(name, reference, len) == 0) {
		return true;
	}
	for (size_t i = 0; i < len; i++, name++) {
		unsigned char c = (unsigned char)reference[i];
		if (c == '%' && len - i > 2 &&
		    hex_digit(reference[i + 1]) != -1 &&
		    hex_digit(reference[i + 2]) != -1) {
			c = (unsigned char)(hex_digit(reference[i + 1]) * 16 +
					    hex_digit(reference[i + 2]));
			i += 2;
		}
		if (c == '\0' || c != (unsigned char)*name) {
			return false;
		}
	}
	return *name == '\0';
}
