/* SPDX-License-Identifier: ISC */
/* See the header. */
#include "common/server/room.h"

#include "common/io/deadline.h"
#include "common/job/clients.h"
#include "common/log/log.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum {
	OFTEN = 500,        /* ms from one look to the next */
	SELDOM = 30 * 1000, /* when there are few files */
	OBEYS = 5 * 1000,   /* until a file has been given up */
	BLOCK = 512,        /* octets, of st_blocks */
};

/* ---- who goes ---- */

static int
by_network(const void *a, const void *b)
{
	const struct room_file *f = a, *g = b;

	return memcmp(f->network, g->network, NETWORK_ADDRESS);
}

/* The end of those of one network that begin there. */
static size_t
end_of(const struct room_file *files, size_t n, size_t begin)
{
	size_t end = begin + 1;

	while (end < n && by_network(&files[begin], &files[end]) == 0) {
		end++;
	}
	return end;
}

/* What those that stay hold; *largest: the largest, or NULL. */
static uint64_t
held(struct room_file *files, size_t n, struct room_file **largest)
{
	uint64_t sum = 0;

	*largest = NULL;
	for (size_t i = 0; i < n; i++) {
		struct room_file *f = &files[i];
		if (f->goes || f->octets == 0) {
			continue;
		}
		sum += f->octets;
		if (*largest == NULL || f->octets > (*largest)->octets) {
			*largest = f;
		}
	}
	return sum;
}

void
room_choose(struct room_file *files, size_t n, uint64_t cap)
{
	struct room_file *any;

	if (held(files, n, &any) <= cap) {
		return;
	}
	qsort(files, n, sizeof(*files), by_network);
	while (held(files, n, &any) > cap) {
		struct room_file *next = NULL;
		uint64_t most = 0;
		for (size_t i = 0, end; i < n; i = end) {
			struct room_file *largest;
			end = end_of(files, n, i);
			uint64_t sum = held(files + i, end - i, &largest);
			if (sum > most) {
				most = sum;
				next = largest;
			}
		}
		next->goes = true;
	}
}

uint64_t
room_share(uint64_t unused, uint64_t least, uint64_t held, uint64_t message)
{
	uint64_t there = unused + held > least ? unused + held - least : 0;

	return there / 2 > message ? there / 2 : message;
}

/* ---- the slots ---- */

/*
 * True if it is a file that is counted: not that of somebody who has logged in,
 * or is trusted, and not one that a worker has already been given.
 */
static bool
is_counted(const struct server *s, const struct slot *slot)
{
	bool given = slot_is_busy(slot) &&
	             request_rules[slot->request.kind].given == GIVEN_BODY;

	return slot->used && slot->body != -1 && slot->session != 0 &&
	       slot->user[0] == '\0' && slot->role != ROLE_LOCAL && !given &&
	       !slot->restarting &&
	       client_trusted(s->config, &slot->peer) == NULL;
}

static uint64_t
size_of(const struct slot *slot)
{
	struct stat st;

	return fstat(slot->body, &st) == 0 ? (uint64_t)st.st_blocks * BLOCK : 0;
}

/* True if its session has been told, and has not given up its file yet. */
static bool
is_told(struct slot *slot, uint64_t octets)
{
	if (slot->room_told == slot->session &&
	    octets < slot->room_told_octets) {
		slot->room_told = 0;
	}
	return slot->room_told == slot->session;
}

static size_t
find(struct server *s, struct room_file *files)
{
	size_t n = 0;

	for (size_t i = 0; i < s->nslots; i++) {
		struct slot *slot = &s->slots[i];
		if (!is_counted(s, slot)) {
			continue;
		}
		uint64_t octets = size_of(slot);
		files[n++] = (struct room_file){ .slot = slot,
			.network = slot->peer.network,
			.octets = octets,
			.goes = is_told(slot, octets) };
	}
	return n;
}

static uint64_t
find_cap(const struct server *s, const struct room_file *files, size_t n)
{
	uint64_t cap = s->config->strangers_room, sum = 0;
	struct statvfs fs;

	if (cap != 0 || n == 0) {
		return cap;
	}
	if (fstatvfs(files[0].slot->body, &fs) == -1) {
		return UINT64_MAX; /* it will show when it is written */
	}
	for (size_t i = 0; i < n; i++) {
		sum += files[i].octets;
	}
	return room_share((uint64_t)fs.f_bavail * fs.f_frsize,
	    s->config->minimum_free, sum, config_body_limit(s->config));
}

static void
tell(struct slot *slot, const struct room_file *f, uint64_t cap, int64_t now)
{
	log_warn("session %d is told to give up a message: those of clients "
		 "that have not logged in hold more than %llu octets (see "
		 "strangers-room)",
	    (int)slot->first, (unsigned long long)cap);
	slot->room_told = slot->session;
	slot->room_told_at = now;
	slot->room_told_octets = f->octets;
	kill(slot->session, SIGUSR1);
}

/* One that does not listen has been taken over, or has been stopped. */
static void
insist(struct slot *slot, int64_t now)
{
	if (now < slot->room_told_at + OBEYS || slot->doomed == slot->session) {
		return;
	}
	log_error("session %d does not give up its message, and is killed",
	    (int)slot->first);
	slot->doomed = slot->session;
	kill(slot->session, SIGKILL);
}

static void
look(struct server *s, struct room_file *files, int64_t now)
{
	size_t n = find(s, files);

	if (n > 0) {
		s->room = find_cap(s, files, n);
	}
	room_choose(files, n, s->room);
	for (size_t i = 0; i < n; i++) {
		struct slot *slot = files[i].slot;
		if (slot->room_told == slot->session) {
			insist(slot, now);
		} else if (files[i].goes) {
			tell(slot, &files[i], s->room, now);
		}
	}
}

void
room_keep(struct server *s)
{
	if (room_left(s) > 0) {
		return;
	}
	struct room_file *files = calloc(s->nslots, sizeof(*files));
	s->room_looked = deadline_now();
	if (files == NULL) {
		log_error("no memory to look at the room for messages");
		return;
	}
	look(s, files, s->room_looked);
	free(files);
}

int64_t
room_left(const struct server *s)
{
	uint64_t message = config_body_limit(s->config);
	size_t n = 0;

	for (size_t i = 0; s->service->body && i < s->nslots; i++) {
		n += is_counted(s, &s->slots[i]);
	}
	if (n == 0) {
		return INT64_MAX;
	}
	bool few =
	    s->room_looked != 0 && message != 0 && n <= s->room / message;
	return s->room_looked + (few ? SELDOM : OFTEN) - deadline_now();
}
