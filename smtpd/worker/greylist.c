/* SPDX-License-Identifier: ISC */
/*
 * Remembers which clients have been here before.  The table is opened with the
 * rights of the server; addresses of strangers are hashed, not looked at.
 *
 * Two kinds of records are in the table: one for each network, sender and
 * recipient, and one for each network, which counts how often it came back.
 */
#include "smtpd/worker/greylist.h"

#include "common/log/log.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <time.h>

enum {
	FRESH = 24 * 60 * 60, /* s, until a client's record is renewed */
	/* Values of a mail's record: */
	FIRST_SEEN = 0,
	PASSED = 1,
	/* of a client's: */
	PASSES = 0,
};

/* What is hashed for a mail. */
struct subject {
	uint8_t network[16];
	struct greylist_mail mail;
};

/* ---- pure ---- */

void
greylist_network(const uint8_t address[16], uint8_t network[16])
{
	size_t keep = network_is_v4(address) ? 15 : 8;

	memset(network, 0, 16);
	memcpy(network, address, keep);
}

bool
greylist_judge(struct table_entry *e, uint32_t now, uint32_t delay, bool *first)
{
	struct table_record *r = &e->record;

	*first = false;
	/* A clock that was set back starts the wait again. */
	if (!e->found ||
	    (r->values[PASSED] == 0 && r->values[FIRST_SEEN] > now)) {
		r->values[FIRST_SEEN] = now;
		r->values[PASSED] = 0;
		r->expires = now + delay + GREYLIST_WINDOW;
		return false;
	}
	if (r->values[PASSED] == 0 && now - r->values[FIRST_SEEN] < delay) {
		return false;
	}
	*first = r->values[PASSED] == 0;
	r->values[PASSED] = 1;
	r->expires = now + GREYLIST_MEMORY;
	return true;
}

static void
put_lower(char to[ADDRESS_TEXT], const char *from)
{
	for (size_t i = 0; from[i] != '\0' && i < ADDRESS_TEXT; i++) {
		to[i] = (char)tolower((unsigned char)from[i]);
	}
}

/* The key of the network itself. */
static struct table_key
greylist_client_key(const uint64_t seed[2], const uint8_t network[16])
{
	return table_key(seed, network, 16);
}

struct table_key
greylist_mail_key(const uint64_t seed[2], const uint8_t network[16],
    const struct greylist_mail *g)
{
	struct subject mail;

	memset(&mail, 0, sizeof(mail));
	memcpy(mail.network, network, sizeof(mail.network));
	put_lower(mail.mail.sender, g->sender);
	put_lower(mail.mail.rcpt, g->rcpt);
	struct table_key client = greylist_client_key(seed, network);
	struct table_key key = table_key(seed, &mail, sizeof(mail));
	uint64_t within = key.half[0] % GREYLIST_SETS;
	uint64_t first = client.half[0] - client.half[0] % GREYLIST_SETS;
	key.half[0] = first + within;
	return key;
}

/* ---- the table ---- */

/* True if the client has come back often enough; renews that once a day. */
static int
is_known(struct table *t, struct table_key key, uint32_t now, bool *known)
{
	struct table_entry e;

	if (table_begin(t, key, now, &e) == -1) {
		return -1;
	}
	*known = e.found && e.record.values[PASSES] >= GREYLIST_KNOWN;
	if (*known && e.record.expires < now + GREYLIST_MEMORY - FRESH) {
		e.record.expires = now + GREYLIST_MEMORY;
		return table_keep(t, &e);
	}
	table_leave(t, &e);
	return 0;
}

static int
count_pass(struct table *t, struct table_key key, uint32_t now)
{
	struct table_entry e;

	if (table_begin(t, key, now, &e) == -1) {
		return -1;
	}
	e.record.values[PASSES] += e.record.values[PASSES] < UINT32_MAX;
	e.record.expires = now + GREYLIST_MEMORY;
	return table_keep(t, &e);
}

/* Finds out whether the mail is welcome; -1: errno. */
static int
ask_table(struct table *t, const uint8_t network[16],
    const struct greylist_mail *g, uint32_t delay, bool *welcome)
{
	struct table_key client = greylist_client_key(t->seed, network);
	struct table_key mail_key = greylist_mail_key(t->seed, network, g);
	uint32_t now = (uint32_t)time(NULL);
	struct table_entry e;
	bool first;

	if (is_known(t, client, now, welcome) == -1) {
		return -1;
	}
	if (*welcome) {
		return 0;
	}
	if (table_begin(t, mail_key, now, &e) == -1) {
		return -1;
	}
	*welcome = greylist_judge(&e, now, delay, &first);
	if (table_keep(t, &e) == -1) {
		return -1;
	}
	return first ? count_pass(t, client, now) : 0;
}

static void
log_failure(const struct table *t)
{
	log_error("no greylisting, mail is let through: %s: %s", t->path,
	    strerror(errno));
}

bool
greylist_open(struct table *t, const struct config *config)
{
	if (table_open(t, config, "greylist") == -1) {
		log_failure(t);
		return false;
	}
	return true;
}

enum greylist
greylist_ask(struct table *t, const struct config *config, const char *client,
    const struct greylist_mail *mail)
{
	uint8_t address[16], network[16];
	bool welcome = true;

	if (!network_address(client, address)) {
		return GREYLIST_PASS;
	}
	greylist_network(address, network);
	if (ask_table(t, network, mail, config->greylist, &welcome) == -1) {
		log_failure(t);
		return GREYLIST_FAILED;
	}
	return welcome ? GREYLIST_PASS : GREYLIST_WAIT;
}
