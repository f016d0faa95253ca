/* SPDX-License-Identifier: ISC */
/* The UPDATE state: what QUIT does to the mailbox. */
#include "common/log/log.h"
#include "common/log/stats.h"
#include "pop3d/mailbox/retrieved.h"
#include "pop3d/mailbox/transaction.h"
#include "spool/foreign.h"
#include "spool/kept_deleted.h"
#include "spool/mailbox.h"

#include <errno.h>
#include <string.h>
#include <time.h>

enum {
	UPDATE_TIMEOUT = 60 * 1000,
	MARK_TIMEOUT = 5 * 1000,
	DAY = 24 * 60 * 60
};

/*
 * Marks what was retrieved long enough ago as deleted, too.  The days count
 * from the first time: a client that comes often has had that long.
 */
static void
expire(struct session *s, const struct retrieved *c, time_t now)
{
	time_t days = (time_t)limits_of(&s->config->expire, s->user);
	char uidl[MAILBOX_UIDL + 1];
	size_t expired = 0;

	for (size_t i = 0; i < mailbox_count(s->transaction->mailbox); i++) {
		mailbox_uidl(mailbox_message(s->transaction->mailbox, i), uidl);
		time_t since = retrieved_since(c, uidl);
		if (since != 0 && now - since >= days * DAY &&
		    !s->transaction->deleted[i]) {
			s->transaction->deleted[i] = true;
			s->transaction->ndeleted++;
			expired++;
		}
	}
	if (expired > 0) {
		log_info("%zu messages of %s have expired", expired, s->user);
	}
}

/* Notes what has been retrieved now and is still there. */
static void
note(struct session *s, const struct retrieved *c, time_t now)
{
	if (retrieved_write(c, s->transaction->store.directory,
		s->transaction->mailbox, s->transaction->deleted,
		s->transaction->was_retrieved, now) == -1) {
		log_error("cannot write %s/collected, so that nothing new will "
			  "expire: %s",
		    s->transaction->store.directory, strerror(errno));
	}
}

/* True if a mail reader should know of something that was retrieved. */
static bool
has_news(const struct session *s)
{
	return s->config->mark_as_read &&
	       memchr(s->transaction->was_retrieved, true,
		   mailbox_count(s->transaction->mailbox)) != NULL;
}

/*
 * Removes deleted and expired messages.  0, or -1 with errno; *unsynced: they
 * are removed, but a crash may undo that.
 */
static int
change(struct session *s, bool *unsynced)
{
	bool expires = limits_of(&s->config->expire, s->user) > 0 &&
	               mailbox_identify(s->transaction->mailbox) == 0;
	struct retrieved *c =
	    expires ? retrieved_open(s->transaction->store.directory) : NULL;
	struct mailbox_update u = { .deleted = s->transaction->deleted,
		.read = has_news(s) ? s->transaction->was_retrieved : NULL };
	time_t days = (time_t)limits_of(&s->config->undelete, s->user);
	time_t now = time(NULL);
	struct kept_deleted kept = {
		.directory = s->transaction->store.directory, .now = now
	};
	int result = 0;

	u.keep = days > 0 ? kept_deleted_add : NULL;
	u.context = &kept;
	u.unsynced = unsynced;
	if (c != NULL) {
		expire(s, c, now);
	}
	if (days > 0) {
		/* First, so that there is room for what is kept from now on. */
		kept_deleted_prune(s->transaction->store.directory, days, now);
	}
	if (s->transaction->ndeleted > 0) {
		result =
		    mailbox_update(s->transaction->mailbox, &u, UPDATE_TIMEOUT);
	} else if (u.read != NULL && mailbox_update(s->transaction->mailbox, &u,
					 MARK_TIMEOUT) == -1) {
		/* Nobody was promised that. */
		log_warn("cannot mark mail of %s as read: %s", s->user,
		    strerror(errno));
	}
	if (result == 0 && c != NULL) {
		note(s, c, now);
	}
	int saved = errno;
	retrieved_close(c);
	errno = saved;
	return result;
}

/* Says what has become of the deletion: nothing, or not all of it. */
static enum next
cannot_delete(struct session *s, int error, bool unsynced)
{
	bool full = error == ENOSPC || error == EDQUOT;
	bool later = !unsynced && store_is_unfinished(&s->transaction->store);
	char why[FOREIGN_TEXT];

	foreign_why(error, s->transaction->store.mailbox, why);
	log_error("cannot delete mail of %s%s: %s", s->user,
	    unsynced ? " for good, it may come back after a crash"
	    : later  ? " now, the next login goes on with it"
		     : "",
	    why);
	if (unsynced || later) {
		reply_error(
		    s, later ? REPLY_DELETED_LATER : REPLY_DELETED_UNSYNCED);
	} else {
		reply_trouble(s, REPLY_CANNOT_DELETE, error,
		    REPLY_ARGS(full ? ": the disk is full" : ""));
	}
	return NEXT_END;
}

/* +OK only when what was deleted is gone for good. */
enum next
transaction_quit(struct session *s, char *argument)
{
	unsigned long long total;
	bool unsynced = false;

	(void)argument;
	/* A client that is gone, or does not read, has not seen what it asked
	   to delete: its QUIT came along with the rest. */
	if (stream_flush(s->stream) == -1) {
		return NEXT_END;
	}
	if (change(s, &unsynced) == -1) {
		return cannot_delete(s, errno, unsynced);
	}
	stats_add(STATS_POP3_DELETED, s->transaction->ndeleted);
	/* A client that reads the reply may log in again at once. */
	session_lock_release(s->transaction->lock);
	s->transaction->lock = NULL;
	s->ending = ENDING_QUIT;
	reply_ok_with(
	    s, "Bye, %zu messages left", transaction_remaining(s, &total));
	return NEXT_END;
}
