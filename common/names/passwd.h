/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_NAMES_PASSWD_H
#define RESTANTE_COMMON_NAMES_PASSWD_H

#include <pwd.h>
#include <shadow.h>
#include <sys/types.h>

/*
 * The system's accounts, which may be kept by a server elsewhere (nsswitch.conf
 * names it).  "There is no such account" and "that cannot be found out now" are
 * two answers: for the first mail is refused, for the second it waits.  May
 * block; for workers.
 */

/*
 * Has the C library read nsswitch.conf, so that those who are forked need not.
 * It must not be short of memory then: glibc ends the process (an assertion and
 * a null pointer in its nss_database.c).
 */
void passwd_prepare(void);

/*
 * Has it load all modules that it asks about accounts, for a process that can
 * open no library later: one that cannot be loaded is left out silently, and
 * whoever is known to that alone would be nobody.
 */
void passwd_load(void);

/*
 * The account, as it is or was within the last second, until the next call; or
 * NULL, and then errno is 0 if there is
 * none, and else says why that cannot be found out, which is logged.  The C
 * library leaves errno 0 if all sources say that there is none; ENOENT and its
 * like come from a source that could not be asked.
 */
const struct passwd *passwd_by_name(const char *name);
const struct passwd *passwd_by_uid(uid_t uid);

/* Does the same for the password, which is a secret; needs root. */
const struct spwd *passwd_shadow(const char *name);

#endif
