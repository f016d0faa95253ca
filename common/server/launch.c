/* SPDX-License-Identifier: ISC */
/*
 * Launch styles: -l listens here; LISTEN_FDS (systemd) and a listening socket
 * on 0 (inetd wait) hand listeners down; a connected socket on 0 (inetd
 * nowait) is one session; so are plain stdin and stdout, of a local user.
 */
#include "common/server/launch.h"

#include "common/config/option.h"
#include "common/io/socket.h"
#include "common/log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

/* Moves fd out of the way of 0 to 2. */
static int
move_up(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

/*
 * 0 and 1 become /dev/null.  2 too when it is a socket: inetd makes it the
 * client's, and the dynamic linker or a library may write there.
 */
static int
take_standard_descriptors(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null == -1 || dup2(null, STDIN_FILENO) == -1 ||
	    dup2(null, STDOUT_FILENO) == -1) {
		return -1;
	}
	if (fcntl(STDERR_FILENO, F_GETFD) == -1 ||
	    listen_is_socket(STDERR_FILENO)) {
		if (dup2(null, STDERR_FILENO) == -1) {
			return -1;
		}
	}
	if (null > STDERR_FILENO) {
		close(null);
	}
	return 0;
}

int
launch_listen(struct launch *l, const char *spec, char error[CONFIG_ERROR])
{
	if (l->nlisten == LAUNCH_LISTENERS) {
		return option_fail(error,
		    "-l may be given %d times; there is no room for %.200s",
		    LAUNCH_LISTENERS, spec);
	}
	l->listen[l->nlisten++] = spec;
	return 0;
}

int
launch_role(struct launch *l, const char *name, char error[CONFIG_ERROR])
{
	char names[64];

	l->has_role = listen_role(l->roles, name, &l->role);
	listen_roles(l->roles, names, sizeof(names));
	return l->has_role ? 0
	                   : option_fail(error, "--role takes %s, not %.200s",
				 names, name);
}

void
launch_fill_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		/* The lowest one is free, and so it becomes fd. */
		if (fcntl(fd, F_GETFD) == -1) {
			(void)open("/dev/null", O_WRONLY);
		}
	}
}

/* A role or TLS from the command line overrides what the port says. */
static void
override(const struct launch *launch, struct service_kind *kind)
{
	if (launch->has_role) {
		kind->role = launch->role;
	}
	kind->tls = kind->tls || launch->implicit_tls;
}

static bool
connected(const struct launch *launch, struct launched *l, int fd)
{
	l->connected = listen_peer(fd, &l->peer);
	l->kind = listen_kind(fd, launch->roles);
	override(launch, &l->kind);
	l->rfd = l->wfd = move_up(fd);
	return l->connected && l->rfd != -1;
}

/* stdin and stdout: whoever runs us is the client, as with sendmail -bs. */
static bool
standard(const struct launch *launch, struct launched *l)
{
	l->connected = l->standard = true;
	l->kind.role = launch->has_role ? launch->role
	               : launch->local  ? ROLE_LOCAL
	                                : ROLE_MX;
	strlcpy(l->peer.address, "local", sizeof(l->peer.address));
	l->peer.loopback = true;
	l->peer.uid = getuid();
	l->rfd = move_up(STDIN_FILENO);
	l->wfd = move_up(STDOUT_FILENO);
	return l->rfd != -1 && l->wfd != -1;
}

static bool
inherited(const struct launch *launch, struct launched *l,
    struct listener *listeners, size_t *n)
{
	int fds = socket_handed_down(LAUNCH_LISTENERS);

	for (int fd = SOCKET_HANDED_DOWN; fd < SOCKET_HANDED_DOWN + fds; fd++) {
		fcntl(fd, F_SETFD, FD_CLOEXEC);
		if (!listen_is_listening(fd)) {
			return connected(launch, l, fd);
		}
		listen_inherited(&listeners[*n], launch->roles, fd);
		override(launch, &listeners[(*n)++].kind);
	}
	if (fds > 0) {
		return true;
	}
	if (!listen_is_socket(STDIN_FILENO)) {
		return standard(launch, l);
	}
	if (!listen_is_listening(STDIN_FILENO)) {
		return connected(launch, l, STDIN_FILENO);
	}
	listen_inherited(&listeners[*n], launch->roles, move_up(STDIN_FILENO));
	override(launch, &listeners[*n].kind);
	return listeners[(*n)++].fd != -1;
}

int
launch_start(const struct launch *launch, const struct config *config,
    const char *name, struct launched *l, struct listener *listeners,
    size_t *nlisteners, char error[CONFIG_ERROR])
{
	memset(l, 0, sizeof(*l));
	l->forever = launch->nlisten > 0;
	for (size_t i = 0; i < launch->nlisten; i++) {
		if (listen_on(&listeners[i], launch->roles, launch->listen[i],
			error) == -1) {
			return EX_OSERR;
		}
		(*nlisteners)++;
	}
	bool ok = l->forever || inherited(launch, l, listeners, nlisteners);
	int saved = errno;
	if (!ok || take_standard_descriptors() == -1) {
		snprintf(error, CONFIG_ERROR,
		    "cannot take over the sockets: %s",
		    strerror(ok ? errno : saved));
		return EX_OSERR;
	}
	for (size_t i = 0; i < *nlisteners; i++) {
		/* inetd and xinetd have backlogs of some 64; what is over it in
		   a burst would hang. */
		listen(listeners[i].fd, LISTEN_BACKLOG);
		int flags = fcntl(listeners[i].fd, F_GETFL);
		fcntl(listeners[i].fd, F_SETFL, flags | O_NONBLOCK);
	}
	log_start(config, name, l->forever);
	for (size_t i = 0; i < *nlisteners; i++) {
		if (listeners[i].kind.role == ROLE_PASSWD &&
		    !listen_is_here(listeners[i].fd)) {
			log_warn("passwords are changed from this machine "
				 "alone, and %s can be reached from elsewhere: "
				 "have 127.0.0.1 in its place",
			    listeners[i].name);
		}
	}
	return EX_OK;
}

void
launch_announce(
    const struct launched *l, const struct listener *listeners, size_t n)
{
	for (size_t i = 0; l->forever && i < n; i++) {
		dprintf(STDERR_FILENO, "listening on %s\n", listeners[i].name);
	}
}

void
launch_close(struct listener *listeners, size_t n, bool ours)
{
	for (size_t i = 0; i < n; i++) {
		if (ours && strncmp(listeners[i].name, "unix:", 5) == 0) {
			unlink(listeners[i].name + 5);
		}
		close(listeners[i].fd);
	}
}
