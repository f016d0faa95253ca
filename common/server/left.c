/* SPDX-License-Identifier: ISC */
/* See the header. */
#include "common/server/left.h"

#include "common/log/log.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>

enum { MANY = 4 };

bool
left_is_inhabited(pid_t group)
{
	return kill(-group, 0) == 0 || errno != ESRCH;
}

bool
left_add(struct server *s, pid_t group)
{
	if (s->nleft == LEFT) {
		return false;
	}
	s->left[s->nleft++] = group;
	log_error("process %d does not end though it was killed, and is left "
		  "to itself: a disk, or what its user has mounted, does not "
		  "answer; type: ps -o user,wchan:30,args %d",
	    (int)group, (int)group);
	if (s->nleft == MANY) {
		log_error("%d processes do not end: mail goes through the "
			  "queue until they have ended",
		    MANY);
	}
	return true;
}

void
left_settle(struct server *s)
{
	for (size_t i = s->nleft; i > 0; i--) {
		if (!left_is_inhabited(s->left[i - 1])) {
			s->left[i - 1] = s->left[--s->nleft];
		}
	}
}

bool
left_are_many(const struct server *s)
{
	return s->nleft >= MANY;
}
