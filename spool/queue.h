/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_QUEUE_H
#define RESTANTE_SPOOL_QUEUE_H

#include "spool/mail.h"

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

/*
 * The queue: a directory with one file for each message.  Any number of
 * processes may work on it; nothing of it needs a daemon.  restante-queue(5)
 * is the contract of the files.  Functions answer 0, or -1 with errno.
 */

/* A file lies in one of these; the folders have these names. */
enum queue_place {
	QUEUE_ACTIVE,   /* to be tried at once */
	QUEUE_DEFERRED, /* from its mtime on */
	QUEUE_HOLD,     /* when the administrator releases it */
	QUEUE_CORRUPT,  /* set aside: not readable as what it should be */
};

enum { QUEUE_PLACES = 4, QUEUE_REASON = 1024 };

struct queue {
	char path[PATH_MAX];
	int fd;                   /* the directory */
	int places[QUEUE_PLACES]; /* and its folders */
	int reasons;
};

extern const char *const queue_place_names[QUEUE_PLACES];

/* Opens it; makes folders that are not there, durably. */
int queue_open(struct queue *, const char *path)
    __attribute__((warn_unused_result));
/* Opens it without its folders: enough for the times of runs. */
int queue_open_top(struct queue *, const char *path)
    __attribute__((warn_unused_result));
void queue_close(struct queue *);

/* ---- putting in ---- */

/* The source of a body, read by pread(2) up to its end or length. */
struct queue_body {
	int fd;
	off_t from;
	off_t length; /* -1: what the file has after from now */
	bool part;    /* the file may go on after that */
	bool wire;    /* its lines end in CR LF already; else in LF */
};

/*
 * Writes the message and makes it durable in active/, or in hold/ if the mail
 * is held; sets mail->size.  When this answers 0 the mail is ours for good, and
 * until then nobody else can claim it.  EEXIST: there is a message with that
 * id, and that one is durable. On any failure nothing is left.
 */
int queue_commit(struct queue *, struct mail *, const struct queue_body *)
    __attribute__((warn_unused_result));

/*
 * Takes a claimed message of another queue over: makes a copy durable in q, and
 * then moves the other file into the folder of that name beside its place,
 * where no queue looks for messages.  One with that id in q counts as the copy.
 * 0, or -1 with errno: the other queue still has it.
 */
#define QUEUE_ADOPTED "adopted"
struct queue_file;
int queue_adopt(struct queue *q, struct queue_file *)
    __attribute__((warn_unused_result));

/* Logs that a message was taken; queue_commit() does so. */
void queue_log_taken(const struct mail *, const char *how);

/* ---- finding ---- */

struct queue_entry {
	char id[MAIL_ID + 1];
	enum queue_place place;
	time_t due; /* deferred: the file's mtime; else 0 */
};

struct queue_list {
	struct queue_entry *entries;
	size_t count, room;
	time_t
	    later; /* when the first of those comes that are not due; 0: none */
};

/*
 * Calls back with each name in a place until a call returns other than 0.  A
 * name need not be a message's id.  0, that value, or -1 with errno.
 */
int queue_each_name(struct queue *, enum queue_place,
    int (*call)(void *, const char *name), void *);

/*
 * Adds what lies in a place, by names and times; opens no file.  Only
 * what is due by then; (time_t)-1: everything.  A due time further away than
 * any retry is a clock that has jumped, and counts as due.
 */
int queue_scan(struct queue *, enum queue_place, time_t due_by,
    struct queue_list *) __attribute__((warn_unused_result));
/* By due time, then by id. */
void queue_list_sort(struct queue_list *);
void queue_list_free(struct queue_list *);

/* ---- working on one ---- */

struct queue_file {
	struct queue *queue;
	enum queue_place place;
	char id[MAIL_ID + 1];
	int fd;           /* read and write, locked */
	struct mail mail; /* as the file says; slots are kept up to date */
	off_t body;       /* where it begins */
	/* One for each recipient, read when first asked for; else NULL. */
	char **reasons;
	bool reasons_read; /* all that the file has */
	bool reasons_changed;
	bool unsynced; /* a slot that was written has to be synced */
};

enum queue_claim {
	QUEUE_CLAIMED,
	QUEUE_GONE,    /* done, moved, or never there */
	QUEUE_BUSY,    /* another process has it */
	QUEUE_DAMAGED, /* set aside into corrupt/, and logged */
	QUEUE_LATER,   /* of a later version; moved into hold/, and logged */
	QUEUE_ERROR,   /* errno */
};

/*
 * Claims a message by a lock on its file, without waiting, and reads its head.
 * The lock ends with queue_release(), or with the last process that has its
 * descriptor: a child that lives on closes it.
 */
enum queue_claim queue_claim(
    struct queue *, enum queue_place, const char *id, struct queue_file *);
void queue_release(struct queue_file *);

/* Reads a message without a claim, for showing it. */
enum queue_claim queue_read(
    struct queue *, enum queue_place, const char *id, struct queue_file *);

/* Opens the claimed file for reading alone, for an agent. */
int queue_open_body(const struct queue_file *)
    __attribute__((warn_unused_result));

/*
 * Sets a recipient's slot.  Commit point: a recipient that is done will not be
 * tried again, and a notice will not be sent again.  A change of numbers alone
 * is not synced: when that is lost, it is tried early.
 */
int queue_set(struct queue_file *, size_t recipient, const struct slot_state *)
    __attribute__((warn_unused_result));

/*
 * Do the same in two steps: data that was written survives the process, and
 * data that was synced survives the machine.  A sync that has failed is not
 * tried again.
 */
int queue_write(struct queue_file *, size_t recipient,
    const struct slot_state *) __attribute__((warn_unused_result));
int queue_sync(struct queue_file *) __attribute__((warn_unused_result));

/*
 * Moves it to where it waits until the earliest time of its waiting recipients
 * (deferred/), or into another place.  Between active/ and deferred/ that need
 * not be durable: in the wrong one of them it is only tried early.
 */
int queue_defer(struct queue_file *) __attribute__((warn_unused_result));
int queue_move(struct queue_file *, enum queue_place)
    __attribute__((warn_unused_result));

/*
 * Takes the message out.  EINVAL: a recipient is still waiting.  A message that
 * comes back after a power cut has no recipient to be tried if its slots were
 * synced; if they were not, its place has to be.
 */
int queue_remove(struct queue_file *) __attribute__((warn_unused_result));
int queue_sync_place(const struct queue *, enum queue_place)
    __attribute__((warn_unused_result));

/* ---- why it waits ---- */

/*
 * The last reply for a recipient, in full, for people and for bounces.  Kept
 * beside the message, written when that is released, and not synced; what
 * cannot be written is only lost.  A file of them that cannot be read is left
 * as it is.
 */
void queue_set_reason(struct queue_file *, size_t recipient, const char *text);
/* "" when there is none. */
void queue_reason(
    struct queue_file *, size_t recipient, char text[QUEUE_REASON]);

/*
 * Removes what remains of messages that are gone (reasons) and of processes
 * that were killed (unfinished files), when it is old.
 */
void queue_sweep(struct queue *);

/* ---- one runner at a time ---- */

/*
 * Becomes the one runner that takes care of active/.  A descriptor that has to
 * be closed when that is over, by children that live on too; or -1 with errno,
 * EWOULDBLOCK: another process is the runner.
 */
int queue_lock_runner(struct queue *) __attribute__((warn_unused_result));

/* ---- connections of all runners ---- */

enum { QUEUE_CONNECTIONS = 4095 }; /* to one hop, at most */

/*
 * Takes one of so many connections to a next hop, named by a hash, for all
 * runners of the machine.  A descriptor that holds it, for whoever has the
 * connection: it is free again when all copies are closed, or their processes
 * dead.  -1 with errno, EWOULDBLOCK: all are taken.
 */
int queue_take_connection(struct queue *, uint32_t hop, unsigned most)
    __attribute__((warn_unused_result));
/* A descriptor that says, until it is closed, that we wait for one; or -1. */
int queue_want_connection(struct queue *, uint32_t hop)
    __attribute__((warn_unused_result));
/* True if another runner does. */
bool queue_connection_wanted(struct queue *, uint32_t hop);

/* When active/ was last changed; for seeing that something arrived. */
struct timespec queue_changed(const struct queue *);

/* When the last runner ended its run over deferred/; 0: never. */
time_t queue_last_run(const struct queue *);
void queue_set_last_run(struct queue *);

/*
 * Between two such runs there may be one for mail that is tried again soon.
 * The first plans one; the second, after a run over deferred/, the next one, if
 * what is planned so was put off no more than that many seconds ago.  Trouble
 * with it only lets mail wait for the usual run.
 */
void queue_plan_run(struct queue *, time_t when);
void queue_plan_next_run(struct queue *, time_t when, time_t most);
/* True if its time has come. */
bool queue_run_planned(const struct queue *);

#endif
