/* SPDX-License-Identifier: ISC */
/*
 * Asks the lists of dnsbl about a client, all at once.  Runs as root (if the
 * server does) until it is confined.
 */
#include "smtpd/worker/dnsbl.h"

#include "common/io/deadline.h"
#include "common/log/log.h"
#include "common/process/privilege.h"
#include "common/process/sandbox.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

enum {
	PATIENCE = 5000,      /* ms for all lists */
	TEXT_PATIENCE = 2000, /* for what one says, once it has it */
};

_Static_assert(
    DNS_LOOKUP_MOST >= (int)CONFIG_LIST, "one question for each list");
_Static_assert(sizeof(struct dnsbl_answer) <= CHANNEL_DATA, "see dnsbl_run()");

bool
dnsbl_valid(const void *payload, size_t size)
{
	(void)payload;
	return size == 0; /* the server knows the client */
}

static uint32_t
number_of(const struct dns_address *a)
{
	struct sockaddr_in sin;

	memcpy(&sin, &a->address, sizeof(sin));
	return ntohl(sin.sin_addr.s_addr);
}

enum blocklist_answer
dnsbl_read(const struct blocklist *list, const struct dns_lookup *q)
{
	struct dns_address found[DNS_ADDRESSES];
	enum blocklist_answer best = BLOCKLIST_IGNORED;
	size_t n = 0;

	if (q->len == 0 || dns_parse_addresses(q->answer, q->len, ns_t_a, found,
			       &n) == DNS_TEMPORARY) {
		return BLOCKLIST_SILENT;
	}
	for (size_t i = 0; i < n && best == BLOCKLIST_IGNORED; i++) {
		best = blocklist_read(list, number_of(&found[i]));
	}
	return best;
}

static bool
is_listed(const struct blocklist *list, const struct dns_lookup *q)
{
	switch (dnsbl_read(list, q)) {
	case BLOCKLIST_LISTED:
		return true;
	case BLOCKLIST_REFUSED:
		log_warn("dnsbl %s does not answer us: it may not serve the "
			 "name server that we ask; see the key resolver",
		    list->zone);
		break;
	case BLOCKLIST_IGNORED:
	case BLOCKLIST_SILENT:
		break;
	}
	return false;
}

/* The first list of the configuration that has it; their number: none. */
static size_t
look_up(const struct dns *dns, const struct config *config,
    const struct peer *peer, const uint8_t address[16])
{
	static struct dns_lookup questions[CONFIG_LIST];
	size_t n = config->ndnsbl, silent = 0;

	for (size_t i = 0; i < n; i++) {
		blocklist_name(&config->dnsbl[i], address, questions[i].name);
		questions[i].type = ns_t_a;
	}
	dns_look_up(dns, questions, n, deadline_now() + PATIENCE);
	for (size_t i = 0; i < n; i++) {
		if (is_listed(&config->dnsbl[i], &questions[i])) {
			return i;
		}
		silent += questions[i].len == 0;
	}
	if (silent > 0) {
		log_warn("%zu of %zu dnsbl say nothing about %s: it counts as "
			 "not listed there",
		    silent, n, peer->address);
	}
	return n;
}

static void
ask_why(const struct dns *dns, const struct blocklist *list,
    const uint8_t address[16], char text[DNSBL_TEXT])
{
	static struct dns_lookup q = { .type = ns_t_txt };

	blocklist_name(list, address, q.name);
	dns_look_up(dns, &q, 1, deadline_now() + TEXT_PATIENCE);
	if (dns_parse_text(q.answer, q.len, text, DNSBL_TEXT) != DNS_OK) {
		text[0] = '\0';
	}
}

enum status
dnsbl_run(const struct task *task)
{
	struct dnsbl_answer answer = { .list = 0 };
	uint8_t address[16];

	if (!network_address(task->peer->address, address)) {
		return STATUS_NO;
	}
	struct dns *dns = dns_open_worker(task->config);
	if (dns == NULL) {
		log_error("no name server for dnsbl: %s", strerror(errno));
		return STATUS_TEMPORARY;
	}
	if (dns_needs_sockets(dns)) {
		privilege_become_client(task->config, SANDBOX_MEMORY);
	} else {
		privilege_become_talker(task->config);
	}
	size_t list = look_up(dns, task->config, task->peer, address);
	if (list == task->config->ndnsbl) {
		return STATUS_NO;
	}
	answer.list = (uint32_t)list;
	ask_why(dns, &task->config->dnsbl[list], address, answer.text);
	memcpy(task->reply->data, &answer, sizeof(answer));
	task->reply->size = sizeof(answer);
	return STATUS_OK;
}
