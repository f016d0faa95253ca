/* SPDX-License-Identifier: ISC */
/* The UPDATE state: what QUIT does to the mailbox. */
#include "common/log.h"
#include "pop3d/transaction.h"
#include "spool/mailbox.h"

#include <errno.h>
#include <string.h>

enum { EXPUNGE_TIMEOUT = 60 * 1000 };

/* +OK only when what was deleted is gone for good. */
enum next
transaction_quit(struct session *s, char *argument)
{
	unsigned long long total;

	(void)argument;
	size_t left = transaction_remaining(s, &total);
	if (left < mailbox_count(s->mailbox) &&
	    mailbox_expunge(s->mailbox, s->deleted, EXPUNGE_TIMEOUT) == -1) {
		const char *code = session_trouble(errno);
		log_error(
		    "cannot delete mail of %s: %s", s->user, strerror(errno));
		session_reply(s, "-ERR %s Messages were not deleted", code);
		return NEXT_END;
	}
	/* Who hears this may log in again at once. */
	session_lock_release(s->lock);
	s->lock = NULL;
	s->ending = ENDING_QUIT;
	session_reply(s, "+OK Bye, %zu messages left", left);
	return NEXT_END;
}
