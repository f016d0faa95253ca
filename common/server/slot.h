/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_SERVER_SLOT_H
#define RESTANTE_COMMON_SERVER_SLOT_H

#include "common/job/resident.h"
#include "common/login/access_load.h"
#include "common/process/privilege.h"
#include "common/server/guess.h"
#include "common/server/penalty.h"
#include "common/server/server.h"
#include "common/tls/tls.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The server's own state: a slot for each connection, with its session
 * process and at most one worker.  For common/server/server.c and its like
 * alone.
 */

/* The thing that a slot awaits from a keeper: common/server/keepers.h. */
enum awaits {
	AWAITS_NOTHING,
	AWAITS_START,     /* keys, so that its session can start with TLS */
	AWAITS_KEYS,      /* keys; its session has asked for STARTTLS */
	AWAITS_SIGNATURE, /* that its session has asked for */
};

struct slot {
	bool used;
	pid_t session, worker;
	struct resident *resident; /* that has its job, or NULL */
	bool answered;             /* by that, with this; see request.c: */
	bool again;                /* a worker of its own is to do it */
	enum status result;
	/* When they must have ended, see common/server/patience.h: */
	int64_t worker_since, worker_until;
	int64_t look_at;     /* when to ask next whether its client is there */
	bool condemned;      /* the worker is killed, and that was logged */
	pid_t doomed;        /* the session of which the same is true */
	pid_t timed;         /* the session that is timed, */
	int64_t timed_since; /* and since when */
	pid_t first; /* the connection's first session, by which logs know it */
	int channel; /* to the session; -1: closed */
	/* What the session has, and its workers get: */
	int rfd, wfd; /* the client */
	int body;     /* of the message under way, or -1 */
	int body_errno;
	int mailbox; /* pop3d, TLS: the mailbox process's end, or -1 */
	struct peer peer;
	struct welcome welcome;
	enum role role;
	bool tls;
	char user[USER_NAME + 1]; /* who has logged in, or "" */
	bool known;               /* somebody has logged in from there */
	/* For common/server/place.c: */
	int64_t useful_at; /* when it came, or last brought a message */
	pid_t told;        /* the session that was told to go, */
	bool told_twice;
	int64_t told_at;
	off_t told_size; /* of its body file then */
	/* For common/server/room.c: */
	pid_t room_told; /* the session that was told to give up its message, */
	int64_t room_told_at;
	uint64_t room_told_octets; /* that it had on the disk then */
	/* The request under way: */
	struct request request;
	uint32_t asked; /* bits: the kinds that its session has asked for */
	char *payload;
	size_t size;
	uint64_t ticket; /* its place in the queue */
	bool restarting; /* its session is killed, and one with TLS follows */
	bool waiting;    /* for its turn */
	int64_t turn;    /* not before that time */
	struct guesses guesses[GUESS_KINDS];
	enum awaits awaits;
	enum start start;      /* how the session that waits begins */
	struct keeper *keeper; /* that its session may ask, or NULL */
	bool checking;         /* its worker checks a password */
	bool in_mailbox;       /* its worker is the mailbox process */
	/* The worker has ended so, but some that it had forked have not: */
	bool worker_ended;
	int worker_status;
	int64_t leave_at; /* for one that has been killed, or has ended so: when
	                     not to wait for its group any longer */
	bool leaves;      /* that time has come */
	bool left;        /* so has been done: its body may yet be held */
};

enum { SPARE_BODIES = 16, KEEPERS = 4 };

/* A process that starts sessions with TLS: see common/server/tls_starter.h. */
struct tls_starter {
	pid_t pid;   /* 0: there is none */
	int channel; /* -1: let go */
};

/* A process that has private keys, and the certificates to them. */
struct keeper {
	pid_t pid;   /* 0: a free place */
	int channel; /* -1: let go, or lost */
	bool deaf;   /* it has closed its end */
	bool reported;
	struct tls_chain *chain[CONFIG_LIST]; /* of certificates, */
	size_t chains;                        /* that have come */
	struct tls_starter starter;
	size_t waiting;  /* slots that cannot ask it yet, at most */
	unsigned orders; /* that it has not answered */
	int64_t started;
	int64_t until; /* when what is awaited must be here; 0: nothing is */
};

/* Sessions without a client: see common/server/spares.h. */
enum { SPARES = 4 };
struct spares {
	pid_t starter;    /* forks them; 0: there is none */
	int channel;      /* to it */
	unsigned changes; /* of the tables, when it was forked */
	size_t ordered;   /* sessions that were not taken yet */
	int64_t asked;    /* when it was last asked for some */
	int64_t began;    /* when a session last began */
	int64_t again;    /* not before that time another starter */
};

/* A worker that stays: see common/server/residents.h. */
enum { RESIDENTS = 64 };
struct resident {
	pid_t pid;  /* 0: a free place */
	bool stays; /* it has answered its first job, or has it like others */
	enum request_kind kind; /* of the jobs that it does, */
	uint64_t key;           /* and what they are about */
	int channel;            /* -1: it has said all that it will */
	bool leaving;           /* it was let go: it gets no more jobs */
	int64_t since;          /* when it was forked */
	size_t jobs;            /* that it may yet get */
	size_t waiting;         /* jobs that it has not answered */
	int64_t busy;     /* since when it has not answered the next one */
	unsigned changes; /* of the tables, when it was forked */
	int64_t until; /* when it must have answered, be let go, or have ended;
	                  0: its slot is timed, whose worker it is */
	bool killed, ended;
	int status; /* of waitpid(2), once it has ended */
};

/* A job that came a moment ago. */
enum { RECENT_JOBS = 128 };
struct recent {
	uint64_t key;
	int64_t when;
};

/* An address from which somebody has logged in; see place.h. */
enum { KNOWN_NETWORKS = 128 };
struct known {
	uint8_t network[NETWORK_ADDRESS];
	int64_t until;
};

/* Processes that do not end; see left.h. */
enum { LEFT = 128 };

/* A client that waits for a place; see lobby.h. */
enum { LOBBY = 256 };
struct guest {
	int fd;
	struct peer peer;
	struct welcome welcome;
	struct service_kind kind;
	int64_t until; /* then it is refused */
	int64_t again; /* when to look for a place for it once more */
};

struct server {
	const struct service *service;
	const struct config *config;
	struct confinement confinement;
	struct names *names;
	struct aliases *aliases;
	struct access *access;
	struct access_seen access_seen;
	unsigned changes; /* of names, aliases and rules */
	struct resident residents[RESIDENTS];
	struct recent recent[RECENT_JOBS];
	uint8_t resident_secret[RESIDENT_SECRET];
	struct spares spares;
	struct keeper keepers[KEEPERS];
	struct keeper *keeper;      /* that new sessions use, or NULL */
	struct keeper *next_keeper; /* that is starting, or NULL */
	bool keys_settled;          /* keys have come, or will not */
	int64_t keeper_again;       /* when the next one may start */
	struct tls_files tls_files; /* as the last one to start found them */
	struct penalties penalties;
	bool penalties_tried; /* to open them */
	struct listener listeners[LAUNCH_LISTENERS];
	size_t nlisteners;
	struct slot *slots; /* config->sessions of them */
	size_t nslots;      /* up to the last one used */
	size_t used;
	size_t checks; /* passwords being checked */
	uint64_t tickets;
	int bodies[SPARE_BODIES]; /* empty, for the next connections */
	size_t nbodies;
	bool forever;        /* started with -l: never idle enough to end */
	int session_status;  /* exit status of the last session that ended */
	pid_t maker;         /* makes images of long files; 0: nobody */
	int64_t maker_until; /* it may work; if there is none, none starts */
	bool maker_failed;   /* so that they are read here */
	pid_t errand;        /* the process of the service's errand, or 0 */
	bool errand_wanted;  /* once more */
	int64_t errand_at;   /* when to ask next whether it is due */
	int64_t idle_since;
	struct known known[KNOWN_NETWORKS];
	pid_t left[LEFT];
	size_t nleft;
	int64_t scarce_at;   /* when somebody last had to make room; 0: never */
	uint64_t room;       /* what strangers' messages may hold together, */
	int64_t room_looked; /* when it was last looked at; 0: never */
	struct guest lobby[LOBBY];
	size_t nguests;
	int64_t late_at; /* when a child is late, by patience.c's clock */
	int64_t turn_at; /* when a check may start that waits for a time */
	int64_t stop_at; /* when the next step of stopping is due; 0: none */
	int stops;
	/* A request's payload; jobs look at it as at the struct that it is. */
	_Alignas(max_align_t) char buffer[REQUEST_MAX];
};

/* True if somebody is at the slot's request. */
static inline bool
slot_is_busy(const struct slot *slot)
{
	return slot->worker != 0 || slot->resident != NULL || slot->answered;
}

/* ---- slot.c ---- */

/* Rereads the users' names and the certificates when they have changed. */
void slot_refresh(struct server *);

/*
 * Takes over a connection; its descriptors are the slot's from now on.
 * false: no room, or no way to serve it.
 */
bool slot_connect(struct server *, int rfd, int wfd, const struct peer *,
    const struct welcome *, struct service_kind);

/*
 * Starts a session on the slot's client, which has none; one with TLS may have
 * to wait for keys.  0, or -1.
 */
int slot_start_session(struct server *, struct slot *, enum start);

/* Keys are here, or will not come: goes on with what has waited for them. */
void slot_keys_settled(struct server *, struct slot *);

/* A slot whose processes have all ended is free again. */
void slot_settle(struct server *, struct slot *);

/* ---- accept.c ---- */

/*
 * Serves a connection, whose descriptors it takes; or says why not, and
 * answers false.
 */
bool accept_connection(struct server *, int rfd, int wfd, const struct peer *,
    struct service_kind);

/* Says why a client is not served, in one reply that never blocks; closes. */
void accept_refuse(struct server *, int rfd, int wfd, const struct peer *,
    bool tls, const char *reply, const char *why);

/*
 * A slot whose client comes by a proxy has a struct claim about it: STATUS_OK
 * when that one is served, STATUS_NO when its penalties are too many, else
 * STATUS_TEMPORARY.
 */
enum status accept_claim(struct server *, struct slot *, const void *payload);

/* Takes the connections that wait at a listener. */
void accept_ready(struct server *, const struct listener *);

/* ---- errand.c ---- */

/* Starts the service's errand, or has it started again when it ends. */
void errand_start(struct server *);

/* Starts it if it is due; asks at most every few minutes. */
void errand_if_due(struct server *);

/* The time in ms until it has to be asked whether the errand is due. */
int64_t errand_left(const struct server *);

/* Notes that a child has ended; true if it was the errand. */
bool errand_ended(struct server *, pid_t);

/*
 * We end before the errand does: starts another one if that may have missed
 * something, since nobody will do so when it ends.
 */
void errand_leave(struct server *);

/* ---- reap.c ---- */

/* Makes orphans of workers children of the server, which hears of their end. */
void reap_prepare(void);

/*
 * Takes notice of all children that have ended.  What a worker leaves of its
 * process group is killed, and its request goes on only when nobody of that
 * group is there any more.
 */
void reap(struct server *);

/* Goes on without workers that were killed and do not end. */
void reap_late(struct server *);

/* ---- request.c ---- */

/* The slot's session is to begin again with TLS, if there are keys. */
void request_restart(struct server *, struct slot *);

/* Takes the request that waits on the slot's channel. */
void request_take(struct server *, struct slot *);

/* Goes on with the slots whose jobs residents have answered. */
void request_residents_answered(struct server *);

/* The slot's worker has ended with this status of waitpid(2), all of it. */
void request_worker_ended(struct server *, struct slot *, int status);

/*
 * Starts the password checks that waited for their turn.  When the next is due
 * that waits for a time: INT64_MAX, if none does.
 */
void request_start_waiting(struct server *);
int64_t request_next(const struct server *);

/* ---- payload.c ---- */

/* Forgets the request under way. */
void request_end(struct server *, struct slot *);

/*
 * In a child: forgets what the sessions of other slots have asked, passwords
 * among it.  own: the child's slot, or NULL.
 */
void request_forget_others(const struct server *, const struct slot *own);

#endif
