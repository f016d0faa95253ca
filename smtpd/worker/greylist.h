/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_WORKER_GREYLIST_H
#define RESTANTE_SMTPD_WORKER_GREYLIST_H

#include "common/job/job.h"
#include "common/text/address.h"
#include "smtpd/worker/table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Greylisting (RFC 6647): a client that is not known comes back after a while,
 * or was no mail server.  For workers of REQUEST_RCPT.
 */

struct greylist_mail {
	char sender[ADDRESS_TEXT]; /* "": null */
	char rcpt[ADDRESS_TEXT];
};

enum greylist {
	GREYLIST_PASS,
	GREYLIST_WAIT,   /* not yet */
	GREYLIST_FAILED, /* nobody knows, which is logged */
};

/*
 * Opens the table of the clients, with the rights of the server; the process
 * ends with it.  false: it cannot be had, which is logged.
 */
bool greylist_open(struct table *, const struct config *);

/* Asks whether a client may send that mail now, and notes that it came. */
enum greylist greylist_ask(struct table *, const struct config *,
    const char *client, const struct greylist_mail *);

/* ---- pure ---- */

enum {
	GREYLIST_WINDOW = 2 * 24 * 60 * 60, /* s, to come back in */
	GREYLIST_MEMORY = 36 * 24 * 60 * 60,
	GREYLIST_KNOWN = 2, /* messages that make a client known */
	GREYLIST_SETS = 16, /* of the table, that one client may fill */
};

/* The network of an address that is one client: /24, or /64. */
void greylist_network(const uint8_t address[16], uint8_t network[16]);

/*
 * The key of what a network brings.  All keys of a network, and its own, lie in
 * GREYLIST_SETS sets, so that nobody drives others out by inventing senders.
 */
struct table_key greylist_mail_key(const uint64_t seed[2],
    const uint8_t network[16], const struct greylist_mail *);

/*
 * Judges by the record of client, sender and recipient at a time, and updates
 * the record.  *first: it has passed for the first time.
 */
bool greylist_judge(
    struct table_entry *, uint32_t now, uint32_t delay, bool *first);

#endif
