/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_SERVER_LISTEN_H
#define RESTANTE_COMMON_SERVER_LISTEN_H

#include "common/config/config.h"
#include "common/job/peer.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Listening sockets, their roles, and who is at the other end. */

enum { LISTEN_BACKLOG = 4096 }; /* the kernel cuts it to somaxconn */

/* The properties that an option or a port gives to a listener. */
struct service_kind {
	enum role role;
	bool tls; /* from the first byte */
};

/* A role by its name in options; NULL ends a table. */
struct role_name {
	const char *name;
	enum role role;
};

struct listener {
	int fd;
	char name[PATH_MAX]; /* 127.0.0.1:25, [::1]:25, unix:PATH */
	struct service_kind kind;
};

/*
 * Makes the listener that a -l option asks for: ADDR:PORT[/tls][=ROLE], with a
 * role of the table, or unix:PATH.  0, or -1 with a message.
 */
int listen_on(struct listener *, const struct role_name *, const char *spec,
    char error[CONFIG_ERROR]) __attribute__((warn_unused_result));

/* Finds a role by its name, or says which there are: "mx or submission". */
bool listen_role(const struct role_name *, const char *name, enum role *);
void listen_roles(const struct role_name *, char *text, size_t size);

/* Fills in a listener that was handed down as fd. */
void listen_inherited(struct listener *, const struct role_name *, int fd);

/* True if only programs of this machine reach the socket. */
bool listen_is_here(int fd);

/* True if fd is a socket, and one that listens. */
bool listen_is_socket(int fd);
bool listen_is_listening(int fd);

/* The role, one of the table's, and TLS that the local address of a socket
   stands for. */
struct service_kind listen_kind(int fd, const struct role_name *);

/*
 * Finds who is connected to fd.  false: nobody any more.  A socket pair is a
 * local peer that counts as loopback; a connection to a named AF_UNIX socket
 * comes with its uid.
 */
bool listen_peer(int fd, struct peer *);

/*
 * How many ms ago the last octet came from there, or went there: the kernel's
 * word.  0: it does not say, as of what is not TCP.
 */
int64_t listen_silence(int fd);

#endif
