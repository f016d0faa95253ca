/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_MESSAGE_RECIPIENTS_H
#define RESTANTE_SMTPD_MESSAGE_RECIPIENTS_H

#include "common/config/config.h"
#include "common/text/address.h"

#include <stdbool.h>
#include <stddef.h>

/* Who gets a message, however many they are, each once. */

struct recipients {
	char (*list)[ADDRESS_TEXT]; /* as SMTP writes them, with a domain */
	size_t count, room;
};

enum recipients_result {
	RECIPIENTS_OK,
	RECIPIENTS_BROKEN, /* there is something that is no address */
	RECIPIENTS_8BIT,   /* there is one outside ASCII that is not UTF-8 */
	RECIPIENTS_MEMORY, /* for them, or for mapping their domains */
};

/*
 * Adds the addresses of a list such as a header field has it; one that SMTP
 * would take as it is, is one.  Bare names get the hostname.
 */
enum recipients_result recipients_add(
    struct recipients *, const struct config *, const char *text, size_t len)
    __attribute__((warn_unused_result));

void recipients_free(struct recipients *);

#endif
