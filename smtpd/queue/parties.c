/* SPDX-License-Identifier: ISC */
/*
 * Whose mail it is that leaves: users are told apart by name, strangers by
 * where they came from.  A report goes on the account of the client whose mail
 * it is about: a stranger who has many written must not use up what users need.
 */
#include "smtpd/queue/scheduler_private.h"

#include "common/text/hash.h"

#include <arpa/inet.h>
#include <string.h>

static uint32_t
party_hash(int kind, const void *data, size_t len)
{
	char tag = (char)kind;
	uint64_t hash = hash_add(HASH_START, &tag, 1);

	hash = hash_add(hash, data, len);
	return (uint32_t)(hash ^ hash >> 32) | 1; /* 0: nobody */
}

/* By its address, and by the network that one site has. */
static void
set_client(uint32_t parties[PARTIES], const char *client)
{
	unsigned char address[16];

	if (inet_pton(AF_INET, client, address) == 1) {
		parties[PARTY_CLIENT] = party_hash(4, address, 4);
		parties[PARTY_NETWORK] = party_hash(5, address, 3);
	} else if (inet_pton(AF_INET6, client, address) == 1) {
		parties[PARTY_CLIENT] = party_hash(6, address, 8);
		parties[PARTY_NETWORK] = party_hash(7, address, 6);
	}
}

static bool
is_report(const struct mail *mail)
{
	return mail->sender[0] == '\0' && mail->user[0] == '\0';
}

enum standing
party_standing(const struct mail *mail)
{
	if (is_report(mail)) {
		return STANDING_REPORT;
	}
	return mail->user[0] != '\0' || strcmp(mail->client, "local") == 0
	           ? STANDING_USER
	           : STANDING_STRANGER;
}

void
party_set(struct claimed *m)
{
	const struct mail *mail = &m->file.mail;
	const char *at = strrchr(mail->sender, '@');

	m->standing = party_standing(mail);
	memset(m->parties, 0, sizeof(m->parties));
	if (mail->user[0] != '\0') {
		m->parties[PARTY_USER] =
		    party_hash(1, mail->user, strlen(mail->user));
		return;
	}
	if (m->standing == STANDING_REPORT && mail->count > 0) {
		at = strrchr(mail->recipients[0].text, '@');
	}
	if (strcmp(mail->client, "local") != 0) {
		set_client(m->parties, mail->client);
	}
	if (m->standing != STANDING_USER && at != NULL) {
		m->parties[PARTY_DOMAIN] = party_hash(2, at, strlen(at));
	}
}

/* ---- room in memory ---- */

unsigned
party_room(const struct claimed *m)
{
	uint32_t party = m->parties[PARTY_USER] != 0
	                     ? m->parties[PARTY_USER]
	                     : m->parties[PARTY_NETWORK];

	/* Who shares a number shares the room, which does no harm. */
	return party == 0 ? 0 : 1 + party % (PARTY_ROOMS - 1);
}

bool
party_has_room(const struct runner *r, unsigned room)
{
	return room == 0 || r->rooms[room] < r->most_messages / 2;
}
