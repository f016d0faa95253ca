/* SPDX-License-Identifier: ISC */
/* Records of TLSRPT. */
#include "common/auth/tlsrpt.h"

#include "common/auth/rua.h"
#include "common/auth/tags.h"
#include "common/text/address.h"

#include <string.h>
#include <strings.h>

enum { PORT_HTTPS = 443, PORT_MOST = 65535 };

static const char version[] = "v=TLSRPTv1;";

bool
tlsrpt_record_is(struct span text)
{
	return text.len >= sizeof(version) - 1 &&
	       memcmp(text.at, version, sizeof(version) - 1) == 0;
}

bool
tlsrpt_record_read(struct span text, struct span *rua)
{
	return tlsrpt_record_is(text) && tags_valid(text.at, text.len) &&
	       tags_find(text.at, text.len, "rua", rua) && rua->len > 0;
}

static bool
read_port(const char *digits, size_t len, unsigned *port)
{
	*port = 0;
	for (size_t i = 0; i < len; i++) {
		if (digits[i] < '0' || digits[i] > '9' || *port > PORT_MOST) {
			return false;
		}
		*port = *port * 10 + (unsigned)(digits[i] - '0');
	}
	return *port > 0 && *port <= PORT_MOST;
}

/* Splits "https://host:port/path", of which the text is whole. */
static bool
read_web(struct tlsrpt_uri *u, size_t scheme)
{
	/* RFC 3986 section 2, but for what ends a path. */
	static const char octets[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789-._~:/?@!$&'()*+=%";
	const char *host = u->text + scheme;
	size_t len = strcspn(host, "/?"), name = strcspn(host, ":/?");

	if (host[strspn(host, octets)] != '\0') {
		return false;
	}
	memcpy(u->host, host, name);
	u->host[name] = '\0';
	u->port = PORT_HTTPS;
	u->path = scheme + len;
	u->web = true;
	return address_is_domain(u->host) &&
	       (name == len ||
		   read_port(host + name + 1, len - name - 1, &u->port));
}

bool
tlsrpt_uri_next(struct span *rua, struct tlsrpt_uri *u)
{
	static const char mailto[] = "mailto:", https[] = "https://";
	const size_t mail = sizeof(mailto) - 1, web = sizeof(https) - 1;

	struct span item;

	while (rua_next(rua, &item)) {
		memset(u, 0, sizeof(*u));
		if (item.len >= sizeof(u->text) ||
		    memchr(item.at, '\0', item.len) != NULL) {
			continue;
		}
		if (item.len > web && strncasecmp(item.at, https, web) == 0) {
			memcpy(u->text, item.at, item.len);
			memcpy(u->text, https, web);
			if (read_web(u, web)) {
				return true;
			}
		} else if (item.len > mail &&
			   strncasecmp(item.at, mailto, mail) == 0) {
			struct span address = { item.at + mail,
				item.len - mail };
			if (rua_address(address, u->text, sizeof(u->text))) {
				return true;
			}
		}
	}
	return false;
}
