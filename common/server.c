/* SPDX-License-Identifier: ISC */
/*
 * The server's loop: one slot for each connection, with its session process
 * and at most one worker.  Never blocks, and parses nothing that came from
 * the network.
 */
#include "common/server.h"

#include "common/child.h"
#include "common/launch.h"
#include "common/log.h"
#include "common/login.h"
#include "common/privilege.h"
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
	MOST_CHECKS = 4, /* passwords checked at a time: they cost CPU */
	DEFAULT_PER_SOURCE = 50,
	GRACE = 5000, /* ms for transactions under way after SIGTERM */
};

struct slot {
	bool used;
	pid_t session, worker;
	int channel; /* -1: the session has closed it */
	struct peer peer;
	enum role role;
	char user[USER_NAME + 1]; /* who has logged in, or "" */
	/* The request under way: */
	struct request request;
	bool waiting, mailbox; /* for its turn; its worker is the mailbox */
	bool checking;
	char *payload;
	size_t size;
	int fd;
};

struct server {
	const struct service *service;
	const struct config *config;
	struct names *names;
	struct tls_server *tls;
	struct listener listeners[LAUNCH_LISTENERS];
	size_t nlisteners;
	struct slot *slots; /* config->sessions of them */
	size_t nslots;      /* up to the last one used */
	size_t used, checks;
	int64_t idle_since;
	int64_t stop_at; /* when the next step of stopping is due; 0: none */
	int stops;
	bool forever; /* started with -l: never idle enough to end */
	char buffer[REQUEST_MAX];
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

/* ---- what the sessions inherit ---- */

/* Rereads the users' names and the certificates when they have changed. */
static void
refresh(struct server *s)
{
	char error[CONFIG_ERROR];

	if (s->names == NULL || names_stale(s->names, s->config)) {
		struct names *names = names_load(s->config, error);
		if (names == NULL) {
			log_error("%s", error);
		} else {
			names_free(s->names);
			s->names = names;
		}
	}
	if (s->tls != NULL && tls_server_stale(s->tls, s->config)) {
		struct tls_server *tls =
		    tls_server_open(s->config, true, error);
		if (tls == NULL) {
			log_error("keeping the old certificate: %s", error);
		} else {
			tls_server_close(s->tls);
			s->tls = tls;
			log_info("certificate reread");
		}
	}
}

static bool
have_tls(struct server *s)
{
	char error[CONFIG_ERROR];

	if (s->tls == NULL && s->config->ntls > 0) {
		s->tls = tls_server_open(s->config, false, error);
		if (s->tls == NULL) {
			log_error("no TLS: %s", error);
		}
	}
	return s->tls != NULL;
}

/* ---- slots ---- */

static struct slot *
new_slot(struct server *s)
{
	for (size_t i = 0; i < s->config->sessions; i++) {
		struct slot *slot = &s->slots[i];
		if (!slot->used) {
			memset(slot, 0, sizeof(*slot));
			slot->used = true;
			slot->channel = slot->fd = -1;
			s->used++;
			s->nslots = i >= s->nslots ? i + 1 : s->nslots;
			return slot;
		}
	}
	return NULL;
}

static void
end_request(struct server *s, struct slot *slot)
{
	if (slot->payload != NULL) {
		explicit_bzero(slot->payload, slot->size);
		free(slot->payload);
		slot->payload = NULL;
	}
	if (slot->fd != -1) {
		close(slot->fd);
		slot->fd = -1;
	}
	s->checks -= slot->checking;
	slot->checking = slot->waiting = false;
}

static void
free_slot(struct server *s, struct slot *slot)
{
	end_request(s, slot);
	if (slot->channel != -1) {
		close(slot->channel);
	}
	slot->used = false;
	s->used--;
	while (s->nslots > 0 && !s->slots[s->nslots - 1].used) {
		s->nslots--;
	}
	s->idle_since = stream_now();
}

/* A slot whose processes have all ended is free again. */
static void
settle(struct server *s, struct slot *slot)
{
	if (slot->used && slot->session == 0 && slot->worker == 0) {
		free_slot(s, slot);
	}
}

/*
 * Starts the session of a slot.  The descriptors stay the caller's.  The
 * session that was there before, if any, ends by itself.
 */
static int
start_session(
    struct server *s, struct slot *slot, int rfd, int wfd, enum start start)
{
	struct connection c = { .config = s->config,
		.names = s->names,
		.tls = start == START_PLAIN ? NULL : s->tls,
		.can_tls =
		    start == START_PLAIN && s->config->ntls > 0 &&
		    slot->role != ROLE_LOCAL && rfd == wfd &&
		    (s->tls != NULL || access(s->config->tls[0], R_OK) == 0),
		.start = start,
		.role = slot->role,
		.peer = slot->peer,
		.rfd = rfd,
		.wfd = wfd };
	int pair[2];

	if (s->names == NULL ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1) {
		return -1;
	}
	c.channel = pair[1];
	pid_t pid = child_session(s->service, &c);
	close(pair[1]);
	if (pid == -1) {
		log_error("cannot fork: %s", strerror(errno));
		close(pair[0]);
		return -1;
	}
	slot->channel = pair[0];
	slot->session = pid;
	slot->user[0] = '\0';
	return 0;
}

/* ---- requests ---- */

static void
answer(struct slot *slot, enum status status)
{
	if (slot->channel != -1) {
		channel_answer(slot->channel, slot->request.serial, status);
	}
}

static void
start_worker(struct server *s, struct slot *slot, enum request_kind kind)
{
	struct task task = { .config = s->config,
		.peer = &slot->peer,
		.payload = slot->payload,
		.size = slot->size,
		.fd = slot->fd,
		.user = slot->user };
	bool check = kind == REQUEST_LOGIN;

	slot->waiting = check && s->checks >= MOST_CHECKS;
	if (slot->waiting) {
		return;
	}
	pid_t pid = child_worker(&s->service->jobs[kind], &task, slot->channel,
	    slot->request.serial, !check && kind != REQUEST_MAILBOX);
	if (pid == -1) {
		log_error("cannot fork: %s", strerror(errno));
		answer(slot, STATUS_TEMPORARY);
		end_request(s, slot);
		return;
	}
	slot->worker = pid;
	slot->checking = check;
	s->checks += check;
	slot->mailbox = kind == REQUEST_MAILBOX;
}

/* A session asks to begin again with TLS, on the client that it sends. */
static void
restart_with_tls(struct server *s, struct slot *slot)
{
	int old = slot->channel;

	slot->channel = -1;
	if (have_tls(s) &&
	    start_session(s, slot, slot->fd, slot->fd, START_STARTTLS) == 0) {
		channel_answer(old, slot->request.serial, STATUS_OK);
		close(old);
	} else {
		slot->channel = old;
		answer(slot, STATUS_TEMPORARY);
	}
	end_request(s, slot);
}

static bool
acceptable(
    const struct server *s, const struct slot *slot, ssize_t size, int fd)
{
	if (size < 0 || slot->request.kind >= REQUEST_MAILBOX) {
		return false;
	}
	if (slot->request.kind == REQUEST_TLS) {
		return size == 0 && fd != -1;
	}
	const struct job *job = &s->service->jobs[slot->request.kind];
	return job->run != NULL && job->takes_fd == (fd != -1) &&
	       job->valid(s->buffer, (size_t)size);
}

static void
take_request(struct server *s, struct slot *slot)
{
	int fd;
	ssize_t size = channel_receive(
	    slot->channel, &slot->request, s->buffer, sizeof(s->buffer), &fd);

	if (size == -1 && errno == EAGAIN) {
		return;
	}
	if (size == -1 && (errno == EPIPE || errno == ECONNRESET)) {
		close(slot->channel);
		slot->channel = -1;
		return;
	}
	slot->fd = fd;
	slot->size = size > 0 ? (size_t)size : 0;
	slot->payload = malloc(slot->size + 1);
	if (slot->payload == NULL || !acceptable(s, slot, size, fd)) {
		/* Only a session that is no longer ours says such things. */
		log_error("session %d sent a malformed request: killed",
		    (int)slot->session);
		kill(slot->session, SIGKILL);
		end_request(s, slot);
		return;
	}
	memcpy(slot->payload, s->buffer, slot->size);
	explicit_bzero(s->buffer, slot->size);
	if (slot->request.kind == REQUEST_TLS) {
		restart_with_tls(s, slot);
	} else {
		start_worker(s, slot, (enum request_kind)slot->request.kind);
	}
}

/* ---- the ends of children ---- */

/* A login check has ended: the server believes its exit status alone. */
static void
login_checked(struct server *s, struct slot *slot, int status)
{
	const struct login *login = (const struct login *)slot->payload;
	bool ok = WIFEXITED(status) && WEXITSTATUS(status) == STATUS_OK &&
	          user_name(s->config, login->name, slot->user);

	s->checks--;
	slot->checking = false;
	if (ok && s->service->jobs[REQUEST_MAILBOX].run != NULL) {
		start_worker(s, slot, REQUEST_MAILBOX);
		if (slot->worker != 0) {
			answer(slot, STATUS_OK);
		}
		return;
	}
	answer(slot, WIFEXITED(status) ? (enum status)WEXITSTATUS(status)
				       : STATUS_TEMPORARY);
	end_request(s, slot);
}

static void
worker_ended(struct server *s, struct slot *slot, int status)
{
	bool mailbox = slot->mailbox;

	slot->worker = 0;
	slot->mailbox = false;
	if (WIFSIGNALED(status)) {
		log_error("a worker for request %u ended by signal %d",
		    (unsigned)slot->request.kind, WTERMSIG(status));
	}
	if (slot->checking) {
		login_checked(s, slot, status);
	} else {
		if (!mailbox && !WIFEXITED(status)) {
			answer(slot, STATUS_TEMPORARY);
		}
		end_request(s, slot);
	}
	settle(s, slot);
}

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
				settle(s, slot);
				break;
			}
			if (slot->worker == pid) {
				worker_ended(s, slot, status);
				break;
			}
		}
	}
}

/* Starts the checks that wait for their turn. */
static void
start_waiting(struct server *s)
{
	for (size_t i = 0; i < s->nslots && s->checks < MOST_CHECKS; i++) {
		struct slot *slot = &s->slots[i];
		if (slot->used && slot->waiting) {
			start_worker(s, slot, REQUEST_LOGIN);
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

/* Takes a connection over; the descriptors stay the caller's. */
static void
add_connection(struct server *s, int rfd, int wfd, const struct peer *peer,
    struct service_kind kind)
{
	struct slot *slot = NULL;

	refresh(s);
	if (!over_limit(s, peer) && (!kind.tls || have_tls(s))) {
		slot = new_slot(s);
	}
	if (slot != NULL) {
		slot->peer = *peer;
		slot->role = kind.role;
		if (start_session(s, slot, rfd, wfd,
			kind.tls ? START_TLS : START_PLAIN) == 0) {
			return;
		}
		free_slot(s, slot);
	} else {
		log_warn("refused %s: too many sessions, or no certificate",
		    peer->address);
	}
	if (!kind.tls) {
		(void)send(wfd, s->service->busy, strlen(s->service->busy),
		    MSG_NOSIGNAL | MSG_DONTWAIT);
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
		}
		close(fd);
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
		if (slot->used && slot->worker > 0 && slot->mailbox) {
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
			start_waiting(s);
		}
		if (ready <= 0) {
			continue;
		}
		for (size_t i = 0; i < polled; i++) {
			struct slot *slot = &s->slots[i];
			if (fds[listening + i].revents != 0 && slot->used &&
			    slot->channel != -1 && slot->worker == 0 &&
			    !slot->waiting) {
				take_request(s, slot);
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
	refresh(s);
	if (s->names == NULL) {
		return EX_CONFIG;
	}
	tls_preload();
	if (s->config->ntls > 0 && !have_tls(s)) {
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
		privilege_prepare(s->config);
		if (s->nlisteners > 0) {
			status = prepare_listening(s);
		}
	}
	if (status == EX_OK && l->connected) {
		add_connection(s, l->rfd, l->wfd, &l->peer, l->kind);
		close(l->rfd);
		if (l->wfd != l->rfd) {
			close(l->wfd);
		}
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
