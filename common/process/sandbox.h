/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_PROCESS_SANDBOX_H
#define RESTANTE_COMMON_PROCESS_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Shuts the calling process in for good: it keeps the descriptors it has, can
 * get no new one, and may make only the system calls that reading, writing,
 * waiting and memory need.  What it may not do fails with EPERM.  0, or -1 with
 * errno.
 */
int sandbox_session(void) __attribute__((warn_unused_result));

/*
 * Confines a process that forks sessions, and opens no file, makes no socket
 * but pairs, and runs no program.  What it forks does the rest for itself when
 * it has its descriptors, and is then as shut in as by sandbox_session().
 */
int sandbox_starter(void) __attribute__((warn_unused_result));
int sandbox_started_session(void) __attribute__((warn_unused_result));

/*
 * Lets the calling process make no file longer than that; what it writes beyond
 * fails with EFBIG.  0: no limit.  0, or -1 with errno.
 */
int sandbox_file_size(uint64_t octets) __attribute__((warn_unused_result));

/*
 * Confines the keeper of private keys in the same way; it may only receive,
 * send, log, and have memory.
 */
int sandbox_keeper(void) __attribute__((warn_unused_result));

/*
 * Confines a process that asks others by the descriptors that it has: what a
 * session may do, and read at offsets.
 */
int sandbox_talker(void) __attribute__((warn_unused_result));

/*
 * Confines a process that connects to others: it may make and use sockets
 * for the Internet, and read at offsets from files that it is given, but open
 * none.
 */
int sandbox_client(void) __attribute__((warn_unused_result));

/*
 * Confines a process that has become the owner of a mailbox: it may use
 * files as the locks, the mailbox and what belongs to it need, and ask whether
 * processes are there; it makes no sockets, signals nobody, runs no program and
 * changes nobody's rights.
 */
int sandbox_mailbox(void) __attribute__((warn_unused_result));

/*
 * The files of one mailbox, by descriptor (O_PATH will do); -1: there is none.
 * They must be closed by the caller.
 */
enum sandbox_file {
	SANDBOX_MAILBOX,
	SANDBOX_DOTLOCK, /* one that is there now, of whomever */
	SANDBOX_FOLDER,  /* of the mailbox: locks come and go in it */
	SANDBOX_LOCKS,   /* the same, where locks have to be written, too */
	SANDBOX_STATE,   /* the folder of the user for what belongs to it */
	SANDBOX_FILES,
};

/*
 * Confines the process, for good, to these files, and to a few of the system
 * that hold no secrets, where the kernel can do that (landlock.h).  It can run
 * no program with more rights than it has.  0, or -1 with errno.
 */
int sandbox_files(const int fd[SANDBOX_FILES])
    __attribute__((warn_unused_result));

/*
 * Confines a queue runner to the queue, to what it counts, and to the folder
 * where figures are written for others ("": nowhere); what it may read of the
 * system besides is what lookups of users need.  Only with a Landlock that lets
 * files change folders (version 2): sandbox_can_confine_runner(). 0, or -1 with
 * errno.
 */
bool sandbox_can_confine_runner(void);
int sandbox_runner(const char *queue, const char *state,
    const char *stats_folder) __attribute__((warn_unused_result));

/*
 * Confines the calling process, for good, where the kernel has Landlock, to
 * what such a task needs.  It writes to no file but in the folder (NULL: in
 * none; only if sandbox_can_confine_runner()), runs no program, signals nobody
 * but its own children, and connects to no other machine, but for what the task
 * says.  0, or -1 with errno.
 */
enum sandbox_task {
	SANDBOX_READER, /* reads whatever its user may */
	SANDBOX_ASKER,  /* the same; uses sockets, for names and accounts */
	SANDBOX_WAITER, /* opens nothing; ends what it has started before */
	SANDBOX_JUDGE,  /* opens nothing: it looks at what it has open */
	SANDBOX_TASKS,
};
int sandbox_task(enum sandbox_task, const char *folder)
    __attribute__((warn_unused_result));

/*
 * Limits the memory of the calling process to what it has inherited and so
 * many octets more.  Called before it loses its rights.
 */
enum { SANDBOX_MEMORY = 16 * 1024 * 1024 }; /* enough for most */
int sandbox_memory(size_t octets);

#endif
