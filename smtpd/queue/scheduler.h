/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_QUEUE_SCHEDULER_H
#define RESTANTE_SMTPD_QUEUE_SCHEDULER_H

#include "common/login/aliases.h"
#include "common/login/users.h"
#include "smtpd/agent/agent.h"
#include "smtpd/queue/runner.h"
#include "smtpd/queue/window.h"
#include "smtpd/route/route.h"
#include "spool/queue.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <time.h>

/*
 * The inside of the queue runner: what its files share.
 *
 *   intake.c       what lies in the queue -> claimed messages
 *   message.c      a message -> batches, each for one destination
 *   destination.c  batches that wait for one next hop
 *   crew.c         the agents: started and ended
 *   dispatch.c     batches -> agents
 *   hear.c         what agents say
 *   outcome.c      what came of a batch -> slots, reports, log
 *
 * Times in milliseconds are deadline_now()'s.
 */

enum {
	RUN_MESSAGES = 1000,     /* claimed at a time */
	RUN_RECIPIENTS = 100000, /* of those; one message may go over it */
	RUN_SHARE = 100,         /* batches that one destination may keep in
	                            memory: a slow one must not crowd out all */
	RUN_SPOILED = 100,       /* messages that we could not write to */
	DEAD_TIME = 60 * 1000,   /* ms that a next hop is left alone in a run */
	ALIVE_TIME = 30 * 1000,  /* ms for which a success proves one alive */
	BURIED_AT_ONCE = 20,     /* batches of a dead next hop */
	DESTINATION_TABLE = 1024, /* chains */
};

/* The key of all that is delivered on this machine. */
#define DESTINATION_LOCAL "local"

/* What was said of a recipient; strings are owned, "" when there is none. */
struct fate {
	uint32_t recipient; /* number in the file */
	bool known;
	bool noted; /* its slot says so */
	enum outcome_kind kind;
	/* Nobody but us will report that; SENT: enum relayed, EXPANDED: 1. */
	unsigned relayed;
	char dsn[12];
	char *host, *text;
};

/* Recipients of one message for one destination: one order. */
struct batch {
	TAILQ_ENTRY(batch) link; /* in the destination's queue */
	struct message *message;
	bool fallback; /* goes to the fallback of its route */
	bool again;    /* was given out once, and came back untried */
	int64_t made;  /* ms */
	int64_t given; /* ms, to an agent; 0: not yet */
	size_t count, room;
	struct fate *fates;
};
TAILQ_HEAD(batches, batch);

/* A claimed message; it ends when its last batch does. */
struct message {
	struct queue_file file;
	size_t batches;
	bool spoiled; /* leave it alone: we cannot write to it, or it is held */
};

struct destination {
	struct destination *chain;     /* with the same hash */
	TAILQ_ENTRY(destination) link; /* among those with waiting batches */
	uint32_t hash;
	char *key; /* hop_text(), or DESTINATION_LOCAL */
	bool local;
	struct batches waiting;
	size_t nwaiting;
	unsigned agents;
	unsigned crashes, deaths; /* of agents, since the last success */
	struct window window;
	int64_t succeeded;  /* ms; 0: not in this run */
	int64_t dead_until; /* ms; 0: alive */
	struct fate why;    /* it is dead */
};
TAILQ_HEAD(destinations, destination);

struct agent {
	struct destination *destination; /* NULL: a free place */
	pid_t pid;
	int channel;         /* -1: closed; it is only to be reaped */
	struct batch *batch; /* under way, or NULL */
	uint32_t serial;
	int64_t idle_since; /* ms */
	int64_t closed;     /* ms */
	int keep;           /* ms to stay when idle */
	struct pollfd *poll;
};

/* A message that stays on disk until its destination has room. */
struct put_aside {
	char id[MAIL_ID + 1];
	unsigned char place;
	uint32_t hash; /* of the destination's key */
};

struct intake {
	struct queue_list list; /* to be claimed, from at on */
	size_t at;
	struct put_aside *aside;
	size_t naside, room;
	bool look_aside;      /* some destination there has room again */
	struct timespec seen; /* queue_changed() before the last scan */
	bool watch;           /* new mail is ours to take */
	bool unsure;          /* seen is too fresh to tell changes by */
	int64_t scan_after;   /* ms */
	int64_t deferred_at;  /* ms; when deferred/ was scanned */
	bool done;            /* -qI and such: all was scanned */
};

struct runner {
	const struct config *config;
	const struct run *run;
	struct queue queue;
	struct intake intake;
	struct names *names; /* loaded when first needed, as the aliases */
	struct aliases *aliases;
	struct destination *table[DESTINATION_TABLE];
	struct destinations ready; /* with waiting batches */
	struct agent *agents;
	struct pollfd *polls;
	size_t nagents; /* places */
	size_t busy;    /* places taken */
	uint32_t serial;
	bool starved; /* destinations wait for a place */
	size_t messages, recipients;
	size_t most_messages, share;
	char spoiled[RUN_SPOILED][MAIL_ID + 1];
	size_t nspoiled;
	bool committed; /* new mail has come of our work */
	bool stopping;  /* no new orders */
	int status;     /* of sysexits.h */
};

/* Logs what we have run out of, and ends the run early. */
void runner_fail(struct runner *, const char *what);

/* ---- intake.c ---- */

/* Claims what there is room for.  true: there is more to be claimed at once. */
bool intake_fill(struct runner *);
/* Whether nothing is left to be claimed. */
bool intake_done(struct runner *);
/* Whether something may have arrived since the last look. */
bool intake_changed(const struct runner *);
/* The message is not to be taken again in this run. */
void intake_spoil(struct runner *, const char *id);
void intake_free(struct intake *);

/* ---- message.c ---- */

/*
 * Takes over the claimed file: makes batches of what is to be tried, and puts
 * them into their destinations.  false: the file is still the caller's,
 * because the destination with that hash has no room.
 */
bool message_open(struct runner *, struct queue_file *, uint32_t *hash);

/* NULL: no memory. */
struct batch *batch_new(struct message *, bool fallback);
struct fate *batch_add(struct batch *, uint32_t recipient);
/* Ends a batch, and its message if that was the last. */
void batch_end(struct runner *, struct batch *);
/* The next hop of the batch; false: it has none. */
bool batch_hop(const struct runner *, const struct batch *, struct hop *);
/* Moves it to the fallback of its route; false: there is none. */
bool batch_fall_back(struct runner *, struct batch *);

/* ---- expansion.c ---- */

/*
 * Mail for an address of ours: goes on in another file, to whom the aliases
 * say.  Commits that; the fate says what came of it.
 */
void expansion_run(struct runner *, struct queue_file *, struct fate *);

/* ---- destination.c ---- */

uint32_t destination_hash(const char *key);
/* The destination of that key, made if need be; NULL: no memory. */
struct destination *destination_get(struct runner *, const char *key);
/* NULL: none. */
struct destination *destination_find(const struct runner *, uint32_t hash);
void destination_put(struct runner *, struct destination *, struct batch *);
/* Behind which a batch of that priority comes; NULL: it is the first. */
struct batch *destination_last(const struct destination *, int priority);
/* NULL: nothing waits. */
struct batch *destination_take(struct runner *, struct destination *);
/* An order was carried out. */
void destination_success(struct destination *);
/* Whether it works all the same, though a connection has failed. */
bool destination_alive(const struct destination *);
/* What is left of a batch goes to the fallback, or is deferred as why says. */
void destination_refuse(struct runner *, struct destination *, struct batch *,
    const struct fate *why);
/* It does not work: so is all that waits for it, and comes in DEAD_TIME. */
void destination_die(
    struct runner *, struct destination *, const struct fate *why);
/* Refuses what waits for one that is dead; false: it is not. */
bool destination_bury(struct runner *, struct destination *);
/* Forgets those of which there is nothing to remember; or all. */
void destination_sweep(struct runner *, bool all);

/* ---- crew.c ---- */

/* Makes places for agents; 0 or -1. */
int crew_open(struct runner *);
/* Starts one in a free place; hop NULL: for this machine. */
bool crew_start(
    struct runner *, struct agent *, struct destination *, const struct hop *);
/* The order is over; why: for those of whom nothing was said. */
void crew_end_order(struct runner *, struct agent *, const char *why);
/* Ends the channel, and thereby the agent. */
void crew_hang_up(struct agent *);
/* Lets idle ones go, and reaps. */
void crew_tend(struct runner *);
/* Whether orders are under way. */
bool crew_working(const struct runner *);
/* Gives up what is under way: what has no outcome stays as it was. */
void crew_abandon(struct runner *);
void crew_free(struct runner *);

/* ---- dispatch.c, hear.c ---- */

/*
 * Gives waiting batches to agents, starting some.  true: more of what waits for
 * dead next hops can be deferred at once.
 */
bool crew_dispatch(struct runner *);
/* Waits for what agents say, and takes it. */
void crew_wait(struct runner *, int timeout);

/* ---- outcome.c ---- */

/* Strings are copied. */
void fate_set(struct fate *, enum outcome_kind, const char *dsn,
    const char *host, const char *text);
void fate_free(struct fate *);
/* Takes what an agent says of a recipient of its batch. */
void outcome_take(
    struct runner *, struct batch *, const struct outcome *, bool local);
/* Notes down all that is known: reports, slots, reasons, log. */
void outcome_conclude(struct runner *, struct batch *, bool local);

#endif
