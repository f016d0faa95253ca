/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_WORKER_GREYLIST_H
#define RESTANTE_SMTPD_WORKER_GREYLIST_H

#include "common/server/server.h"
#include "common/text/address.h"
#include "smtpd/worker/table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Greylisting (RFC 6647): who is not known comes back after a while, or was no
 * mail server.  REQUEST_GREY asks, with a struct greylist.
 */

struct greylist {
	char sender[ADDRESS_TEXT]; /* "": null */
	char rcpt[ADDRESS_TEXT];
};

bool greylist_valid(const void *payload, size_t size);

/*
 * A worker.  STATUS_OK: welcome; STATUS_NO: not yet; STATUS_TEMPORARY: nobody
 * knows, which is logged.
 */
enum status greylist_run(const struct task *);

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
 * The keys of a network, and of what it brings.  All of these lie in
 * GREYLIST_SETS sets, so that nobody drives others out by inventing senders.
 */
struct table_key greylist_client_key(
    const uint64_t seed[2], const uint8_t network[16]);
struct table_key greylist_mail_key(
    const uint64_t seed[2], const uint8_t network[16], const struct greylist *);

/*
 * What the record of client, sender and recipient says at a time, and what it
 * is to say from now on.  *first: passed for the first time.
 */
bool greylist_judge(
    struct table_entry *, uint32_t now, uint32_t delay, bool *first);

#endif
