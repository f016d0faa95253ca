/* SPDX-License-Identifier: ISC */
/* See the header. */
#include "common/milter/place.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

static bool
read_path(const char *path, struct milter_place *p)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	if (path[0] != '/' || strlcpy(un.sun_path, path, sizeof(un.sun_path)) >=
				  sizeof(un.sun_path)) {
		return false;
	}
	memcpy(&p->address, &un, sizeof(un));
	p->len = sizeof(un);
	return true;
}

/* A number from 1 to 65535, without leading zeros. */
static bool
read_port(const char *text, in_port_t *port)
{
	unsigned n = 0;

	if (text[0] < '1' || text[0] > '9') {
		return false;
	}
	for (; *text >= '0' && *text <= '9' && n <= 65535; text++) {
		n = n * 10 + (unsigned)(*text - '0');
	}
	*port = htons((in_port_t)n);
	return *text == '\0' && n <= 65535;
}

static bool
read_host(const char *host, in_port_t port, struct milter_place *p)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = port };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
		.sin6_port = port };

	if (strcasecmp(host, "localhost") == 0) {
		host = "127.0.0.1";
	}
	if (inet_pton(AF_INET, host, &in.sin_addr) == 1) {
		memcpy(&p->address, &in, sizeof(in));
		p->len = sizeof(in);
		return true;
	}
	memcpy(&p->address, &in6, sizeof(in6));
	p->len = sizeof(in6);
	return inet_pton(AF_INET6, host,
		   &((struct sockaddr_in6 *)&p->address)->sin6_addr) == 1;
}

bool
milter_place(const char *text, struct milter_place *p)
{
	char host[INET6_ADDRSTRLEN];
	in_port_t port;

	memset(p, 0, sizeof(*p));
	if (strncmp(text, "unix:", 5) == 0) {
		return read_path(text + 5, p);
	}
	if (strncmp(text, "inet:", 5) != 0) {
		return false;
	}
	text += 5;
	const char *colon = strrchr(text, ':');
	if (colon == NULL || !read_port(colon + 1, &port)) {
		return false;
	}
	size_t len = (size_t)(colon - text);
	bool bracket = len > 2 && text[0] == '[' && text[len - 1] == ']';
	text += bracket;
	len -= bracket ? 2 : 0;
	if (len >= sizeof(host) ||
	    (memchr(text, ':', len) != NULL) != bracket) {
		return false;
	}
	memcpy(host, text, len);
	host[len] = '\0';
	return read_host(host, port, p);
}
