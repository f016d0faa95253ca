/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_PROCESS_PRIVILEGE_H
#define RESTANTE_COMMON_PROCESS_PRIVILEGE_H

#include "common/config/config.h"

#include <limits.h>
#include <sys/types.h>

/*
 * Giving up root.  Each step is verified; a process that cannot give up what
 * it should must end.  If the program was not started as root, there is nothing
 * to give up and these functions do nothing.
 */

/*
 * Becomes the user for good, with shared (unless (gid_t)-1) as its one more
 * group.  0 or -1.  For the owner of a mailbox, see spool/become.h.
 */
int privilege_become(uid_t uid, gid_t gid, gid_t shared)
    __attribute__((warn_unused_result));

/*
 * Empties the capability bounding set, so that not even a set-user-ID program
 * could bring a capability back: for those who start no program.  Each removal
 * copies the credentials (2 us), so that what is not there is not removed.
 * Where that is not allowed, the set stays as it is.
 */
void privilege_empty_bounds(void);

/* The confinement of session processes: a user, in an empty root directory. */
struct confinement {
	uid_t uid;
	gid_t gid;
	char directory[PATH_MAX];
};

/*
 * Finds the session user and makes the directory, while still root.  0, or -1
 * with the reason logged.
 */
int privilege_prepare(const struct config *, struct confinement *)
    __attribute__((warn_unused_result));

/* Enters the confinement.  0, or -1 with the reason logged. */
int privilege_confine(const struct confinement *)
    __attribute__((warn_unused_result));

/*
 * Gives up all but connecting to others, in an empty root directory, and so
 * many octets of memory (sandbox.h); ends the process, and logs why, if that
 * fails.
 */
void privilege_become_client(const struct config *, size_t memory);

/* Does the same for a process that has all the descriptors that it needs: it
   gets no more. */
void privilege_become_talker(const struct config *);

#endif
