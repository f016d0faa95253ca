/* SPDX-License-Identifier: ISC */
/* Counts offences by address and refuses clients with too many. */
#include "common/server/guard.h"

#include "common/log/log.h"

#include <errno.h>
#include <string.h>

/* True if offences of that client are counted at all. */
static bool
counted(const struct config *config, const struct peer *peer, enum role role)
{
	if (network_is_none(peer->ip) ||
	    network_listed(config->penalties_exempt, config->npenalties_exempt,
		peer->ip)) {
		return false;
	}
	switch (config->penalties) {
	case PENALTIES_OFF:
		return false;
	case PENALTIES_ON:
		/* Nobody else can guess where passwords are changed. */
		return !peer->loopback || role == ROLE_PASSWD;
	case PENALTIES_ALL:
		break;
	}
	return true;
}

/* The table, opened when the first needs it; NULL: there is none. */
static struct penalties *
table(struct server *s)
{
	if (!s->penalties_tried) {
		s->penalties_tried = true;
		if (penalties_open(&s->penalties, s->config, true) == -1) {
			log_warn("cannot open %s: %s; penalties are off (see "
				 "smtpd --check)",
			    s->penalties.path, strerror(errno));
		}
	}
	return s->penalties.image == NULL ? NULL : &s->penalties;
}

bool
guard_admits(struct server *s, const struct peer *peer, enum role role,
    struct welcome *welcome, char why[PENALTY_TEXT])
{
	uint8_t key[NETWORK_ADDRESS];
	struct penalty penalty;

	*welcome = (struct welcome){ .counted = 0 };
	if (!counted(s->config, peer, role)) {
		return true;
	}
	welcome->counted = 1;
	struct penalties *p = table(s);
	penalty_key(peer->ip, key);
	if (p == NULL || !penalties_readable(p) ||
	    !penalty_look(p->image, key, penalty_now(), &penalty)) {
		return true;
	}
	welcome->delay = penalty_delay(penalty.points);
	penalty_text(&penalty, why);
	return penalty.points < PENALTY_REFUSED;
}

bool
guard_valid(const void *payload, size_t size)
{
	uint32_t offence;

	if (size != sizeof(offence)) {
		return false;
	}
	memcpy(&offence, payload, sizeof(offence));
	return offence > OFFENCE_LOGIN && offence < OFFENCES;
}

void
guard_offence(struct server *s, const struct slot *slot, const void *payload)
{
	uint8_t key[NETWORK_ADDRESS];
	uint32_t offence;

	memcpy(&offence, payload, sizeof(offence));
	struct penalties *p = slot->welcome.counted != 0 ? table(s) : NULL;
	if (p == NULL || !penalties_begin(p)) {
		return;
	}
	penalty_key(slot->peer.ip, key);
	penalty_count(p->image, key, (enum offence)offence, penalty_now());
	penalties_end(p);
}

/* What a client comes with again and again; NULL: another thing each time. */
static const char *
secret_of(const struct login *login)
{
	switch ((enum mechanism)login->mechanism) {
	case MECHANISM_PLAIN:
	case MECHANISM_LOGIN:
	case MECHANISM_EXTERNAL:
		return login->secret;
	case MECHANISM_OAUTHBEARER:
	case MECHANISM_XOAUTH2:
		return login->challenge;
	case MECHANISM_CRAM_MD5:
	case MECHANISM_SCRAM:
	case MECHANISM_SCRAM_PLUS:
	case MECHANISM_SCRAM_SHA1:
	case MECHANISM_SCRAM_SHA1_PLUS:
		break;
	}
	return NULL;
}

void
guard_login_failed(
    struct server *s, const struct slot *slot, const struct login *login)
{
	uint8_t key[NETWORK_ADDRESS];

	struct penalties *p = slot->welcome.counted != 0 ? table(s) : NULL;
	if (p == NULL || !penalties_begin(p)) {
		return;
	}
	penalty_key(slot->peer.ip, key);
	penalty_login(
	    p->image, key, login->name, secret_of(login), penalty_now());
	penalties_end(p);
}
