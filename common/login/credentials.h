/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_LOGIN_CREDENTIALS_H
#define RESTANTE_COMMON_LOGIN_CREDENTIALS_H

#include "common/login/users.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The means by which a user logs in: the credentials of the user's own line in
 * the users file, and those of the lines with a label, each with its terms; or
 * the system's.  Secrets, for workers.
 */

/* The protocols that a line's credentials are for, and their last day. */
struct terms {
	bool smtp, pop3;
	int64_t until; /* a time: the end of the last day; 0: for ever */
};

/*
 * Reads "[for=smtp|pop3] [until=YYYY-MM-DD]", in any order; "": for all, for
 * ever.  Days are those of UTC.  false: not of that form.
 */
bool terms_parse(const char *text, struct terms *);

/* Writes terms in the form that terms_parse() reads. */
enum { TERMS_TEXT = 40 };
void terms_print(const struct terms *, char text[TERMS_TEXT]);

/* The time at which a day, "YYYY-MM-DD", has ended; 0: not a day. */
int64_t terms_day(const char *text);

enum {
	CREDENTIALS_MOST = 32, /* lines of one user */
};

struct credential {
	char label[USER_LABEL + 1]; /* "": the user's own line */
	bool good;                  /* its terms could be read */
	struct terms terms;
	char text[USER_CREDENTIALS]; /* in the form that password_check() takes
	                              */
};

struct credentials {
	size_t n;
	struct credential list[CREDENTIALS_MOST];
};

/*
 * The credentials of user, a user_name(), read afresh.  STATUS_OK; STATUS_NO:
 * no such user; or STATUS_TEMPORARY, which is logged.  n is 0 for a user who
 * cannot log in, and unless STATUS_OK.
 */
enum status credentials_find(const struct config *, const struct names *,
    const char *user, struct credentials *) __attribute__((warn_unused_result));

/*
 * The one user whose lines have a certificate's fingerprint, as a user_name().
 * STATUS_OK; STATUS_NO: nobody has it, or more than one; STATUS_TEMPORARY.
 */
enum status credentials_holder(const struct config *, const char *fingerprint,
    char user[USER_NAME + 1]) __attribute__((warn_unused_result));

#endif
