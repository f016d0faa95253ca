/* SPDX-License-Identifier: ISC */
/*
 * The server's loop: one slot for each connection, with its session process
 * and at most one worker.  Never blocks, and parses nothing that came from
 * the network.
 */
#include "common/server/server.h"

#include "common/io/deadline.h"
#include "common/io/stream.h"
#include "common/log/log.h"
#include "common/log/stats.h"
#include "common/names/passwd.h"
#include "common/process/privilege.h"
#include "common/process/process.h"
#include "common/server/keepers.h"
#include "common/server/launch.h"
#include "common/server/lobby.h"
#include "common/server/patience.h"
#include "common/server/residents.h"
#include "common/server/room.h"
#include "common/server/slot.h"
#include "common/server/spares.h"
#include "common/tls/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	GRACE = 5000, /* ms for transactions under way after SIGTERM */
	FEWEST_DESCRIPTORS = 32, /* with all listeners, and a few sessions */
};

static volatile sig_atomic_t child_ended, told_to_stop;

/*
 * Signals wake the loop through a pipe.  ppoll(2) with a mask would not do: it
 * delivers them only when it sleeps, and under load it never does.
 */
static int wake[2] = { -1, -1 };

static void
on_signal(int sig)
{
	int saved = errno;

	if (sig == SIGCHLD) {
		child_ended = 1;
	} else {
		told_to_stop = 1;
	}
	if (write(wake[1], "", 1) == -1) {
		/* full of earlier ones: they wake it just as well */
	}
	errno = saved;
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
	lobby_close(s);
	residents_close(s);
	spares_close(s);
	for (size_t i = 0; i < s->nslots; i++) {
		struct slot *slot = &s->slots[i];
		if (slot->used && slot->session > 0) {
			kill(slot->session, sig);
		}
		if (slot->used && slot->worker > 0 && slot->in_mailbox) {
			kill(slot->worker, sig == SIGKILL ? SIGTERM : sig);
		}
	}
	if (s->errand > 0) {
		kill(s->errand, sig);
	}
	s->stops++;
	s->stop_at = deadline_now() + GRACE;
}

/* ---- the loop ---- */

static bool
finished(const struct server *s)
{
	if (s->used > 0 || !residents_none(s)) {
		return false;
	}
	if (s->nlisteners == 0) {
		/* A single session's errand goes on without us. */
		return s->stop_at == 0 || s->errand == 0;
	}
	return !s->forever && s->errand == 0 &&
	       deadline_now() - s->idle_since >=
	           (int64_t)s->config->idle_exit * 1000;
}

/* How long poll() may wait, in ms. */
static int
most_wait(struct server *s)
{
	int64_t now = deadline_now(), ms = patience_left(s);
	int64_t lobby = lobby_left(s), keepers = keepers_left(s);
	int64_t room = room_left(s), residents = residents_left(s);
	int64_t errand = errand_left(s);
	int64_t spares = spares_left(s);

	s->turn_at = request_next(s);
	ms = s->turn_at - now < ms ? s->turn_at - now : ms;
	ms = keepers < ms ? keepers : ms;
	ms = lobby < ms ? lobby : ms;
	ms = room < ms ? room : ms;
	ms = errand < ms ? errand : ms;
	ms = spares < ms ? spares : ms;
	ms = ms < 60000 ? ms : 60000;

	if (s->stop_at != 0) {
		ms = s->stop_at - now < ms ? s->stop_at - now : ms;
	} else if (s->used == 0 && !s->forever && s->errand == 0 &&
		   residents_none(s)) {
		ms = s->idle_since + (int64_t)s->config->idle_exit * 1000 - now;
	}
	ms = residents < ms ? residents : ms;
	return ms < 0 ? 0 : ms > 60000 ? 60000 : (int)ms;
}

/* What to poll: the pipe, the listeners, the sessions that may ask. */
static size_t
fill_poll(const struct server *s, struct pollfd *fds)
{
	size_t n = 0;

	fds[n++] = (struct pollfd){ .fd = wake[0], .events = POLLIN };
	for (size_t i = 0; i < s->nlisteners; i++) {
		fds[n++] = (struct pollfd){ .fd = s->listeners[i].fd,
			.events = POLLIN };
	}
	for (size_t i = 0; i < s->nslots; i++) {
		const struct slot *slot = &s->slots[i];
		bool idle = slot->used && !slot_is_busy(slot) &&
		            !slot->waiting && slot->awaits == AWAITS_NOTHING;
		fds[n++] = (struct pollfd){ .fd = idle ? slot->channel : -1,
			.events = POLLIN };
	}
	return n;
}

static void
handle_signals(struct server *s)
{
	char bytes[64];

	while (read(wake[0], bytes, sizeof(bytes)) == sizeof(bytes)) {
		continue;
	}
	if (child_ended) {
		child_ended = 0;
		reap(s);
		request_start_waiting(s);
		lobby_serve(s);
	}
	if (told_to_stop) {
		told_to_stop = 0;
		stop(s);
	}
}

/* Serves what is ready; the slots are those that fill_poll() saw. */
static void
handle_ready(struct server *s, const struct pollfd *fds, size_t n)
{
	size_t listening = s->nlisteners;

	for (size_t i = 1 + listening; i < n; i++) {
		struct slot *slot = &s->slots[i - 1 - listening];
		/* A slot may have changed hands since. */
		if (fds[i].revents != 0 && slot->used &&
		    slot->channel == fds[i].fd && !slot_is_busy(slot) &&
		    !slot->waiting) {
			request_take(s, slot);
		}
	}
	for (size_t i = 0; i < listening; i++) {
		if (fds[1 + i].revents != 0) {
			accept_ready(s, &s->listeners[i]);
		}
	}
}

/* Goes on with the slots that have waited for keys. */
static void
settle_keys(struct server *s)
{
	bool settled = s->keys_settled;

	s->keys_settled = false;
	for (size_t i = 0; i < s->nslots && settled; i++) {
		if (s->slots[i].used) {
			slot_keys_settled(s, &s->slots[i]);
		}
	}
}

/* Does what its time has come for. */
static void
keep_time(struct server *s)
{
	keepers_keep(s);
	settle_keys(s);
	patience_keep(s);
	residents_keep(s);
	reap_late(s);
	spares_keep(s);
	room_keep(s);
	if (lobby_left(s) <= 0) {
		lobby_serve(s);
	}
	if (deadline_now() >= s->turn_at) {
		request_start_waiting(s);
	}
}

static void
serve(struct server *s, struct pollfd *fds)
{
	while (!finished(s)) {
		size_t n = fill_poll(s, fds);
		keepers_fill(s, fds + n);
		residents_fill(s, fds + n + KEEPERS);
		if (poll(fds, (nfds_t)(n + KEEPERS + RESIDENTS), most_wait(s)) >
		    0) {
			keepers_serve(s, fds + n);
			residents_serve(s, fds + n + KEEPERS);
			request_residents_answered(s);
			handle_ready(s, fds, n);
			if (fds[0].revents != 0) {
				handle_signals(s);
			}
		}
		keep_time(s);
		errand_if_due(s);
		if (s->stop_at != 0 && deadline_now() >= s->stop_at) {
			stop(s);
		}
	}
}

/*
 * A session takes up to three descriptors of ours, and there may be many.  With
 * fewer than a few sessions need, every client would be told to come back.
 */
static bool
raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1) {
		return true;
	}
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max >= FEWEST_DESCRIPTORS) {
		return true;
	}
	log_error("the limit of open files is %llu, and a server needs %d at "
		  "least: raise it (ulimit -Hn, or LimitNOFILE= of the unit)",
	    (unsigned long long)limit.rlim_max, FEWEST_DESCRIPTORS);
	return false;
}

static int
catch_signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal,
		.sa_flags = SA_RESTART };
	sigset_t none;

	if (pipe2(wake, O_CLOEXEC | O_NONBLOCK) == -1) {
		return -1;
	}
	sigaction(SIGCHLD, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* Callers of sendmail(8) block SIGCHLD, and that is inherited. */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	return 0;
}

/* What listeners need that a single session may not. */
static int
prepare_listening(struct server *s)
{
	if (!raise_descriptors()) {
		return EX_OSERR;
	}
	slot_refresh(s);
	if (s->names == NULL) {
		return EX_CONFIG;
	}
	if (s->config->ntls > 0 && !keepers_wait(s)) {
		return EX_CONFIG;
	}
	return EX_OK;
}

/* Children inherit it; without it all goes on as well. */
static void
start_counting(const struct server *s)
{
	if (stats_open(s->config) == -1 && s->nlisteners > 0) {
		log_warn("cannot open %s/stats: %s; what smtpd --stats "
			 "prints will be incomplete",
		    s->config->state, strerror(errno));
	}
}

/* Tells whoever gave us the session by standard input how it has ended. */
static int
tell_ending(const struct server *s)
{
	if (s->session_status != EX_OK) {
		dprintf(STDERR_FILENO,
		    "%s: the session was cut off before its end; what has not "
		    "been answered by 250 was not accepted\n",
		    s->service->name);
	}
	return s->session_status;
}

static int
run(struct server *s, const struct launched *l)
{
	struct pollfd *fds = NULL;
	int status = EX_OK;

	s->slots = calloc(s->config->sessions, sizeof(*s->slots));
	fds = calloc(
	    1 + LAUNCH_LISTENERS + s->config->sessions + KEEPERS + RESIDENTS,
	    sizeof(*fds));
	s->idle_since = deadline_now();
	s->forever = l->forever;
	if (s->slots == NULL || fds == NULL) {
		log_error("no memory for %u sessions", s->config->sessions);
		status = EX_OSERR;
	} else if (catch_signals() == -1) {
		log_error("cannot make a pipe: %s", strerror(errno));
		status = EX_OSERR;
	} else {
		reap_prepare();
		start_counting(s);
		if (privilege_prepare(s->config, &s->confinement) == -1) {
			status = EX_CONFIG;
		} else if (s->nlisteners > 0) {
			status = prepare_listening(s);
		}
	}
	if (status == EX_OK && l->connected &&
	    !accept_connection(s, l->rfd, l->wfd, &l->peer, l->kind)) {
		status = EX_TEMPFAIL;
	}
	if (status == EX_OK) {
		launch_announce(l, s->listeners, s->nlisteners);
		serve(s, fds);
		errand_leave(s);
		status = l->standard ? tell_ending(s) : EX_OK;
	}
	free(fds);
	free(s->slots);
	names_free(s->names);
	aliases_free(s->aliases);
	access_free(s->access);
	spares_close(s);
	keepers_close(s);
	penalties_close(&s->penalties);
	return status;
}

static struct server *
new_server(const struct service *service, const struct config *config)
{
	struct server *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		log_error("no memory for a server");
		return NULL;
	}
	s->service = service;
	s->config = config;
	s->penalties.fd = -1;
	arc4random_buf(s->resident_secret, sizeof(s->resident_secret));
	return s;
}

int
server_run(const struct service *service, const struct launch *launch,
    const struct config *config)
{
	struct server *s = new_server(service, config);
	struct launched l;
	char error[CONFIG_ERROR];

	if (s == NULL) {
		return EX_OSERR;
	}
	int status = launch_start(launch, config, service->name, &l,
	    s->listeners, &s->nlisteners, error);
	if (status != EX_OK) {
		log_error("%s", error);
	} else {
		if (!l.connected) {
			passwd_prepare(); /* we stay, and fork many */
			process_prepare();
		}
		status = run(s, &l);
	}
	free(s);
	return status;
}

int
server_run_local(
    const struct service *service, const struct config *config, int fd)
{
	struct server *s = new_server(service, config);
	struct launched l = { .connected = true, .rfd = fd, .wfd = fd };

	if (s == NULL) {
		return EX_OSERR;
	}
	l.kind.role = ROLE_LOCAL;
	l.peer.loopback = true;
	l.peer.uid = getuid();
	strlcpy(l.peer.address, "local", sizeof(l.peer.address));
	int status = run(s, &l);
	free(s);
	return status;
}
