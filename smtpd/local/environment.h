/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_LOCAL_ENVIRONMENT_H
#define RESTANTE_SMTPD_LOCAL_ENVIRONMENT_H

#include "common/login/users.h"

#include <limits.h>

/* What a command finds in its environment (pipe.h).  Pure. */

enum { ENVIRONMENT_MOST = 10, ENVIRONMENT_TEXT = PATH_MAX + 32 };

struct environment {
	char *list[ENVIRONMENT_MOST + 1]; /* for execve(2) */
	char text[ENVIRONMENT_MOST][ENVIRONMENT_TEXT];
};

/*
 * recipient is an address; what stands in its local part behind the first of
 * the delimiters is the extension.
 */
void environment_make(struct environment *, const struct account *,
    const char *sender, const char *recipient, const char *delimiters);

#endif
