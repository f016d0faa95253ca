/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_CHECK_REMOTE_H
#define RESTANTE_SPOOL_CHECK_REMOTE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Finds, in the sources of a line of nsswitch.conf(5) ("files ldap [...]"), the
 * first one on another machine whose outage glibc would hide, because another
 * source follows it without [UNAVAIL=return].  false: there is none.  Pure.
 */
enum { REMOTE_SOURCE = 32 };
bool remote_hidden_source(const char *sources, char name[REMOTE_SOURCE]);

/* True if one of them is sssd, which says that there is no such user when it
   cannot ask about one whom it has not seen.  Pure. */
bool remote_asks_sssd(const char *sources);

#endif
