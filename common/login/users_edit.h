/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_LOGIN_USERS_EDIT_H
#define RESTANTE_COMMON_LOGIN_USERS_EDIT_H

#include "common/config/config.h"
#include "common/login/credentials.h"
#include "common/login/password.h"

#include <limits.h>
#include <stdbool.h>

/*
 * Changes one line of the users file by replacing the file, so that readers
 * find the old file or the new one.  Where the key names a link, the file that
 * it points to is replaced, and the link stays.
 */

/* The contents of the file for a user, besides the line in question. */
struct users_view {
	bool known;  /* the user's own line is there */
	bool found;  /* and the line in question */
	size_t more; /* other lines with a label */
	bool salted; /* one of the others has a verifier, with: */
	struct password_salt salt;
};

/* The file, locked against others who change it. */
struct users_lock {
	char path[PATH_MAX]; /* without links */
	const char *name;    /* the end of it */
	int folder, file;    /* file: the folder again, if there is no file */
};

/* 0, or -1, logged. */
int users_lock(const struct config *, struct users_lock *)
    __attribute__((warn_unused_result));
void users_unlock(struct users_lock *);

/* Looks at what is there.  0, or -1, logged. */
int users_view(const struct config *, const char *user, const char *label,
    struct users_view *) __attribute__((warn_unused_result));

struct users_line {
	const char *user, *label; /* "": the user's own line */
	const char *credentials;  /* NULL: the line goes */
	const char *terms;        /* NULL: they stay */
};

/*
 * Puts the line in the place of the one of that user and label, or after all
 * others.  Without credentials it takes that away; and with the user's own
 * line those with labels.  The owner's field stays as it is, and all other
 * lines, octet for octet; so do the owner, the mode and the access list of the
 * file.  An exit status; what is wrong is logged.
 */
int users_edit(const struct config *, const struct users_lock *,
    const struct users_line *) __attribute__((warn_unused_result));

#endif
