/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_LOCAL_PIPE_H
#define RESTANTE_SMTPD_LOCAL_PIPE_H

#include "common/login/users.h"
#include "smtpd/local/verdict.h"

#include <limits.h>
#include <sys/types.h>

/*
 * A message to a command.
 *
 * The command is a path and arguments (words.h); no shell is involved, and
 * nothing of the message gets into the arguments.  It is run as the owner, in
 * the home directory (or / when that cannot be entered), in a session of its
 * own, with the umask 077, with descriptors 0, 1 and 2 and no other, and with
 *   PATH=/usr/local/bin:/usr/bin:/bin  SHELL=/bin/sh  LANG=C
 *   HOME  USER  LOGNAME                of the owner
 *   SENDER                             "" for the null path
 *   RECIPIENT  ORIGINAL_RECIPIENT      the address that the sender wrote
 *   EXTENSION                          after the delimiter in that, or ""
 * as its environment, less control characters.
 *
 * It reads the message with LF lines, under a Return-Path and a Delivered-To
 * line, without a From_ line; it need not read all of it.  What it writes
 * first becomes part of the report.  Its exit status: 0 sent; 64 to 78 as
 * sysexits.h has them, of which 71, 74 and 75 mean later; 126, 127 (not found)
 * and signals mean later; all else means never.
 */

struct pipe_command {
	const char *text;
	const struct account *owner; /* the process is that already */
	const char *sender;
	const char *recipient;
	const char *delimiters; /* of the key subaddress */
	int message;            /* LF lines, read by pread(2) */
	int limit;              /* ms until it is asked to end by SIGTERM */
	int grace;              /* and ms more until SIGKILL */
};

/* Runs it to its end; the process is confined from then on, and ends soon. */
void pipe_run(const struct pipe_command *, struct verdict *);

/* The environment of a command.  Pure. */

enum { ENVIRONMENT_MOST = 10, ENVIRONMENT_TEXT = PATH_MAX + 32 };

struct environment {
	char *list[ENVIRONMENT_MOST + 1]; /* for execve(2) */
	char text[ENVIRONMENT_MOST][ENVIRONMENT_TEXT];
};

/*
 * recipient is an address; the extension is what follows the first of the
 * delimiters in its local part.
 */
void environment_make(struct environment *, const struct account *,
    const char *sender, const char *recipient, const char *delimiters);

#endif
