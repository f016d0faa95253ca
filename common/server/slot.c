/* SPDX-License-Identifier: ISC */
/* Slots: what belongs to a connection is opened here, and closed here. */
#include "common/server/slot.h"

#include "common/io/deadline.h"
#include "common/io/stream.h"
#include "common/io/file.h"
#include "common/log/log.h"
#include "common/server/child.h"
#include "common/server/keepers.h"
#include "common/server/place.h"
#include "common/server/spares.h"
#include "common/server/tables.h"
#include "common/server/tls_starter.h"
#include "common/tls/tls.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void
slot_refresh(struct server *s)
{
	tables_refresh(s);
	keepers_refresh(s);
}

static struct slot *
new_slot(struct server *s)
{
	for (size_t i = 0; i < s->config->sessions; i++) {
		struct slot *slot = &s->slots[i];
		if (!slot->used) {
			memset(slot, 0, sizeof(*slot));
			slot->used = true;
			slot->channel = slot->body = slot->mailbox = -1;
			s->used++;
			s->nslots = i >= s->nslots ? i + 1 : s->nslots;
			return slot;
		}
	}
	return NULL;
}

static void
close_if_open(int fd)
{
	if (fd != -1) {
		close(fd);
	}
}

/*
 * True if a session may have passed on its descriptors: its filter leaves it
 * sendmsg(2), and a client at a socket of this system can take descriptors.
 */
static bool
hands_on(int client)
{
	struct sockaddr_storage a = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(a);

	return getsockname(client, (struct sockaddr *)&a, &len) == 0 &&
	       a.ss_family == AF_UNIX;
}

/*
 * A body file outlives its connection, if no process is left that could hold
 * it: making a file and giving it up costs more than emptying one.
 */
static void
take_body(struct server *s, struct slot *slot)
{
	slot->body = s->nbodies > 0 ? s->bodies[--s->nbodies]
	                            : file_unnamed(s->config->queue);
	slot->body_errno = errno;
}

static void
leave_body(struct server *s, const struct slot *slot)
{
	if (slot->body != -1 && s->nbodies < SPARE_BODIES && !slot->left &&
	    !hands_on(slot->rfd) && file_empty(slot->body) == 0) {
		s->bodies[s->nbodies++] = slot->body;
	} else {
		close_if_open(slot->body);
	}
}

static void
free_slot(struct server *s, struct slot *slot)
{
	request_end(s, slot);
	close_if_open(slot->channel);
	leave_body(s, slot);
	close_if_open(slot->mailbox);
	close(slot->rfd);
	if (slot->wfd != slot->rfd) {
		close(slot->wfd);
	}
	slot->used = false;
	s->used--;
	while (s->nslots > 0 && !s->slots[s->nslots - 1].used) {
		s->nslots--;
	}
	s->idle_since = deadline_now();
}

void
slot_settle(struct server *s, struct slot *slot)
{
	if (slot->used && slot->session == 0 && !slot_is_busy(slot) &&
	    slot->awaits != AWAITS_START) {
		free_slot(s, slot);
	}
}

/* True if a session in the clear may offer STARTTLS. */
static bool
can_tls(const struct server *s, const struct slot *slot)
{
	return s->config->ntls > 0 && slot->role != ROLE_LOCAL &&
	       slot->rfd == slot->wfd &&
	       (keepers_have_keys(s) || access(s->config->tls[0], R_OK) == 0);
}

/* The process of a session, which has the other end of the channel; or -1. */
static pid_t
start_process(
    struct server *s, struct keeper *keeper, struct connection *c, int channel)
{
	bool remote = keeper != NULL && keeper->starter.pid != 0;
	pid_t pid = remote ? tls_starter_start(&keeper->starter, c, channel)
	                   : child_session(s, keeper, c);
	int error = errno;

	if (pid == -1 && remote && keeper->starter.channel == -1) {
		keepers_starter_gone(s, keeper);
	} else if (pid == -1) {
		log_error("cannot fork: %s", strerror(error));
	}
	return pid;
}

/* The slot's session is that process: 0, always. */
static int
begun(struct slot *slot, const struct connection *c, pid_t pid, int channel)
{
	slot->channel = channel;
	slot->session = pid;
	slot->first = c->first != 0 ? c->first : pid;
	slot->tls = c->start != START_PLAIN;
	slot->user[0] = '\0';
	slot->asked = 0;
	return 0;
}

/* Starts it now. */
static int
begin(struct server *s, struct slot *slot, enum start start)
{
	struct keeper *keeper = start == START_PLAIN ? NULL : s->keeper;
	struct connection c = {
		.config = s->config,
		.confinement = &s->confinement,
		.resident_secret = s->resident_secret,
		.names = s->names,
		.aliases = s->aliases,
		.access = s->access,
		.can_tls = start == START_PLAIN && can_tls(s, slot),
		.start = start,
		.first = start == START_STARTTLS ? slot->first : 0,
		.role = slot->role,
		.peer = slot->peer,
		.welcome = slot->welcome,
		.refusals = service_refusals(s->service, slot->role),
		.rfd = slot->rfd,
		.wfd = slot->wfd,
		.body = slot->body,
		.body_errno = slot->body_errno,
		.channel = -1,
		.mailbox = -1,
		/* Never strangers' servers: theirs are for other ends. */
		.asks = slot->role == ROLE_SUBMISSION || s->service->pair,
	};
	int pair[2], stream[2] = { -1, -1 };

	if (s->names == NULL || (s->service->body && s->aliases == NULL)) {
		return -1;
	}
	pid_t pid = start == START_PLAIN ? spares_take(s, &c, &pair[0]) : 0;
	if (pid > 0) {
		return begun(slot, &c, pid, pair[0]);
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1) {
		return -1;
	}
	channel_make_room(pair[1]);
	if (s->service->pair && start != START_PLAIN &&
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stream) == -1) {
		close(pair[0]);
		close(pair[1]);
		return -1;
	}
	c.channel = pair[1];
	c.mailbox = stream[0];
	pid = start_process(s, keeper, &c, pair[0]);
	close(pair[1]);
	close_if_open(stream[0]);
	if (pid == -1) {
		close(pair[0]);
		close_if_open(stream[1]);
		return -1;
	}
	slot->mailbox = stream[1];
	slot->keeper = keeper;
	return begun(slot, &c, pid, pair[0]);
}

int
slot_start_session(struct server *s, struct slot *slot, enum start start)
{
	if (start == START_PLAIN || keepers_have_keys(s)) {
		return begin(s, slot, start);
	}
	if (s->config->ntls == 0 || (s->nlisteners == 0 && !keepers_wait(s))) {
		return -1;
	}
	if (keepers_have_keys(s)) {
		return begin(s, slot, start);
	}
	slot->awaits = AWAITS_START;
	slot->start = start;
	keepers_want(s);
	return 0;
}

void
slot_keys_settled(struct server *s, struct slot *slot)
{
	enum awaits awaited = slot->awaits;

	if (awaited == AWAITS_KEYS) {
		slot->awaits = AWAITS_NOTHING;
		request_restart(s, slot);
	} else if (awaited == AWAITS_START) {
		slot->awaits = AWAITS_NOTHING;
		if (!keepers_have_keys(s) ||
		    begin(s, slot, slot->start) == -1) {
			s->service->refused(slot->peer.address,
			    service_refusals(s->service, slot->role)->not_ready,
			    "not ready");
		}
		slot_settle(s, slot);
	}
}

bool
slot_connect(struct server *s, int rfd, int wfd, const struct peer *peer,
    const struct welcome *welcome, struct service_kind kind)
{
	struct slot *slot = new_slot(s);

	if (slot == NULL) {
		return false;
	}
	slot->rfd = rfd;
	slot->wfd = wfd;
	slot->peer = *peer;
	slot->welcome = *welcome;
	slot->role = kind.role;
	slot->known = place_is_known(s, peer);
	slot->useful_at = deadline_now();
	if (s->service->body) {
		take_body(s, slot);
	}
	if (slot_start_session(s, slot, kind.tls ? START_TLS : START_PLAIN) ==
	    -1) {
		slot->rfd = slot->wfd =
		    dup(rfd); /* the caller closes its own */
		free_slot(s, slot);
		return false;
	}
	return true;
}
