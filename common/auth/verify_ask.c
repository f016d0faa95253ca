/* SPDX-License-Identifier: ISC */
/* Names, as the machines of this room ask for them. */
#include "common/auth/verify_ask.h"

#include <string.h>

enum { LABEL = 63 };

bool
ask_name(const char *domain, size_t len, char name[ASK_NAME])
{
	size_t label = 0;

	name[0] = '\0';
	if (len > 0 && domain[len - 1] == '.') {
		len--;
	}
	if (len == 0 || len >= ASK_NAME) {
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		char c = domain[i];
		label = c == '.' ? 0 : label + 1;
		if (c == '\0' || label > LABEL ||
		    (c == '.' && (i == 0 || domain[i - 1] == '.'))) {
			name[0] = '\0';
			return false;
		}
		name[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	name[len] = '\0';
	if (label == 0) {
		name[0] = '\0';
	}
	return label > 0;
}

bool
ask_is_below(const char *name, const char *domain)
{
	size_t n = strlen(name), d = strlen(domain);

	return n >= d && strcmp(name + n - d, domain) == 0 &&
	       (n == d || name[n - d - 1] == '.');
}
