/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SESSION_NEXT_HOP_H
#define RESTANTE_SMTPD_SESSION_NEXT_HOP_H

#include "common/names/aliases.h"
#include "common/text/address.h"
#include "smtpd/job/requests.h"

#include <stdbool.h>

struct session;

/*
 * Recipients whose mail is handed on: the next hop is asked whether it takes
 * it ("recipient-check next-hop").  Mail from programs of this machine is left
 * to the queue, since most of them would lose it.
 */

/*
 * True if there is a next hop to ask about an address of ours: its domain has a
 * route, or it is an alias that leads to one such address alone, or it is a
 * user, whose mail another server keeps.
 */
bool next_hop_question(const struct session *, const struct address *,
    const struct resolved *, struct next_hop_question *);

/*
 * Asks.  RCPT_OK, RCPT_NEXT_HOP (with an answer, whose line says why) or
 * RCPT_SILENT.  While nobody can say, the mail of users is taken, since
 * reports on it go to them, and mail for a recipient that the users here have.
 */
enum rcpt_result next_hop_ask(const struct session *, const struct resolved *,
    const struct next_hop_question *, struct next_hop_answer *);

#endif
