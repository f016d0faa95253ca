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

/* Makes a password that nobody guesses. */
enum { PASSWD_GENERATED = 32 };
void passwd_generate(char password[PASSWD_GENERATED]);

/* Makes the change.  An exit status. */
int passwd_run(const struct config *, const struct passwd_change *);

/* Prints a line for each line of the users file.  An exit status. */
int users_list(const struct config *);

#endif
