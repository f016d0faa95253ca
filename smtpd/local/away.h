/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_LOCAL_AWAY_H
#define RESTANTE_SMTPD_LOCAL_AWAY_H

#include "common/text/address.h"
#include "smtpd/local/forward.h"
#include "smtpd/local/local_message.h"
#include "smtpd/local/verdict.h"
#include "smtpd/route/expand.h"

#include <stdbool.h>

/*
 * The answer of a user who is away (smtpd --vacation, RFC 3834): whether a
 * message gets one, and which.
 */

struct away {
	const struct expand *expand;
	const struct local_message *message;
	const struct recipient *recipient;
};

/*
 * Becomes the owner of the mailbox and decides.  EXPANDED: the text, of
 * v->forward octets, says what to answer, for reply_queue(); else SENT, and
 * there is no answer.  The message has been delivered: nothing here is an error
 * of its delivery.
 */
void away_decide(
    const struct away *, struct verdict *, char text[FORWARD_SIZE]);

/* ---- pure ---- */

/* True if no answer goes to that sender: a program, a list, nobody. */
bool away_sender_is_program(const char *sender);

/*
 * True if the header section says that no answer is wanted: it comes from a
 * program or a list, is marked as spam, or fails DMARC by the results that are
 * ours (id).
 */
bool away_is_unwanted(const char *header, size_t len, const char *id);

/* The address of that user's that To or Cc has; false: none. */
bool away_own_address(const struct expand *, const char *user,
    const char *header, size_t len, char own[ADDRESS_TEXT]);

#endif
