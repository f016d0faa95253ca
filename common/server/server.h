/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_SERVER_SERVER_H
#define RESTANTE_COMMON_SERVER_SERVER_H

#include "common/config/config.h"
#include "common/job/job.h"
#include "common/server/listen.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * The server process: accepts, limits, forks.  It owns the privileges and
 * says nothing to the network but "too many"; sessions talk to the clients,
 * workers do what sessions ask for.  A daemon describes itself by a struct
 * service and calls server_run().
 */

struct service {
	const char *name;
	struct refusals refusals;
	const struct refusals *passwd; /* of ROLE_PASSWD, if it has that */
	/* Logs that a client was refused. */
	void (*refused)(
	    const char *address, const char *reply, const char *why);
	/* Most ms of a session by its own limits, and until a login. */
	int life, life_before_login;
	bool body; /* sessions get a file for messages, and know the aliases */
	bool pair; /* TLS sessions get a socket pair */
	/*
	 * In the session process of a client that comes by a proxy, first:
	 * finds out who the client is.  false: the session is over.
	 */
	bool (*proxied)(struct connection *);
	enum session_end (*session)(const struct connection *);
	/*
	 * By kind.  After a REQUEST_LOGIN that succeeded the server runs
	 * REQUEST_MAILBOX, if there is one, with the same payload; after a
	 * REQUEST_DELIVER that ended STATUS_LATER, REQUEST_ENQUEUE.
	 */
	struct job jobs[REQUEST_ENQUEUE + 1];
	/*
	 * What else there is to do: a process of its own, started when a
	 * worker has answered STATUS_QUEUED, and when due() says so at a
	 * connection, at the start of a server with listeners, and now and
	 * then as long as there is one.  One at a time; ends by
	 * itself.  Not if wake() says that somebody else has been told to do
	 * it, which may not block.
	 */
	struct {
		bool (*due)(const struct config *, bool start);
		void (*run)(const struct config *);
		bool (*wake)(const struct config *);
	} errand;
};

/* What clients of a role are told that are not served. */
const struct refusals *service_refusals(const struct service *, enum role);

/* How the program was started. */
enum { LAUNCH_LISTENERS = 16 };

struct launch {
	const struct role_name *roles;        /* that its listeners may have */
	const char *listen[LAUNCH_LISTENERS]; /* -l */
	size_t nlisten;
	bool has_role, local, implicit_tls; /* --role, -bs, --implicit-tls */
	enum role role;
};

/* Runs until it has nothing more to do.  An exit status of sysexits.h. */
int server_run(
    const struct service *, const struct launch *, const struct config *);

/* Runs one session on a descriptor, as a local user's; for sendmail(8). */
int server_run_local(const struct service *, const struct config *, int fd);

#endif
