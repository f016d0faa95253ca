/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_PROCESS_PROCESS_H
#define RESTANTE_COMMON_PROCESS_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The first steps of every forked process, and how its parent waits for it. */

/*
 * Closes all descriptors but 0 to 2 and those listed, which get sorted (-1
 * stands for none).
 */
void process_close_others(int *keep, size_t n);

/*
 * Catches and blocks no signals, and ignores SIGINT: the parent passes on the
 * signals that matter.
 */
void process_default_signals(void);

/*
 * Leads a process group of its own, in which its parent finds whom it has
 * forked.  Where there is a controlling terminal, into which a process that has
 * been taken over could type (TIOCSTI), it leaves that as well, by a session of
 * its own; elsewhere not, since Linux makes a scheduling group for each session
 * (autogroup, sched(7)), which costs a quarter of a fork.
 */
void process_lead_group(void);

/* Do the same in two steps: the parent can ask whether there is a terminal. */
bool process_has_terminal(void);
void process_lead_group_by(bool terminal);

/* Gives the process a name of its own in ps(1), of at most 15 octets. */
void process_set_name(const char *name);

/* Prepares for execve(2): no signal is caught, ignored or blocked. */
void process_plain_signals(void);

/*
 * Ends with its parent, should that be killed: what it was to wait for is then
 * nobody's.  Changing the uid undoes it.
 */
void process_end_with_parent(pid_t parent);

/*
 * Forks like fork(2), but the child belongs to our parent, which is told of its
 * end.  Handlers of pthread_atfork(3) are not run, so this is only for a
 * process without libraries that have such handlers.  -1 with errno.
 */
pid_t process_fork_sibling(void) __attribute__((warn_unused_result));

/*
 * For a process that stays and forks many: does once what each of them would do
 * first.
 */
void process_prepare(void);

/*
 * Kills a child and its process group, and waits for its end, at most so many
 * ms: what its user has mounted can hold a process in the kernel for good.
 * false: it has not ended; its status is nobody's then.
 */
bool process_kill(pid_t pid, int patience, int *status);

enum { PROCESS_DEATH = 5 * 1000 }; /* ms that this takes at most */

/* How a process has ended. */
enum process_end {
	PROCESS_EXITED,
	PROCESS_SIGNALED,
	PROCESS_LATE,   /* it was killed at its deadline */
	PROCESS_FAILED, /* it could not be started: errno */
};

/*
 * Runs a function in a process that leads a group of its own, has plain signals
 * and ends with its parent (see above), or with the status that the function
 * returns.  Waits for it, at most limit ms, and kills it and its process group.
 * status: its exit status, or the number of the signal.
 */
enum process_end process_run(
    int (*run)(void *context), void *context, int limit, int *status);

/*
 * The next of our children that ends, with its status as of waitpid(2); 0: none
 * does until the deadline, a time of deadline_now(); -1: none is left.  SIGCHLD
 * is blocked from then on.
 */
pid_t process_next_end(int64_t deadline, int *status);

#endif
