/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_SERVER_SERVER_H
#define RESTANTE_COMMON_SERVER_SERVER_H

#include "common/config/config.h"
#include "common/job/channel.h"
#include "common/login/aliases.h"
#include "common/login/users.h"
#include "common/server/listen.h"
#include "common/session/offence.h"
#include "common/tls/tls.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * The server process: accepts, limits, forks.  It owns the privileges and
 * says nothing to the network but "too many"; sessions talk to the clients,
 * workers do what sessions ask for.  A daemon describes itself by a struct
 * service and calls server_run().
 */

/* How a session begins. */
enum start {
	START_PLAIN,
	START_TLS,      /* with the handshake */
	START_STARTTLS, /* with the go-ahead to STARTTLS, then the handshake */
};

/* All that a session process has. */
struct connection {
	const struct config *config;
	const struct confinement *confinement;
	const struct names *names;
	const struct aliases *aliases; /* NULL unless the service wants them */
	const struct tls_server *tls;  /* NULL but with START_TLS, _STARTTLS */
	bool can_tls;                  /* STARTTLS may be offered */
	enum start start;
	enum role role;
	struct peer peer;
	struct welcome welcome; /* what its offences come to */
	pid_t first;            /* its first session process, 0: this */
	int rfd, wfd;           /* the client */
	int channel;            /* the server */
	int body; /* an unnamed file for the message under way, or -1 */
	int body_errno;
	int mailbox; /* pop3d, TLS: the mailbox process will be there */
	bool asks;   /* the client for a certificate, where that is wanted */
};

/* What a worker's answer carries, if it ends STATUS_OK. */
struct reply {
	size_t size;
	unsigned char data[CHANNEL_DATA];
};

/* All that a worker process has. */
struct task {
	const struct config *config;
	const struct names *names;
	const struct aliases *aliases;
	const struct peer *peer;
	enum role role;      /* of the connection */
	bool tls;            /* it is in TLS */
	const char *service; /* its name */
	const void *payload;
	size_t size;
	int fd;           /* the message; or the client, to read from; or -1 */
	int out;          /* the client, to write to; or -1 */
	const char *user; /* who has logged in, or "" */
	struct reply *reply;
};

/* What a session may ask for. */
struct job {
	enum status (*run)(const struct task *); /* NULL: nobody may ask */
	bool (*valid)(const void *payload, size_t size);
};

struct service {
	const char *name;
	/* Replies to clients that are not served; and the log's line on it. */
	const char *too_many, *not_ready, *unwelcome;
	void (*refused)(
	    const char *address, const char *reply, const char *why);
	bool body; /* sessions get a file for messages, and know the aliases */
	bool pair; /* TLS sessions get a socket pair */
	/* Whether the connection is over, and not handed on. */
	bool (*session)(const struct connection *);
	/*
	 * By kind.  After a REQUEST_LOGIN that succeeded the server runs
	 * REQUEST_MAILBOX, if there is one, with the same payload; after a
	 * REQUEST_DELIVER that ended STATUS_LATER, REQUEST_ENQUEUE.
	 */
	struct job jobs[REQUEST_ENQUEUE + 1];
	/*
	 * What else there is to do: a process of its own, started when a
	 * worker has answered STATUS_QUEUED, and when due() says so at a
	 * connection (and now and then, with -l).  One at a time; ends by
	 * itself.
	 */
	struct {
		bool (*due)(const struct config *);
		void (*run)(const struct config *);
	} errand;
};

/* How the program was started. */
enum { LAUNCH_LISTENERS = 16 };

struct launch {
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
