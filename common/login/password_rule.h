/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_LOGIN_PASSWORD_RULE_H
#define RESTANTE_COMMON_LOGIN_PASSWORD_RULE_H

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

#endif
