/* SPDX-License-Identifier: ISC */
/*
 * Whether a list of spammers has an address of ours.  A process that has no
 * file and no right asks, and writes the answer into memory that both share.
 */
#include "common/dns/blocklist.h"
#include "common/dns/dns_lookup.h"
#include "common/io/deadline.h"
#include "common/process/privilege.h"
#include "common/process/process.h"
#include "common/process/sandbox.h"
#include "common/text/network.h"
#include "smtpd/admin/alert_private.h"
#include "smtpd/admin/zone_private.h"
#include "smtpd/worker/dnsbl.h"

#include <arpa/nameser.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sysexits.h>

enum { PATIENCE = 8000, LIMIT = 15000 }; /* ms */

/* The one that most servers ask. */
static const struct blocklist usual = { .zone = "zen.spamhaus.org" };

struct listed {
	const struct config *config;
	struct zone zone; /* its addresses alone */
	struct dns_lookup questions[DNS_LOOKUP_MOST];
	const struct blocklist *lists[DNS_LOOKUP_MOST]; /* of each question */
	const char *addresses[DNS_LOOKUP_MOST];
	size_t count;
	enum look look;
	char text[ALERT_TEXT];
};

static void
add_questions(struct listed *l, const struct blocklist *list)
{
	uint8_t address[16];

	for (size_t i = 0; i < l->zone.naddresses && l->count < DNS_LOOKUP_MOST;
	     i++) {
		struct dns_lookup *q = &l->questions[l->count];
		(void)network_address(l->zone.addresses[i], address);
		blocklist_name(list, address, q->name);
		q->type = ns_t_a;
		l->lists[l->count] = list;
		l->addresses[l->count++] = l->zone.addresses[i];
	}
}

/* A list that is silent, or does not serve us, says neither. */
static void
judge(struct listed *l)
{
	l->look = LOOK_WELL;
	for (size_t i = 0; i < l->count && l->look != LOOK_BAD; i++) {
		const struct dns_lookup *q = &l->questions[i];
		switch (dnsbl_read(l->lists[i], q)) {
		case BLOCKLIST_LISTED:
			l->look = LOOK_BAD;
			snprintf(l->text, sizeof(l->text),
			    "%s is listed as a sender of spam by %s, and many "
			    "refuse its mail: see what the list says, find out "
			    "who sends it, and have the address removed there",
			    l->addresses[i], l->lists[i]->zone);
			break;
		case BLOCKLIST_REFUSED:
		case BLOCKLIST_SILENT:
			l->look = LOOK_UNKNOWN;
			snprintf(l->text, sizeof(l->text),
			    "%s does not answer, or not us", l->lists[i]->zone);
			break;
		case BLOCKLIST_IGNORED:
			break;
		}
	}
}

static int
ask(void *context)
{
	struct listed *l = context;
	struct dns *dns = dns_open(l->config);

	if (dns == NULL) {
		return EX_OSERR;
	}
	zone_find_addresses(&l->zone);
	add_questions(l, &usual);
	for (size_t i = 0; i < l->config->ndnsbl; i++) {
		if (strcmp(l->config->dnsbl[i].zone, usual.zone) != 0) {
			add_questions(l, &l->config->dnsbl[i]);
		}
	}
	privilege_become_client(l->config, SANDBOX_MEMORY);
	if (l->count > 0) {
		dns_look_up(
		    dns, l->questions, l->count, deadline_now() + PATIENCE);
	}
	judge(l);
	return EX_OK;
}

enum look
alert_listed(const struct alert_view *v, char text[ALERT_TEXT])
{
	int status = EX_OSERR;
	struct listed *l = mmap(NULL, sizeof(*l), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	snprintf(text, ALERT_TEXT, "the DNS cannot be asked");
	if (l == MAP_FAILED) {
		return LOOK_UNKNOWN;
	}
	l->config = v->config;
	enum look look = LOOK_UNKNOWN;
	if (process_run(ask, l, LIMIT, &status) == PROCESS_EXITED &&
	    status == EX_OK) {
		look = l->look == LOOK_WELL || l->look == LOOK_BAD
		           ? l->look
		           : LOOK_UNKNOWN;
		l->text[sizeof(l->text) - 1] = '\0';
		strlcpy(text, l->text, ALERT_TEXT);
	}
	munmap(l, sizeof(*l));
	return look;
}
