/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_JOB_OWN_PASSWORD_H
#define RESTANTE_COMMON_JOB_OWN_PASSWORD_H

#include "common/job/login.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * REQUEST_PASSWD: users change the passwords of their own lines in the users
 * file.  Whose line it is, the server knows: by the login, or by the uid.
 * Pure.
 */

enum { OWN_PASSWORD = 255 }; /* octets of a new one */

struct own_password {
	char before[LOGIN_SECRET + 1]; /* the present password */
	char after[OWN_PASSWORD + 1];
};

enum own_result {
	OWN_CHANGED,
	OWN_WEAK,   /* the reason ends a sentence that begins with "The
	               password " */
	OWN_SYSTEM, /* it is the system's password: passwd(1) changes it */
	OWN_NOBODY, /* no line of the users file is the client's own */
};

enum { OWN_RESULTS = OWN_NOBODY + 1, OWN_REASON = 100 };

/* The answer, unless the present password was wrong (STATUS_NO). */
struct own_answer {
	uint32_t result;
	char reason[OWN_REASON]; /* OWN_WEAK; NUL ended */
};

/* True if a payload is a well formed struct own_password. */
bool own_password_valid(const void *payload, size_t size);

#endif
