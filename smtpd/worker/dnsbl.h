/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_WORKER_DNSBL_H
#define RESTANTE_SMTPD_WORKER_DNSBL_H

#include "common/dns/blocklist.h"
#include "common/dns/dns_lookup.h"
#include "common/job/job.h"
#include "smtpd/job/requests.h"

#include <stdbool.h>
#include <stddef.h>

/* Asks lists in the DNS about the client's address: REQUEST_DNSBL. */

bool dnsbl_valid(const void *payload, size_t size);

/*
 * A worker, which gives up its rights before it asks.  STATUS_OK: a list has
 * it; STATUS_NO: none has, or none that has answered in time.
 */
enum status dnsbl_run(const struct task *);

/* Interprets the list's answer to a query for A records.  Pure. */
enum blocklist_answer dnsbl_read(
    const struct blocklist *, const struct dns_lookup *);

#endif
