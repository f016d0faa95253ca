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

#endif
