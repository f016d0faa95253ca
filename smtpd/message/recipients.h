/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_MESSAGE_RECIPIENTS_H
#define RESTANTE_SMTPD_MESSAGE_RECIPIENTS_H

#include "common/config/config.h"
#include "common/text/address.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * The recipients of a message, any number of them, each once.  Text that is not
 * an address is among them as a name that nobody has: it is refused like an
 * unknown user, the sender is told, and the others get the message.
 */

struct recipients {
	char (*list)[ADDRESS_TEXT]; /* as SMTP writes them, with a domain */
	size_t count, room;
	size_t broken; /* of them, that are no addresses */
};

enum recipients_result {
	RECIPIENTS_OK,
	RECIPIENTS_BROKEN, /* something was no address */
	RECIPIENTS_8BIT,   /* the same: it was outside ASCII and not UTF-8 */
	RECIPIENTS_MEMORY, /* for them, or for mapping their domains */
};

/*
 * Adds all addresses of a list such as a header field has it; one that SMTP
 * would take as it is, is one.  Bare names get the hostname.
 */
enum recipients_result recipients_add(
    struct recipients *, const struct config *, const char *text, size_t len)
    __attribute__((warn_unused_result));

/* Adds what is known to be no address. */
enum recipients_result recipients_add_broken(
    struct recipients *, const struct config *, const char *text, size_t len)
    __attribute__((warn_unused_result));

void recipients_free(struct recipients *);

#endif
