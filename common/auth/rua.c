/* SPDX-License-Identifier: ISC */
/* Where records want reports to be sent. */
#include "common/auth/rua.h"

#include "common/text/address.h"

#include <string.h>

bool
rua_next(struct span *list, struct span *item)
{
	if (list->len == 0) {
		return false;
	}
	const char *comma = memchr(list->at, ',', list->len);
	size_t n = comma == NULL ? list->len : (size_t)(comma - list->at);

	*item = (struct span){ list->at, n };
	list->at += n + (comma != NULL);
	list->len -= n + (comma != NULL);
	while (item->len > 0 && is_space(*item->at)) {
		item->at++;
		item->len--;
	}
	while (item->len > 0 && is_space(item->at[item->len - 1])) {
		item->len--;
	}
	return true;
}

bool
rua_address(struct span text, char *out, size_t size)
{
	static const char plain[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789._+=-";

	if (text.len >= size || memchr(text.at, '\0', text.len) != NULL) {
		return false;
	}
	memcpy(out, text.at, text.len);
	out[text.len] = '\0';
	size_t local = strspn(out, plain);
	return local > 0 && local <= ADDRESS_LOCAL && out[local] == '@' &&
	       out[local + 1] != '[' && address_is_domain(out + local + 1);
}
