/* SPDX-License-Identifier: ISC */
/* See the header. */
#include "common/server/place.h"

#include "common/io/deadline.h"
#include "common/job/clients.h"
#include "common/log/log.h"

#include <signal.h>
#include <string.h>
#include <sys/stat.h>

enum {
	DEFAULT_PER_SOURCE = 50,
	FEW = 8,             /* sessions in all: then none are kept, or told */
	PART = 4,            /* of which one part is kept */
	GRACE = 300,         /* ms until a new session can be told anything */
	SCARCE = 60 * 1000,  /* ms since somebody was told to go */
	HURRIED = 60 * 1000, /* ms for what is done for a stranger then */
	KNOWN = 24 * 60 * 60 * 1000, /* for an address */
	/* In a transaction: ms to go on for, and octets in them. */
	MORE_TIME = 60 * 1000,
	MORE_OCTETS = 30000,
	LAST_WORDS = 10 * 1000, /* ms for who has to go all the same */
};

/* ---- who is who ---- */

static bool
is_network(const struct peer *peer, const uint8_t network[NETWORK_ADDRESS])
{
	return memcmp(network, peer->network, NETWORK_ADDRESS) == 0;
}

bool
place_is_known(const struct server *s, const struct peer *peer)
{
	int64_t now = deadline_now();

	if (!peer->loopback && client_trusted(s->config, peer) != NULL) {
		return true;
	}
	for (size_t i = 0; i < KNOWN_NETWORKS && !peer->loopback; i++) {
		const struct known *k = &s->known[i];
		if (k->until > now && is_network(peer, k->network)) {
			return true;
		}
	}
	return false;
}

void
place_remember(struct server *s, const struct peer *peer)
{
	int64_t now = deadline_now();
	struct known *oldest = &s->known[0];

	if (peer->loopback || network_is_none(peer->ip)) {
		return; /* it is everybody's here */
	}
	for (size_t i = 0; i < s->nslots; i++) {
		struct slot *slot = &s->slots[i];
		slot->known =
		    slot->known || is_network(&slot->peer, peer->network);
	}
	for (size_t i = 0; i < KNOWN_NETWORKS; i++) {
		struct known *k = &s->known[i];
		if (is_network(peer, k->network)) {
			oldest = k;
			break;
		}
		oldest = k->until < oldest->until ? k : oldest;
	}
	memcpy(oldest->network, peer->network, sizeof(oldest->network));
	oldest->until = now + KNOWN;
}

/* True if its client has no claim to the places that are kept. */
static bool
is_strangers(const struct slot *slot)
{
	return slot->user[0] == '\0' && slot->role == ROLE_MX && !slot->known;
}

/* By its own address; programs of this machine that have one: all together. */
static bool
is_same_source(
    const struct server *s, const struct slot *slot, const struct peer *peer)
{
	if (slot->welcome.proxied) {
		return false;
	}
	if (network_is_none(peer->ip)) {
		return network_is_none(slot->peer.ip) &&
		       slot->peer.uid == peer->uid;
	}
	if (peer->loopback && s->config->sessions_per_source == 0) {
		return slot->peer.loopback && !network_is_none(slot->peer.ip);
	}
	return is_network(&slot->peer, peer->network);
}

/* ---- how many ---- */

static size_t
kept(const struct server *s)
{
	size_t all = s->config->sessions, n = s->config->sessions_reserved;

	if (all < FEW) {
		return 0;
	}
	n = n == 0 ? all / PART : n;
	return n < all / 2 ? n : all / 2;
}

static size_t
most_per_source(const struct server *s, const struct peer *peer)
{
	unsigned limit = s->config->sessions_per_source;

	return limit != 0       ? limit
	       : peer->loopback ? s->config->sessions - kept(s)
	                        : DEFAULT_PER_SOURCE;
}

static bool
source_has_all(const struct server *s, const struct peer *peer)
{
	size_t n = 0;

	for (size_t i = 0; i < s->nslots; i++) {
		n += s->slots[i].used && is_same_source(s, &s->slots[i], peer);
	}
	return n >= most_per_source(s, peer);
}

/* True if it is the programs of this machine that must make room. */
static bool
is_own_crowd(const struct server *s, const struct peer *peer)
{
	return peer->loopback && s->config->sessions_per_source == 0 &&
	       source_has_all(s, peer);
}

static size_t
strangers(const struct server *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->nslots; i++) {
		n += s->slots[i].used && is_strangers(&s->slots[i]);
	}
	return n;
}

static bool
strangers_have_all(const struct server *s)
{
	return strangers(s) >= s->config->sessions - kept(s);
}

bool
place_is_crammed(const struct server *s)
{
	return strangers(s) >= s->config->sessions - kept(s) / 2;
}

enum place
place_ask(const struct server *s, const struct peer *peer, enum role role)
{
	if (is_own_crowd(s, peer)) {
		return PLACE_TAKEN;
	}
	if (source_has_all(s, peer)) {
		return PLACE_PER_SOURCE;
	}
	return s->used >= s->config->sessions ||
	               (role == ROLE_MX && !place_is_known(s, peer) &&
			   strangers_have_all(s))
	           ? PLACE_TAKEN
	           : PLACE_FREE;
}

bool
place_user_has_all(const struct server *s, const struct slot *own)
{
	size_t n = 0;

	for (size_t i = 0; i < s->nslots; i++) {
		const struct slot *slot = &s->slots[i];
		n += slot->used && slot != own &&
		     strcmp(slot->user, own->user) == 0;
	}
	return n >= s->config->sessions_per_user;
}

/* ---- who has to go ---- */

/* A newcomer, and in whose favour somebody leaves. */
struct search {
	const struct peer *peer;
	bool own_crowd;  /* among the programs of this machine */
	bool strangers;  /* among strangers */
	bool other_than; /* among all but strangers */
};

static bool
is_in_the_way(const struct server *s, const struct slot *slot,
    const struct search *search)
{
	if (!slot->used || slot->session == 0 || slot_is_busy(slot) ||
	    slot->waiting || slot->restarting || slot->user[0] != '\0' ||
	    slot->known) {
		return false;
	}
	if (search->own_crowd) {
		return is_same_source(s, slot, search->peer);
	}
	bool stranger = is_strangers(slot);
	return stranger ? search->strangers : search->other_than;
}

static off_t
received(const struct slot *slot)
{
	struct stat st;

	return slot->body != -1 && fstat(slot->body, &st) == 0 ? st.st_size : 0;
}

/* What no clock shows. */
static const int64_t LAST = INT64_MAX / 2;

/*
 * How ready a slot is to be told, or told again: the time since when it has
 * brought nothing, the least first; INT64_MAX: not now.  Once told it is in a
 * transaction, or it would have gone.
 */
static int64_t
since(struct slot *slot, int64_t now)
{
	if (slot->told != slot->session) {
		return now < slot->useful_at + GRACE ? INT64_MAX
		                                     : slot->useful_at;
	}
	int64_t over =
	    slot->told_at + (slot->told_twice ? LAST_WORDS : MORE_TIME);
	if (now < over) {
		return INT64_MAX;
	}
	off_t size = received(slot);
	if (!slot->told_twice && size >= slot->told_size + MORE_OCTETS) {
		slot->told_at = now; /* it goes on */
		slot->told_size = size;
		return INT64_MAX;
	}
	return LAST + over; /* after all who have not been told */
}

static void
tell(struct slot *slot, int64_t now)
{
	bool again = slot->told == slot->session;
	bool last = again && slot->told_twice;

	slot->told_twice = again;
	slot->told = slot->session;
	slot->told_at = now;
	slot->told_size = received(slot);
	if (last) {
		slot->doomed = slot->session;
	}
	kill(slot->session, last ? SIGKILL : SIGTERM);
}

static bool
tell_one(struct server *s, const struct search *search, int64_t now)
{
	int64_t least = INT64_MAX;
	struct slot *first = NULL;

	for (size_t i = 0; i < s->nslots; i++) {
		struct slot *slot = &s->slots[i];
		int64_t t = is_in_the_way(s, slot, search) ? since(slot, now)
		                                           : INT64_MAX;
		if (t < least) {
			least = t;
			first = slot;
		}
	}
	if (first != NULL) {
		tell(first, now);
	}
	return first != NULL;
}

/* True if most of those who have not logged in are strangers. */
static bool
are_mostly_strangers(const struct server *s)
{
	size_t unknown = 0, others = 0;

	for (size_t i = 0; i < s->nslots; i++) {
		const struct slot *slot = &s->slots[i];
		if (slot->used && slot->user[0] == '\0') {
			bool stranger = is_strangers(slot);
			unknown += stranger;
			others += !stranger;
		}
	}
	return unknown >= others;
}

bool
place_is_scarce(const struct server *s)
{
	return s->scarce_at != 0 && deadline_now() < s->scarce_at + SCARCE;
}

int64_t
place_patience(const struct server *s, int64_t since, int64_t until)
{
	int64_t hurried = since + HURRIED;

	return hurried < until && place_is_scarce(s) ? hurried : until;
}

bool
place_may_be_soon(const struct server *s)
{
	return s->config->sessions >= FEW;
}

bool
place_seek(struct server *s, const struct peer *peer)
{
	struct search search = { .peer = peer };
	int64_t now = deadline_now();

	if (!place_may_be_soon(s)) {
		return false;
	}
	if (!place_is_scarce(s)) {
		log_warn("few places are left, %zu of %u are taken: "
			 "connections without mail are ended, the oldest first",
		    s->used, s->config->sessions);
	}
	s->scarce_at = now;
	search.own_crowd = is_own_crowd(s, peer);
	if (search.own_crowd) {
		return tell_one(s, &search, now);
	}
	search.strangers =
	    s->used < s->config->sessions || are_mostly_strangers(s);
	search.other_than = !search.strangers;
	if (tell_one(s, &search, now)) {
		return true;
	}
	if (s->used < s->config->sessions) {
		return false; /* strangers' places, which only they free */
	}
	search.strangers = !search.strangers;
	search.other_than = !search.other_than;
	return tell_one(s, &search, now);
}
