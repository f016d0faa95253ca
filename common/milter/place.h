/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_MILTER_PLACE_H
#define RESTANTE_COMMON_MILTER_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* Where a filter listens.  Pure. */
struct milter_place {
	struct sockaddr_storage address;
	socklen_t len;
};

/*
 * Reads "unix:PATH", an absolute path, or "inet:HOST:PORT"; HOST is an address
 * (one of IPv6 in brackets) or localhost: no name servers are asked.
 */
bool milter_place(const char *text, struct milter_place *);

#endif
