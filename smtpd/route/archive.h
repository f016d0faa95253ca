/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ROUTE_ARCHIVE_H
#define RESTANTE_SMTPD_ROUTE_ARCHIVE_H

#include "common/config/config.h"
#include "spool/mail.h"

#include <stdbool.h>

/* The address that gets a copy of each message, key "archive".  Pure. */

/*
 * The address for a message, or NULL: ours says that somebody of ours sends it.
 * Not for reports, so that two servers that archive each other's mail do not go
 * on for ever, and not for what names the address itself.
 */
const char *archive_address(
    const struct config *, const struct mail *envelope, bool ours);

/* The copy's recipient. */
struct recipient archive_recipient(const char *address);

/*
 * True if the recipient is a copy's, or what became of one by aliases and
 * .forward: it goes with the null sender, who hears of no failure.
 */
bool archive_is_copy(const struct config *, const struct recipient *);

#endif
