/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_SERVER_LAUNCH_H
#define RESTANTE_COMMON_SERVER_LAUNCH_H

#include "common/server/server.h"

#include <stdbool.h>

/* Finds out how the program was started, and takes its descriptors over. */

struct launched {
	bool forever;   /* -l: nobody would start us again */
	bool connected; /* one session, on rfd and wfd, */
	bool standard;  /* which were standard input and output */
	int rfd, wfd;
	struct peer peer;
	struct service_kind kind;
};

/*
 * Afterwards 0 and 1 are /dev/null, 2 is no client's, the log is open, and
 * the listeners are listening.  An exit status of sysexits.h, with a message.
 */
int launch_start(const struct launch *, const struct config *, const char *name,
    struct launched *, struct listener *listeners, size_t *nlisteners,
    char error[CONFIG_ERROR]);

/* Adds a socket of -l.  0, or -1 with a message for people in error. */
int launch_listen(struct launch *, const char *spec, char error[CONFIG_ERROR]);

/* Takes the name of a role, of those that launch->roles has; the same. */
int launch_role(struct launch *, const char *name, char error[CONFIG_ERROR]);

/*
 * Opens those of 0, 1 and 2 that are closed, before a socket or a file becomes
 * one of them.  Reading from such a 0 is an error: nobody gave us an input.
 */
void launch_fill_descriptors(void);

/* "listening on ADDRESS", to whoever started us with -l. */
void launch_announce(
    const struct launched *, const struct listener *, size_t nlisteners);

/* Closes listeners; with ours, AF_UNIX ones leave the file system too. */
void launch_close(struct listener *, size_t nlisteners, bool ours);

#endif
