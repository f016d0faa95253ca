/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_LOGIN_PASSWORD_RULE_H
#define RESTANTE_COMMON_LOGIN_PASSWORD_RULE_H

#include "common/config/config.h"

#include <stddef.h>

/*
 * Says what is wrong with a new password, as the end of a sentence that begins
 * with "the password ", or NULL.  minimum: the fewest characters, of UTF-8.
 * names end with
 * NULL: the user's, the host's, the domains'; a password is none of them, nor
 * one of their labels, whatever the case of letters and with figures or signs
 * around it.
 */
const char *password_weakness(
    const char *password, size_t minimum, const char *const *names);

/* The fewest characters of a new password here. */
unsigned password_least(const struct config *);

/* Does the same for a password of that user here. */
const char *password_weakness_for(
    const struct config *, const char *user, const char *password);

/*
 * The same for what mail programs cannot all send alike, or nobody can type:
 * it is empty, has control characters, or is not UTF-8.
 */
const char *password_unusable(const char *password);

#endif
