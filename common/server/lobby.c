/* SPDX-License-Identifier: ISC */
/* See the header. */
#include "common/server/lobby.h"

#include "common/io/deadline.h"
#include "common/server/place.h"

enum {
	PATIENCE = 5000, /* ms until a client is refused */
	AGAIN = 250,     /* until somebody else is told to make room for it */
};

bool
lobby_enter(struct server *s, int fd, const struct peer *peer,
    const struct welcome *welcome, struct service_kind kind)
{
	int64_t now = deadline_now();

	if (s->nguests == LOBBY) {
		return false;
	}
	s->lobby[s->nguests++] = (struct guest){ .fd = fd,
		.peer = *peer,
		.welcome = *welcome,
		.kind = kind,
		.until = now + PATIENCE,
		.again = now + AGAIN };
	return true;
}

static void
turn_away(struct server *s, const struct guest *g)
{
	accept_refuse(s, g->fd, g->fd, &g->peer, g->kind.tls,
	    service_refusals(s->service, g->kind.role)->too_many,
	    "too many sessions");
}

/* True if the guest has left the lobby, one way or the other. */
static bool
show_in(struct server *s, struct guest *g, int64_t now)
{
	if (place_ask(s, &g->peer, g->kind.role) == PLACE_FREE) {
		if (!slot_connect(
			s, g->fd, g->fd, &g->peer, &g->welcome, g->kind)) {
			turn_away(s, g);
		}
		return true;
	}
	if (now >= g->until) {
		turn_away(s, g);
		return true;
	}
	if (now >= g->again) {
		g->again = now + AGAIN;
		(void)place_seek(s, &g->peer);
	}
	return false;
}

void
lobby_serve(struct server *s)
{
	int64_t now = deadline_now();
	size_t left = 0;

	for (size_t i = 0; i < s->nguests; i++) {
		if (!show_in(s, &s->lobby[i], now)) {
			s->lobby[left++] = s->lobby[i];
		}
	}
	s->nguests = left;
}

int64_t
lobby_left(const struct server *s)
{
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < s->nguests; i++) {
		const struct guest *g = &s->lobby[i];
		int64_t at = g->again < g->until ? g->again : g->until;
		next = at < next ? at : next;
	}
	return next == INT64_MAX ? next : next - deadline_now();
}

void
lobby_close(struct server *s)
{
	for (size_t i = 0; i < s->nguests; i++) {
		turn_away(s, &s->lobby[i]);
	}
	s->nguests = 0;
}
