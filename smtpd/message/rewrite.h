/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_MESSAGE_REWRITE_H
#define RESTANTE_SMTPD_MESSAGE_REWRITE_H

#include "common/config/config.h"
#include "common/text/address.h"

#include <stdbool.h>

/*
 * The one rule for addresses in mail of the sendmail command: a bare name gets
 * the hostname, and then "masquerade" of restante.conf(5) may put another
 * address in the place of what that gave; where it says so, in mail of users
 * who have logged in, too.  Pure.
 */

enum rewrite_whose {
	REWRITE_COMMAND, /* the sendmail command's */
	REWRITE_LOGIN,   /* a user's who has logged in */
	REWRITE_OTHER,   /* anybody else's: it stays */
};

/* Reads an address ("a@b", "a", "<a@b>"), which must be all of the text, and
   writes it as SMTP has it, with a domain; "" for the null path. */
enum path rewrite_path(
    const struct config *, const char *text, char out[ADDRESS_TEXT]);

/* Replaces the address by the rules of "masquerade"; false: it stays. */
bool rewrite_masquerade(const struct config *, enum rewrite_whose,
    const char *address, char out[ADDRESS_TEXT]);

#endif
