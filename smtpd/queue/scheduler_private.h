/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_QUEUE_SCHEDULER_PRIVATE_H
#define RESTANTE_SMTPD_QUEUE_SCHEDULER_PRIVATE_H

#include "common/auth/srs.h"
#include "common/login/users.h"
#include "smtpd/agent/agent.h"
#include "smtpd/queue/runner.h"
#include "smtpd/queue/starter.h"
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
 * What the files of the queue runner share.  Each calls only those below it:
 *
 *   runner.c        the loop
 *   dispatch.c      batches -> orders to agents
 *   signing.c       what agents need to sign a message, and who has it
 *   agents.c        processes: their start and end, outcomes from them
 *   intake.c        files of the queue -> claimed messages
 *   batches.c       recipients -> batches -> destinations
 *   expansion.c     an address of ours -> a message of its own
 *   forwarding.c    whose sender is rewritten, and how
 *   places.c        how many agents may do which kind of work
 *   parties.c       whose mail it is
 *   owners.c        what is delivered here, owner by owner
 *   destinations.c  what waits for a next hop, and whether that works
 *   message.c       a claimed message and its batches, until both end
 *   outcome.c       results -> reports, slots of the file, log
 *   successes.c     how many reports of success strangers get
 *
 * Times in milliseconds are deadline_now()'s.
 */

enum {
	RUN_MESSAGES = 1000,     /* claimed at a time */
	RUN_RECIPIENTS = 100000, /* of those; one message may go over it */
	RUN_SHARE = 100,         /* batches that one destination may keep in
	                            memory at most, and a quarter of the room
	                            that is left: some is left for others */
	RUN_SPOILED = 100,       /* messages that we could not write to */
	DEAD_TIME = 60 * 1000,  /* ms that a next hop is left alone in a run, */
	DEAD_NAMED = 20 * 1000, /* and one that is tried again soon */
	FULL_TIME = 100,        /* ms until a connection is asked for again */
	SHARE_TIME = 2000,      /* ms after which one goes to another runner */
	ALIVE_TIME = 30 * 1000, /* ms for which a success proves one alive */
	BURIED_AT_ONCE = 20,    /* batches of a dead next hop */
	DESTINATION_TABLE = 1024, /* chains */
};

/* The prefix of the keys of all local deliveries. */
#define DESTINATION_LOCAL "local"

/* The result for a recipient; strings are owned, "" when there is none. */
struct result {
	uint32_t recipient; /* number in the file */
	bool known;
	bool noted; /* in its slot */
	bool dead;  /* DEFERRED since the next hop does not work */
	/* The owner whose turn it takes while an agent has it; for local
	   mail only. */
	struct destination *turn;
	enum outcome_kind kind;
	/* Why the report is ours to write; SENT: enum relayed, EXPANDED: 1.
	   DEFERRED: DEFERRED_ELSEWHERE. */
	unsigned relayed;
	char dsn[12];
	char *host, *text;
};

/* Recipients of one message for one destination: one order. */
struct batch {
	TAILQ_ENTRY(batch) link; /* in the destination's queue, or in ended */
	TAILQ_ENTRY(batch) peer; /* among the waiting ones of the message */
	struct claimed *message;
	struct destination *destination; /* while it waits there */
	bool local;                      /* delivered on this machine */
	bool fallback;                   /* goes to the fallback of its route */
	bool named, store;               /* as its destination's */
	bool again;    /* was given out once, and came back untried */
	int64_t made;  /* ms */
	int64_t given; /* ms, to an agent; 0: not yet */
	size_t count, room;
	struct result *results;
};
TAILQ_HEAD(batches, batch);

/* The order of sending: a report that we, or others, have written goes last. */
enum standing { STANDING_REPORT, STANDING_STRANGER, STANDING_USER };

/* The parties to which mail belongs, as hashes; each may have a share of the
   places. */
enum party { PARTY_USER, PARTY_CLIENT, PARTY_NETWORK, PARTY_DOMAIN };
enum { PARTIES = 4, PARTY_ROOMS = 256 };

/* The kinds of work, each of which leaves places to the others. */
enum work { WORK_MAILBOX, WORK_COMMAND, WORK_RELAY, WORK_REPORT };
enum { WORKS = 4 };

/* A claimed message; it ends when its last batch does. */
struct claimed {
	enum standing standing;
	uint32_t parties[PARTIES]; /* 0: none */
	unsigned room;             /* party_room() */
	struct queue_file file;
	size_t batches;
	struct batches waiting; /* those that wait in some destination */
	bool spoiled; /* leave it alone: we cannot write to it, or it is held */
	int64_t written; /* ms; in the list of those to be synced; 0: not */
	TAILQ_ENTRY(claimed) link;
};
TAILQ_HEAD(claims, claimed);

struct destination {
	struct destination *chain;     /* with the same hash */
	TAILQ_ENTRY(destination) link; /* among those with waiting batches */
	uint32_t hash;
	char *key; /* hop_text(), or owner_key() */
	bool local;
	bool command; /* local: commands and files, which may take long */
	bool named;   /* the configuration names the host, and not the DNS */
	bool store;   /* it takes mail by LMTP */
	struct batches waiting;
	size_t nwaiting;
	unsigned agents; /* that it has; local: orders with mail of the owner */
	unsigned crashes, deaths; /* of agents, since the last success */
	struct window window;
	int64_t full_until; /* ms; other runners have all connections */
	int wanted;         /* a descriptor that tells them that we wait */
	int64_t succeeded;  /* ms; 0: not in this run */
	int64_t dead_until; /* ms; 0: alive */
	struct result why;  /* of dead_until */
};
TAILQ_HEAD(destinations, destination);

struct agent {
	/* NULL: a free place.  Agents for local mail work for everybody: theirs
	   is the runner's "here". */
	struct destination *destination;
	pid_t pid;
	int channel;         /* -1: closed; it is only to be reaped */
	struct batch *batch; /* under way, or NULL */
	uint32_t serial;
	int64_t started;    /* ms */
	unsigned orders;    /* carried out */
	bool open;          /* it has a session with its next hop */
	int64_t idle_since; /* ms */
	int64_t closed;     /* ms */
	int keep;           /* ms to stay when idle */
	struct pollfd *poll;
	uint64_t ticket;     /* of a question that has no answer yet; 0: none */
	unsigned signatures; /* that its order has asked for */
	struct agent_question question;
};

/* The process that has the keys which sign mail: from the first question on. */
struct signing {
	pid_t pid;     /* 0: there is none */
	int channel;   /* to it */
	int64_t until; /* ms; by then it has said something; 0: no need */
	bool known;    /* the names of its keys are here, all of them */
	bool stale;    /* others are there by now: it is to be started anew */
	bool said;     /* that mail goes without a signature */
	struct dkim_name *names;
	size_t count, taken;
	uint64_t folder;     /* as dkim_keys_version() had it then */
	uint32_t generation; /* of names; numbers of keys are of one of them */
	int64_t begun;       /* ms; when they were here */
	uint64_t tickets;
	unsigned waiting;       /* questions that it has */
	char why[CONFIG_ERROR]; /* not known: for this reason; "": not yet */
	int64_t again;          /* ms; not started again before */
};

/* A message that stays on disk until its destination has room. */
struct put_aside {
	char id[MAIL_ID + 1];
	unsigned char place;
	uint32_t hash; /* of the destination's key; 0: several, or none */
	unsigned room; /* of the party that has none; 0: not for that */
};

struct intake {
	struct queue_list list; /* to be claimed, from at on */
	size_t at;
	struct put_aside *aside;
	size_t naside, room;
	bool look_aside;      /* some destination may have room again */
	struct timespec seen; /* queue_changed() before the last scan */
	bool watch;           /* new mail is ours to take */
	bool unsure;          /* seen is too recent to detect changes */
	int notices;          /* inotify(7) of active/, or -1 */
	uint32_t renamed; /* of the last file that has left its name there */
	bool noticed;     /* mail has come since the last scan began, */
	int64_t notice_after; /* ms; and when that may be looked at */
	int64_t scan_after;   /* ms */
	int64_t aside_after;  /* ms; when those put aside are looked at again */
	int64_t deferred_at;  /* ms; when deferred/ was scanned */
	bool done;            /* -qI and such: all was scanned */
};

struct runner {
	const struct config *config;
	const struct queue_run *run;
	struct queue queue;
	struct intake intake;
	struct signing signing;
	struct starter starter; /* of agents, where the runner is confined */
	struct names *names;    /* loaded when first needed, as the aliases; */
	struct aliases *aliases;
	struct lists *lists; /* that aliases include; NULL: not read */
	/* before, where the runner is confined; and this is why it has none */
	char unreadable[CONFIG_ERROR];
	struct destination *table[DESTINATION_TABLE];
	struct destinations ready; /* with waiting batches */
	struct destination here;   /* of all agents for local mail */
	struct agent *agents;
	struct pollfd *polls;
	size_t nagents; /* places */
	size_t busy;    /* places taken */
	uint32_t serial;
	struct batches ended; /* carried out, and not yet recorded */
	size_t nended;
	struct claims written;      /* with slots that are not yet synced */
	bool removed[QUEUE_PLACES]; /* messages, since that was synced, */
	size_t nremoved;            /* and how many */
	bool starved;               /* destinations wait for a place */
	bool waits[WORKS];          /* for others of its kind */
	size_t messages, recipients;
	unsigned rooms[PARTY_ROOMS]; /* messages by party_room() */
	size_t most_messages, share;
	char spoiled[RUN_SPOILED][MAIL_ID + 1];
	size_t nspoiled;
	bool committed; /* we have put mail into the queue */
	bool stopping;  /* no new orders */
	int status;     /* of sysexits.h */
};

/* ---- outcome.c ---- */

/* Strings are copied. */
void result_set(struct result *, enum outcome_kind, const char *dsn,
    const char *host, const char *text);
void result_free(struct result *);
/* Takes what an agent says of a recipient of its batch. */
void outcome_take(struct runner *, struct batch *, const struct outcome *);
/* Notes down all results that are known: reports, slots, reasons, log. */
void outcome_conclude(struct runner *, struct batch *);
/* Syncs the slots of a message that have been written. */
void outcome_sync(struct runner *, struct claimed *);
/* A message was removed from its place: what was written no longer matters. */
void outcome_removed(struct runner *, struct claimed *);
/* Syncs the folders of what was removed, or else slots of one message. */
void outcome_sync_some(struct runner *);
/* True if that is due: at a power cut little is to be done twice. */
bool outcome_sync_due(const struct runner *);
/* True if all is synced. */
bool outcome_synced(const struct runner *);

/* ---- message.c ---- */

/* Logs what is missing, with errno, and ends the run early. */
void runner_fail(struct runner *, const char *what);

/* A spoiled message is not taken again in this run. */
void message_spoil(struct runner *, const char *id);
bool message_is_spoiled(const struct runner *, const char *id);

/* NULL: no memory. */
struct batch *batch_new(struct claimed *);
struct result *batch_add(struct batch *, uint32_t recipient);
/* Ends a batch, and its message if that was the last. */
void batch_end(struct runner *, struct batch *);

/* ---- destinations.c ---- */

uint32_t destination_hash(const char *key);
/* The destination with that key, made if need be; NULL: no memory. */
struct destination *destination_get(struct runner *, const char *key);
/* NULL: none. */
struct destination *destination_find(const struct runner *, uint32_t hash);
void destination_put(struct runner *, struct destination *, struct batch *);
/* How early a message goes: by its priority; reports after all others. */
int message_rank(const struct claimed *);
/* The last batch whose rank is not lower; NULL if there is none. */
struct batch *destination_last(const struct destination *, int rank);
/* Takes a batch out of the destination in which it waits. */
void destination_remove(struct runner *, struct batch *);
/* The first batch; NULL: nothing waits. */
struct batch *destination_take(struct runner *, struct destination *);
/* An order was carried out. */
void destination_success(struct destination *);
/* True if it works all the same, though a connection has failed. */
bool destination_alive(const struct destination *);
/* We wait for no connection of other runners any more. */
void destination_satisfied(struct destination *);
/* Forgets idle destinations of which nothing is worth remembering. */
void destinations_sweep(struct runner *);
void destinations_free(struct runner *);

/* The batches that a destination may keep in memory now. */
size_t destination_share(const struct runner *);

/* ---- owners.c ---- */

enum { OWNER_KEY = sizeof(DESTINATION_LOCAL) + USER_NAME + MAIL_TEXT + 4 };

/*
 * Local deliveries wait by owner: that of a mailbox and, apart from it, that of
 * commands and files.  Commands and files of aliases have one owner, and each
 * waits for itself.
 */
const char *owner_key(
    const struct config *, const struct recipient *, char key[OWNER_KEY]);
/* True if an order may take another turn of the owner. */
bool owner_has_turn(const struct destination *);
/*
 * Takes a batch, and into it what else waits of the same message for mailboxes
 * whose owners have a turn: one order, read once.
 */
void owner_take(struct runner *, struct batch *);
/* The recipient no longer takes a turn. */
void owner_release(struct result *);

/* ---- parties.c ---- */

enum standing party_standing(const struct mail *);
/* Sets standing and parties of a message. */
void party_set(struct claimed *);
/* The number of the room in memory that its party has; 0: any. */
unsigned party_room(const struct claimed *);
bool party_has_room(const struct runner *, unsigned room);

/* ---- successes.c ---- */

/* Counts a report of success; false: its network has had too many. */
bool success_allowed(const struct runner *, const struct claimed *);

/* ---- places.c ---- */

enum work place_work(const struct batch *);
/*
 * True if an agent may take that batch: each kind of work leaves places for the
 * others, and so does each party.  For the first, waits[] says so.
 */
bool place_allowed(struct runner *, const struct batch *);

/* ---- expansion.c ---- */

/*
 * Expands a recipient at an address of ours by the aliases, and commits a
 * message to whom they lead; the result says what came of it.
 */
void expansion_run(struct runner *, struct queue_file *, struct result *);
/* Reads users and aliases while the files can be opened. */
void expansion_prepare(struct runner *);

/* ---- forwarding.c ---- */

/*
 * True if a recipient elsewhere has been named by an alias or a ~/.forward of
 * ours, and the sender is somebody else's: its next hop would have us send in
 * a name that is not ours.
 */
bool forwarding_is(
    const struct config *, const struct mail *, const struct recipient *);
/* True if it is a stranger's message there, which gets a seal (ARC). */
bool forwarding_seals(
    const struct config *, const struct mail *, const struct recipient *);
/*
 * The sender that a forwarded batch goes with, or "" for its own.  0, or -1:
 * the mail has to wait, for the reason in why.
 */
int forwarding_sender(const struct runner *, const struct batch *,
    char sender[ADDRESS_TEXT], char why[CONFIG_ERROR])
    __attribute__((warn_unused_result));
/* Has the secret for it while the file can be opened. */
void forwarding_prepare(const struct runner *);
/* The keys that signed such senders, for expanding them; NULL: the file has
   to be read. */
const struct srs_keys *forwarding_keys(void);
/* Wipes the key: no process that reads the network has it. */
void forwarding_forget(void);

/* ---- batches.c ---- */

/*
 * Takes over the claimed file: makes batches of the recipients to be tried, and
 * puts them into their destinations.  false: the file is still the caller's,
 * because its destination, or its party, has no room: hash or room are set.
 */
bool message_open(struct runner *, struct queue_file *, struct put_aside *);
/* The next hop of the batch; false: it has none. */
bool batch_hop(const struct runner *, const struct batch *, struct hop *);
/* Recipients whom the next hop has put off go to the fallback of their route,
   if there is one. */
void batch_divert(struct runner *, struct batch *);
/* The batch goes to the fallback of its route, or is deferred as why says. */
void batch_refuse(struct runner *, struct batch *, const struct result *why);
/* Marks the next hop as down for a while and defers all queued for it. */
void destination_die(
    struct runner *, struct destination *, const struct result *why);
/* Refuses some of what waits for a next hop that is down; false: it is not. */
bool destination_bury(struct runner *, struct destination *);

/* ---- intake.c ---- */

/*
 * Has the kernel tell of new mail, where it can: then nothing waits for the
 * next look at active/.
 */
void intake_watch(struct runner *);
/* Takes what the kernel tells, when the descriptor notices is readable. */
void intake_notice(struct intake *);
/* Claims what there is room for.  true: more can be claimed at once. */
bool intake_fill(struct runner *);
/*
 * True if a run is due; with start, of a server, also if there is mail in
 * active/, which nobody works on any more.
 */
bool intake_is_due(struct queue *, bool start);
/* True if nothing is left to be claimed. */
bool intake_done(struct runner *);
/* True if something may have arrived since the last look. */
bool intake_changed(const struct runner *);
void intake_free(struct intake *);

/* ---- dispatch.c ---- */

/*
 * Gives waiting batches to agents, starting some.  true: more of what waits for
 * dead next hops can be deferred at once.
 */
bool agents_dispatch(struct runner *);

/* ---- agents.c ---- */

/* Makes places for agents; 0 or -1. */
int agents_open(struct runner *);
/* Has agents started by a process of their own from now on.  0, or -1. */
int agents_begin_starter(struct runner *) __attribute__((warn_unused_result));
/*
 * Starts one for the destination; hop NULL: local.  slot: a descriptor that it
 * keeps, and is closed here; or -1.  false: none was started; logged.
 */
bool agent_start(struct runner *, struct agent *, struct destination *,
    const struct hop *hop, int slot);
/*
 * Cuts off agents that have had no session with their next hop for some time,
 * where others of their kind wait for a place.
 */
void agents_hurry(struct runner *);
/* It gets no more orders, and ends when it has carried out the last one. */
void agent_close(struct agent *);
/* Waits for outcomes, and takes them. */
void agents_wait(struct runner *, int timeout);
/*
 * Records an order that was carried out, or syncs what of one was written: the
 * disk takes its time, in which agents have other orders.  true: there is more.
 */
bool agents_settle(struct runner *);
/* Lets idle agents go, and reaps those that ended. */
void agents_tend(struct runner *);
/* True if orders are under way. */
bool agents_working(const struct runner *);
/* Gives up what is under way: what has no outcome stays as it was. */
void agents_abandon(struct runner *);
void agents_free(struct runner *);

/* Starts the signer: its process id, or -1 with errno. */
pid_t agent_start_signer(const struct runner *, int channel);

/* ---- signing.c ---- */

/* Takes a question of an agent: it is answered now or later. */
void signing_take(
    struct runner *, struct agent *, const struct agent_question *);

/* Says once a day that mail of ours leaves without a key to sign it by. */
void signing_remind(struct runner *, const struct batch *);

/* Takes what the signer says, and keeps its deadlines. */
void signing_serve(struct runner *);
void signing_keep(struct runner *);
void signing_close(struct runner *);

/* ---- policies.c ---- */

/* Keeps what an agent says of the domain that it has mail for.  false: it may
   not say that. */
bool policies_take(
    const struct runner *, const struct agent *, const struct agent_news *);
/* Does the same with the result of TLS, for a report. */
bool policies_note(
    const struct runner *, const struct agent *, const struct tls_note *);

#endif
