/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_JOB_JOB_H
#define RESTANTE_COMMON_JOB_JOB_H

#include "common/config/config.h"
#include "common/job/channel.h"
#include "common/job/peer.h"
#include "common/names/access.h"
#include "common/names/aliases.h"
#include "common/names/names.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The data given to a session and to a worker, and the rule of every request.
 */

enum offence {
	OFFENCE_LOGIN,  /* a wrong name or password: the server itself counts it
	                 */
	OFFENCE_SYNTAX, /* an unknown or malformed command */
	OFFENCE_RECIPIENT, /* unknown here, or elsewhere */
	OFFENCE_ABUSE,     /* something that no mail client sends */
};

enum { OFFENCES = OFFENCE_ABUSE + 1 };

/* The facts about its client that a session gets at the start. */
struct welcome {
	uint32_t counted; /* 1 if offences are counted, else 0 */
	uint32_t delay;   /* ms before each reply to an error */
	uint32_t proxied; /* 1 if a PROXY header names the client, else 0 */
};

/* Replies to clients that are not served, with their CR LF. */
struct refusals {
	const char *too_many;  /* sessions, or sessions of that client */
	const char *not_ready; /* a failure on our side */
	const char *unwelcome; /* too many penalties */
};

/* How a session begins. */
enum start {
	START_PLAIN,
	START_TLS,      /* with the handshake */
	START_STARTTLS, /* with the go-ahead to STARTTLS, then the handshake */
};

struct tls_server;

/* Everything that a session process has. */
struct connection {
	const struct config *config;
	const struct confinement *confinement;
	const uint8_t *resident_secret; /* for resident_key() */
	const struct names *names;
	const struct aliases *aliases; /* NULL unless the service uses them */
	const struct access *access;   /* NULL: there are no rules */
	const struct tls_server *tls;  /* NULL but with TLS to come */
	bool can_tls;                  /* STARTTLS may be offered */
	enum start start;
	enum role role;
	struct peer peer;
	struct welcome welcome; /* what its offences cost it */
	const struct refusals *refusals;
	pid_t first;  /* its first session process, 0: this */
	int rfd, wfd; /* the client */
	int channel;  /* the server */
	int body;     /* an unnamed file for the current message, or -1 */
	int body_errno;
	int mailbox; /* pop3d, TLS: the mailbox process has the other end */
	bool asks;   /* TLS asks the client for a certificate, if configured */
};

/* How a session has ended. */
enum session_end {
	SESSION_OVER,      /* all that the client had begun is done */
	SESSION_CUT,       /* the client was lost, or sent away, before that */
	SESSION_HANDED_ON, /* the client is another process's now */
};

/* The contents of a worker's answer, if it ends with STATUS_OK. */
struct reply {
	size_t size;
	unsigned char data[CHANNEL_DATA];
};

/* Everything that a worker process has. */
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
	const char *user; /* the user who has logged in, or "" */
	bool wary;        /* users' files are not to be opened now */
	/* The text of the message, if a resident has it without a file: */
	const char *text;
	size_t len;
	/* What makes it a resident, once it has succeeded: */
	size_t jobs;     /* that it may do, with this one; 0 or 1: none more */
	int stay;        /* its end of the pair */
	uint64_t ticket; /* of this job */
	uint64_t key;    /* of this job and the next ones, by resident_key() */
	const uint8_t *secret; /* for that */
	struct reply *reply;
};

/* When a session may ask. */
enum when {
	WHEN_ANY,
	WHEN_ONCE,         /* in the life of a session process */
	WHEN_TLS_ONCE,     /* the same, if that began with TLS */
	WHEN_BEFORE_LOGIN, /* nobody has logged in yet */
	WHEN_OWNER, /* the client is sure to be a user: by uid, or by the login
	               of a session that is for passwords alone */
	WHEN_CLEAR, /* not in TLS */
	WHEN_PROXIED, /* the client is not known: the first request, once */
	WHEN_NEVER,   /* the server itself starts it after another one */
};

/* Which process answers, and how the server learns the result. */
enum answered {
	ANSWERED_INLINE,    /* the server, at once or by a keeper */
	ANSWERED_BY_WORKER, /* a worker, over the channel */
	ANSWERED_BY_STATUS, /* the server, from the exit status of a worker */
};

/* The things that a worker is given besides its task. */
enum given {
	GIVEN_NOTHING,
	GIVEN_BODY,   /* the body file */
	GIVEN_CLIENT, /* the client, or in TLS the session that pumps for it */
};

struct request_rule {
	const char *name; /* for the log */
	enum when when;
	enum answered answered;
	enum given given;
	size_t answer; /* most octets of data with a successful answer */
	/*
	 * ms until the server kills the worker: more than any limit of the
	 * worker's own.  0: no worker, or one that lives as long as a session.
	 */
	int limit;
	const char *look; /* for the log: where to look when it is late */
};

/* By enum request_kind; the same for both daemons. */
extern const struct request_rule request_rules[REQUESTS];

/* The server's knowledge of a session that asks. */
struct asker {
	bool proxied; /* a proxy has yet to name its client */
	bool tls;
	bool logged_in;
	enum role role;
	uint32_t asked; /* bits: the kinds that it has asked for before */
};

/* True if a session may send a request of that kind, of any number, now. */
bool request_allowed(uint32_t kind, const struct asker *);

/* The work that a daemon's workers do for a request. */
struct job {
	enum status (*run)(const struct task *); /* NULL: not available */
	/*
	 * Run by the server: checks the size and the numbers of fixed structs,
	 * no text.  A worker looks at the text itself.
	 */
	bool (*valid)(const void *payload, size_t size);
};

#endif
