/* SPDX-License-Identifier: ISC */
/*
 * The server's loop: one slot for each connection, with its session process
 * and at most one worker.  Never blocks, and parses nothing that came from
 * the network.
 */
#include "common/server.h"

#include "common/launch.h"
#include "common/log.h"
#include "common/privilege.h"
#include "common/slot.h"
#include "common/stream.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

enum {
	DEFAULT_PER_SOURCE = 50,
	GRACE = 5000, /* ms for transactions under way after SIGTERM */
};

static volatile sig_atomic_t child_ended, told_to_stop;

static void
on_signal(int sig)
{
	if (sig == SIGCHLD) {
		child_ended = 1;
	} else {
		told_to_stop = 1;
	}
}

/* ---- the ends of children ---- */

static void
reap(struct server *s)
{
	int status;
	pid_t pid;

	child_ended = 0;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (size_t i = 0; i < s->nslots; i++) {
			struct slot *slot = &s->slots[i];
			if (!slot->used) {
				continue;
			}
			if (slot->session == pid) {
				if (WIFSIGNALED(status)) {
					log_error("session %d ended by signal "
						  "%d",
					    (int)pid, WTERMSIG(status));
				}
				slot->session = 0;
				slot_settle(s, slot);
				break;
			}
			if (slot->worker == pid) {
				request_worker_ended(s, slot, status);
				break;
			}
		}
	}
}

/* ---- connections ---- */

static bool
over_limit(const struct server *s, const struct peer *peer)
{
	unsigned limit = s->config->sessions_per_source, n = 0;

	if (s->used >= s->config->sessions) {
		return true;
	}
	if (limit == 0 && peer->loopback) {
		return false; /* one's own machine, unless it was asked for */
	}
	limit = limit == 0 ? DEFAULT_PER_SOURCE : limit;
	for (size_t i = 0; i < s->nslots; i++) {
		const struct slot *slot = &s->slots[i];
		n += slot->used && memcmp(slot->peer.network, peer->network,
				       sizeof(peer->network)) == 0;
	}
	return n >= limit;
}

/* Serves a connection, or says why not; its descriptors are ours now. */
static void
add_connection(struct server *s, int rfd, int wfd, const struct peer *peer,
    struct service_kind kind)
{
	slot_refresh(s);
	if (!over_limit(s, peer) && slot_connect(s, rfd, wfd, peer, kind)) {
		return;
	}
	log_warn("refused %s: too many sessions, or not ready for them",
	    peer->address);
	if (!kind.tls) {
		(void)send(wfd, s->service->busy, strlen(s->service->busy),
		    MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	close(rfd);
	if (wfd != rfd) {
		close(wfd);
	}
}

static void
accept_connections(struct server *s, const struct listener *l)
{
	/* Some at a time, so that requests are not kept waiting. */
	for (int i = 0; i < 16; i++) {
		struct peer peer;
		int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd == -1) {
			if (errno == EMFILE || errno == ENFILE) {
				log_error("accept: %s", strerror(errno));
			}
			return;
		}
		if (listen_peer(fd, &peer)) {
			add_connection(s, fd, fd, &peer, l->kind);
		} else {
			close(fd);
		}
	}
}

/* ---- stopping ---- */

/*
 * SIGTERM once: sessions between transactions say good-bye; after GRACE once
 * more: all of them do; after another GRACE: killed.
 */
static void
stop(struct server *s)
{
	static const int signals[] = { SIGTERM, SIGTERM, SIGKILL };
	int sig = signals[s->stops < 2 ? s->stops : 2];

	launch_close(s->listeners, s->nlisteners, s->forever);
	s->nlisteners = 0;
	for (size_t i = 0; i < s->nslots; i++) {
		struct slot *slot = &s->slots[i];
		if (slot->used && slot->session > 0) {
			kill(slot->session, sig);
		}
		if (slot->used && slot->worker > 0 && slot->in_mailbox) {
			kill(slot->worker, sig == SIGKILL ? SIGTERM : sig);
		}
	}
	s->stops++;
	s->stop_at = stream_now() + GRACE;
}

/* ---- the loop ---- */

static bool
finished(const struct server *s)
{
	if (s->used > 0) {
		return false;
	}
	if (s->nlisteners == 0) {
		return true;
	}
	return !s->forever && stream_now() - s->idle_since >=
	                          (int64_t)s->config->idle_exit * 1000;
}

/* How long ppoll() may wait. */
static struct timespec
patience(const struct server *s)
{
	int64_t ms = 60000;

	if (s->stop_at != 0) {
		ms = s->stop_at - stream_now();
	} else if (s->used == 0) {
		ms = s->idle_since + (int64_t)s->config->idle_exit * 1000 -
		     stream_now();
	}
	ms = ms < 0 ? 0 : ms;
	return (struct timespec){ .tv_sec = ms / 1000,
		.tv_nsec = ms % 1000 * 1000000 };
}

static void
serve(struct server *s, struct pollfd *fds)
{
	sigset_t none;

	sigemptyset(&none);
	while (!finished(s)) {
		size_t n = 0;
		size_t listening = s->nlisteners;
		for (; n < listening; n++) {
			fds[n] = (struct pollfd){ .fd = s->listeners[n].fd,
				.events = POLLIN };
		}
		for (size_t i = 0; i < s->nslots; i++, n++) {
			const struct slot *slot = &s->slots[i];
			bool idle =
			    slot->used && slot->worker == 0 && !slot->waiting;
			fds[n] =
			    (struct pollfd){ .fd = idle ? slot->channel : -1,
				    .events = POLLIN };
		}
		size_t polled = n - listening;
		struct timespec ts = patience(s);
		int ready = ppoll(fds, n, &ts, &none);
		if (told_to_stop ||
		    (s->stop_at != 0 && stream_now() >= s->stop_at)) {
			told_to_stop = 0;
			stop(s);
			continue;
		}
		if (child_ended) {
			reap(s);
			request_start_waiting(s);
		}
		if (ready <= 0) {
			continue;
		}
		for (size_t i = 0; i < polled; i++) {
			struct slot *slot = &s->slots[i];
			if (fds[listening + i].revents != 0 && slot->used &&
			    slot->channel != -1 && slot->worker == 0 &&
			    !slot->waiting) {
				request_take(s, slot);
			}
		}
		for (size_t i = 0; i < listening; i++) {
			if (fds[i].revents != 0) {
				accept_connections(s, &s->listeners[i]);
			}
		}
	}
}

static void
catch_signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal };
	const int caught[] = { SIGCHLD, SIGTERM, SIGINT };
	sigset_t mask;

	sigemptyset(&mask);
	for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++) {
		sigaction(caught[i], &sa, NULL);
		sigaddset(&mask, caught[i]);
	}
	/* Delivered in ppoll() alone. */
	sigprocmask(SIG_BLOCK, &mask, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
}

/* What listeners need that a single session may not. */
static int
prepare_listening(struct server *s)
{
	slot_refresh(s);
	if (s->names == NULL) {
		return EX_CONFIG;
	}
	tls_preload();
	if (s->config->ntls > 0 && !slot_have_tls(s)) {
		return EX_CONFIG;
	}
	return EX_OK;
}

static int
run(struct server *s, const struct launched *l)
{
	struct pollfd *fds = NULL;
	int status = EX_OK;

	s->slots = calloc(s->config->sessions, sizeof(*s->slots));
	fds = calloc(s->config->sessions + LAUNCH_LISTENERS, sizeof(*fds));
	s->idle_since = stream_now();
	s->forever = l->forever;
	if (s->slots == NULL || fds == NULL) {
		log_error("no memory for %u sessions", s->config->sessions);
		status = EX_OSERR;
	} else {
		catch_signals();
		if (privilege_prepare(s->config, &s->confinement) == -1) {
			status = EX_CONFIG;
		} else if (s->nlisteners > 0) {
			status = prepare_listening(s);
		}
	}
	if (status == EX_OK && l->connected) {
		add_connection(s, l->rfd, l->wfd, &l->peer, l->kind);
	}
	if (status == EX_OK) {
		launch_announce(l, s->listeners, s->nlisteners);
		serve(s, fds);
	}
	free(fds);
	free(s->slots);
	names_free(s->names);
	tls_server_close(s->tls);
	return status;
}

int
server_run(const struct service *service, const struct launch *launch,
    const struct config *config)
{
	struct server s = { .service = service, .config = config };
	struct launched l;
	char error[CONFIG_ERROR];

	int status = launch_start(launch, config, service->name, &l,
	    s.listeners, &s.nlisteners, error);
	if (status != EX_OK) {
		log_error("%s", error);
		return status;
	}
	return run(&s, &l);
}

int
server_run_local(
    const struct service *service, const struct config *config, int fd)
{
	struct server s = { .service = service, .config = config };
	struct launched l = { .connected = true, .rfd = fd, .wfd = fd };

	l.kind.role = ROLE_LOCAL;
	l.peer.loopback = true;
	l.peer.uid = getuid();
	strlcpy(l.peer.address, "local", sizeof(l.peer.address));
	return run(&s, &l);
}
