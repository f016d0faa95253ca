/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ADMIN_REPORTS_ASK_H
#define RESTANTE_SMTPD_ADMIN_REPORTS_ASK_H

#include "common/auth/dmarc.h"
#include "common/dns/dns_lookup.h"
#include "common/text/bytes.h"
#include "smtpd/admin/reports_send_private.h"

/* Asks the DNS who wants reports, and where: needs sockets only. */

enum {
	INQUIRIES = DNS_LOOKUP_MOST, /* domains at a time */
	INQUIRY_ADDRESSES = 4,       /* of rua= that are looked at */
	INQUIRY_RECEIVERS = 2,       /* RFC 9990 wants two at least */
};

/* About one domain. */
struct inquiry {
	char domain[ASK_NAME]; /* set by the caller */

	bool silent; /* some question had no answer */
	struct dmarc_record policy;
	size_t receivers;
	const char *receiver[INQUIRY_RECEIVERS]; /* of these: */
	char to[INQUIRY_ADDRESSES][OUTBOX_ADDRESS];
	size_t count;

	/* While they are looked at: the one in hand. */
	size_t at;
	bool asks, wanted;
};

struct inquiries {
	const struct dns *dns;
	int patience; /* ms for what is asked at once */
	bool tls;     /* about reports on TLS, and not of DMARC */
	size_t count;
	struct inquiry all[INQUIRIES];

	struct dns_texts texts;
	size_t nlookups, of[DNS_LOOKUP_MOST];
	struct dns_lookup lookups[DNS_LOOKUP_MOST];
};

/* Asks about all of them. */
void inquiries_ask(struct inquiries *);

/* The next address of rua=, of those by mail that are plain ones; false: none
   is left. */
bool report_address(struct span *rest, char to[OUTBOX_ADDRESS]);

#endif
