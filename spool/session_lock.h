/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_SESSION_LOCK_H
#define RESTANTE_SPOOL_SESSION_LOCK_H

/*
 * One POP3 session for each user, by a lock apart from the mailbox's: mail is
 * delivered during a session, but two sessions would trip over each other's
 * deletions.  A session that has been idle for a minute gives way.
 */

struct session_lock;

/*
 * Takes the lock in the user's directory.  0, or -1 with errno: EWOULDBLOCK,
 * another session is at work.
 */
int session_lock_take(struct session_lock **, const char *directory)
    __attribute__((warn_unused_result));

/* Notes that the client has sent a command. */
void session_lock_touch(struct session_lock *);

void session_lock_release(struct session_lock *);

#endif
