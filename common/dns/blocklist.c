/* SPDX-License-Identifier: ISC */
/* Names and answers of DNS lists, RFC 5782 sections 2.1 and 2.4. */
#include "common/dns/blocklist.h"

#include "common/text/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	REFUSALS = 0x7fffff, /* 127.255.255.0/24 */
	NOBODY = 0x7f000001, /* 127.0.0.1: what a zone for sale answers */
};

/* One code, up to a comma; what comes after it, or NULL. */
static const char *
read_code(const char *text, struct blocklist_code *code)
{
	char word[INET_ADDRSTRLEN + 4];
	size_t len = strcspn(text, ",");
	const char *why = NULL;
	struct in_addr address;

	if (len >= sizeof(word)) {
		return NULL;
	}
	memcpy(word, text, len);
	word[len] = '\0';
	char *to = strchr(word, '-');
	if (to != NULL) {
		*to++ = '\0';
	}
	if (inet_pton(AF_INET, word, &address) != 1) {
		return NULL;
	}
	code->first = code->last = ntohl(address.s_addr);
	if (to != NULL) {
		uint32_t low = code->first & 0xff;
		uint32_t high = (uint32_t)strtonum(to, low, 255, &why);
		if (why != NULL || to[strspn(to, "0123456789")] != '\0') {
			return NULL;
		}
		code->last = (code->first & ~UINT32_C(0xff)) | high;
	}
	return text + len;
}

bool
blocklist_parse(const char *text, struct blocklist *list)
{
	size_t len = strcspn(text, "=");

	if (len > BLOCKLIST_ZONE) {
		return false;
	}
	memset(list, 0, sizeof(*list));
	memcpy(list->zone, text, len);
	text += len;
	while (*text != '\0') { /* at "=", then at each "," */
		if (list->ncodes == BLOCKLIST_CODES) {
			return false;
		}
		text = read_code(text + 1, &list->codes[list->ncodes++]);
		if (text == NULL) {
			return false;
		}
	}
	return address_is_domain(list->zone);
}

void
blocklist_name(const struct blocklist *list, const uint8_t address[16],
    char name[BLOCKLIST_NAME])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char reversed[16 * 4 + 1];
	size_t at = 0;

	if (memcmp(address, mapped, sizeof(mapped)) == 0) {
		snprintf(reversed, sizeof(reversed), "%u.%u.%u.%u.",
		    address[15], address[14], address[13], address[12]);
	} else {
		for (size_t i = 16; i-- > 0; at += 4) {
			snprintf(reversed + at, sizeof(reversed) - at, "%x.%x.",
			    address[i] & 0xfU, address[i] >> 4);
		}
	}
	snprintf(name, BLOCKLIST_NAME, "%s%s", reversed, list->zone);
}

enum blocklist_answer
blocklist_read(const struct blocklist *list, uint32_t answer)
{
	for (size_t i = 0; i < list->ncodes; i++) {
		if (answer >= list->codes[i].first &&
		    answer <= list->codes[i].last) {
			return BLOCKLIST_LISTED;
		}
	}
	if (answer >> 8 == REFUSALS) {
		return BLOCKLIST_REFUSED;
	}
	return list->ncodes == 0 && answer >> 24 == 127 && answer != NOBODY
	           ? BLOCKLIST_LISTED
	           : BLOCKLIST_IGNORED;
}
