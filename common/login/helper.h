/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_LOGIN_HELPER_H
#define RESTANTE_COMMON_LOGIN_HELPER_H

#include "common/process/process.h"

#include <stddef.h>
#include <sys/types.h>

/*
 * A program of the administrator's that answers one question.  It is started
 * without a shell, in / and in a session of its own, with descriptors 0, 1 and
 * 2 and no other, PATH and LANG as its whole environment, and the umask 077.
 * It reads the question to its end, and may write HELPER_OUTPUT octets to each
 * of 1 and 2.  It is killed at its limit, and so are processes that it has
 * started.
 */

enum { HELPER_OUTPUT = 4096, HELPER_WORDS = 32 };

struct helper {
	const char *command; /* a whole path and arguments, between blanks */
	const void *question;
	size_t size;
	uid_t uid; /* its user, if we are root; never 0 */
	gid_t gid;
	int limit; /* ms */
};

struct helper_answer {
	int status; /* its exit status; or the signal */
	char out[HELPER_OUTPUT + 1], err[HELPER_OUTPUT + 1]; /* NUL ended */
};

/* Runs it to its end. */
enum process_end helper_run(const struct helper *, struct helper_answer *);

#endif
