/* SPDX-License-Identifier: ISC */
/* Names, as the machines of this room ask for them. */
#include "common/auth/verify_ask.h"

#include "common/text/network.h"

#include <stdio.h>
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

void
ask_reverse(const uint8_t address[16], char name[ASK_NAME])
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;

	if (network_is_v4(address)) {
		const uint8_t *a = address + 12;
		snprintf(name, ASK_NAME, "%u.%u.%u.%u.in-addr.arpa", a[3], a[2],
		    a[1], a[0]);
		return;
	}
	for (size_t i = 16; i-- > 0;) {
		name[n++] = hex[address[i] & 15];
		name[n++] = '.';
		name[n++] = hex[address[i] >> 4];
		name[n++] = '.';
	}
	snprintf(name + n, ASK_NAME - n, "ip6.arpa");
}

bool
ask_is_below(const char *name, const char *domain)
{
	size_t n = strlen(name), d = strlen(domain);

	return n >= d && strcmp(name + n - d, domain) == 0 &&
	       (n == d || name[n - d - 1] == '.');
}
