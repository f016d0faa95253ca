/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ADMIN_PASSWD_H
#define RESTANTE_SMTPD_ADMIN_PASSWD_H

#include "common/config/config.h"
#include "common/login/credentials.h"
#include "common/login/password.h"

#include <stdbool.h>

/* smtpd --passwd and --users: the users file, edited and shown. */

struct passwd_change {
	const char *user;
	const char *label; /* or NULL: the user's own line */
	struct terms terms;
	bool generate;          /* make a password, and print it */
	const char *credential; /* instead of a password's, or NULL */
	bool remove;
	struct password_extras extras; /* --cram-md5, --scram-sha-1 */
};

/* Of user, with nothing else said yet. */
void passwd_init(struct passwd_change *, const char *user);

/* Whether name, without its dashes, is an option behind --passwd. */
bool passwd_has(const char *name);

/* Whether that option takes an argument. */
bool passwd_wants(const char *name);

/*
 * Takes the option; argument is NULL where none is wanted, or there is none.
 * 0, or -1 with a message for people in error.
 */
int passwd_option(struct passwd_change *, const char *name,
    const char *argument, char error[CONFIG_ERROR])
    __attribute__((warn_unused_result));

/* Does it.  An exit status. */
int passwd_run(const struct config *, const struct passwd_change *);

/* Prints a line for each line of the users file.  An exit status. */
int users_list(const struct config *);

#endif
