/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_LOGIN_PAM_H
#define RESTANTE_COMMON_LOGIN_PAM_H

#include "common/job/channel.h"

#include <stdbool.h>

/*
 * Passwords of the system's accounts, by PAM: pam/with.c, or pam/without.c
 * where it is not wanted.  For workers.
 */

/* The name of the service, for the files of /etc/pam.d. */
#define PAM_SERVICE_NAME "restante"

/* The login that PAM is asked about. */
struct pam_login {
	const char *user; /* a user_name() */
	const char *password;
	const char *program; /* "smtpd" */
	const char *address; /* of the client */
};

/* True if this program was built with PAM. */
bool pam_available(void);

/* Asks PAM if the password is right and the account may be used now. STATUS_OK,
 * STATUS_NO, or STATUS_TEMPORARY, with the reason logged: a module is missing,
 * or has not answered within some seconds.
 */
enum status pam_check(const struct pam_login *)
    __attribute__((warn_unused_result));

#endif
