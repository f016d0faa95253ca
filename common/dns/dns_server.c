/* SPDX-License-Identifier: ISC */
/* Reads and writes the addresses of name servers. */
#include "common/dns/dns_server.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool
dns_server_parse(const char *text, struct dns_address *out)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };
	char host[CONFIG_NAME];
	const char *port = NULL, *why = NULL;

	bool bracket = text[0] == '[';
	strlcpy(host, text + bracket, sizeof(host));
	char *end = bracket ? strchr(host, ']') : strchr(host, ':');
	if (bracket && end == NULL) {
		return false;
	}
	if (end != NULL && (bracket || strchr(end + 1, ':') == NULL)) {
		port = bracket ? end + 1 : end;
		port = *port == ':' ? port + 1 : *port == '\0' ? NULL : "";
		*end = '\0';
	}
	in_port_t number =
	    htons((in_port_t)(port == NULL ? NS_DEFAULTPORT
					   : strtonum(port, 1, 65535, &why)));
	if (why != NULL) {
		return false;
	}
	sin.sin_port = sin6.sin6_port = number;
	if (inet_pton(AF_INET, host, &sin.sin_addr) == 1) {
		memcpy(&out->address, &sin, sizeof(sin));
		out->len = sizeof(sin);
	} else if (inet_pton(AF_INET6, host, &sin6.sin6_addr) == 1) {
		memcpy(&out->address, &sin6, sizeof(sin6));
		out->len = sizeof(sin6);
	} else {
		return false;
	}
	return true;
}

void
dns_server_text(const struct dns_address *server, char text[DNS_SERVER_TEXT])
{
	struct sockaddr_in6 sin6;
	struct sockaddr_in sin;
	char host[INET6_ADDRSTRLEN];

	if (server->address.ss_family == AF_INET) {
		memcpy(&sin, &server->address, sizeof(sin));
		inet_ntop(AF_INET, &sin.sin_addr, host, sizeof(host));
		snprintf(
		    text, DNS_SERVER_TEXT, "%s:%d", host, ntohs(sin.sin_port));
	} else {
		memcpy(&sin6, &server->address, sizeof(sin6));
		inet_ntop(AF_INET6, &sin6.sin6_addr, host, sizeof(host));
		snprintf(text, DNS_SERVER_TEXT, "[%s]:%d", host,
		    ntohs(sin6.sin6_port));
	}
}
