/* SPDX-License-Identifier: ISC */
/* Sockets: listening ones, and the far ends of connected ones. */
#include "common/server/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	PORT_PASSWD = 106,
	PORT_SUBMISSIONS = 465,
	PORT_SUBMISSION = 587,
	PORT_POP3S = 995
};

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
	struct sockaddr_storage storage;
};

bool
listen_role(const struct role_name *roles, const char *name, enum role *role)
{
	for (; roles->name != NULL; roles++) {
		if (strcmp(roles->name, name) == 0) {
			*role = roles->role;
			return true;
		}
	}
	return false;
}

void
listen_roles(const struct role_name *roles, char *text, size_t size)
{
	strlcpy(text, "", size);
	for (; roles->name != NULL; roles++) {
		strlcat(text, text[0] != '\0' ? " or " : "", size);
		strlcat(text, roles->name, size);
	}
}

static struct service_kind
kind_of_port(unsigned port, const struct role_name *roles)
{
	struct service_kind kind = { .role = ROLE_MX };
	enum role role = port == PORT_PASSWD ? ROLE_PASSWD
	                 : port == PORT_SUBMISSION || port == PORT_SUBMISSIONS
	                     ? ROLE_SUBMISSION
	                     : ROLE_MX;

	for (; roles->name != NULL; roles++) {
		kind.role = roles->role == role ? role : kind.role;
	}
	kind.tls = port == PORT_SUBMISSIONS || port == PORT_POP3S;
	return kind;
}

static unsigned
port_of(const union address *a)
{
	return a->sa.sa_family == AF_INET    ? ntohs(a->in.sin_port)
	       : a->sa.sa_family == AF_INET6 ? ntohs(a->in6.sin6_port)
	                                     : 0;
}

/* True if an AF_UNIX address of that length is a path. */
static bool
has_path(const union address *a, socklen_t len)
{
	return a->sa.sa_family == AF_UNIX &&
	       len > offsetof(struct sockaddr_un, sun_path) &&
	       a->un.sun_path[0] != '\0';
}

struct service_kind
listen_kind(int fd, const struct role_name *roles)
{
	union address a = { .sa = { .sa_family = AF_UNSPEC } };
	socklen_t len = sizeof(a);

	if (getsockname(fd, &a.sa, &len) == -1) {
		len = 0;
	}
	if (has_path(&a, len)) {
		return (struct service_kind){ .role = ROLE_LOCAL };
	}
	return kind_of_port(port_of(&a), roles);
}

static void
name_of(int fd, char *name, size_t size)
{
	union address a = { .sa = { .sa_family = AF_UNSPEC } };
	socklen_t len = sizeof(a);
	char host[INET6_ADDRSTRLEN] = "?";

	if (getsockname(fd, &a.sa, &len) == -1) {
		len = 0;
	}
	if (has_path(&a, len)) {
		snprintf(name, size, "unix:%s", a.un.sun_path);
	} else if (a.sa.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &a.in6.sin6_addr, host, sizeof(host));
		snprintf(name, size, "[%s]:%u", host, port_of(&a));
	} else {
		inet_ntop(AF_INET, &a.in.sin_addr, host, sizeof(host));
		snprintf(name, size, "%s:%u", host, port_of(&a));
	}
}

void
listen_inherited(struct listener *l, const struct role_name *roles, int fd)
{
	l->fd = fd;
	l->kind = listen_kind(fd, roles);
	name_of(fd, l->name, sizeof(l->name));
}

static int
fail(char error[CONFIG_ERROR], const char *spec, const char *why)
{
	snprintf(error, CONFIG_ERROR, "cannot listen on %.300s: %s", spec, why);
	return -1;
}

/* The folder, too: /run is empty after each boot. */
static void
make_folder(const char *path)
{
	char folder[PATH_MAX];
	char *slash;

	if (strlcpy(folder, path, sizeof(folder)) < sizeof(folder) &&
	    (slash = strrchr(folder, '/')) != NULL && slash > folder) {
		*slash = '\0';
		if (mkdir(folder, 0755) == 0) {
			chmod(folder, 0755); /* whatever the umask says */
		}
	}
}

static int
listen_unix(struct listener *l, const struct role_name *roles, const char *path,
    char error[CONFIG_ERROR])
{
	union address a = { .un = { .sun_family = AF_UNIX } };
	struct stat st;

	if (strlcpy(a.un.sun_path, path, sizeof(a.un.sun_path)) >=
	    sizeof(a.un.sun_path)) {
		return fail(error, path, "path too long");
	}
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1) {
		return fail(error, path, strerror(errno));
	}
	/* A socket that nobody answers on was left behind by a crash. */
	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) &&
	    connect(fd, &a.sa, sizeof(a.un)) == -1 && errno == ECONNREFUSED) {
		unlink(path);
	}
	close(fd);
	make_folder(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1 || bind(fd, &a.sa, sizeof(a.un)) == -1 ||
	    chmod(path, 0666) == -1 || listen(fd, LISTEN_BACKLOG) == -1) {
		int saved = errno;
		close(fd);
		return fail(error, path, strerror(saved));
	}
	listen_inherited(l, roles, fd);
	return 0;
}

/* Cuts spec (changed) into host and port; false: not of the form. */
static bool
split(char *spec, const char **host, const char **port)
{
	char *colon = strrchr(spec, ':');

	if (colon == NULL || colon[1] == '\0') {
		return false;
	}
	*colon = '\0';
	*port = colon + 1;
	/* getaddrinfo() takes any number, and cuts it to 16 bits. */
	if (strspn(*port, "0123456789") == strlen(*port) &&
	    (strlen(*port) > 5 || strtol(*port, NULL, 10) > 65535)) {
		return false;
	}
	*host = spec;
	if (*spec == '[') {
		char *end = strchr(spec, ']');
		if (end == NULL || end[1] != '\0') {
			return false;
		}
		*end = '\0';
		*host = spec + 1;
	} else if (*spec == '\0' || strcmp(spec, "*") == 0) {
		*host = NULL;
	}
	return true;
}

static int
listen_inet(struct listener *l, const struct role_name *roles, const char *host,
    const char *port, const char *spec, char error[CONFIG_ERROR])
{
	struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICHOST,
		.ai_family = host == NULL ? AF_INET6 : AF_UNSPEC,
		.ai_socktype = SOCK_STREAM };
	struct addrinfo *ai;
	int on = 1, off = 0;

	int rc = getaddrinfo(host, port, &hints, &ai);
	if (rc != 0) {
		return fail(error, spec,
		    rc == EAI_SERVICE  ? "a port is a number, or a name in "
					 "/etc/services"
		    : rc == EAI_NONAME ? "an IP address or * expected before "
					 "the port"
				       : gai_strerror(rc));
	}
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1 && host == NULL && errno == EAFNOSUPPORT) {
		freeaddrinfo(ai); /* a machine without IPv6 */
		return listen_inet(l, roles, "0.0.0.0", port, spec, error);
	}
	if (fd != -1) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (ai->ai_family == AF_INET6) {
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY,
			    host == NULL ? &off : &on, sizeof(on));
		}
	}
	if (fd == -1 || bind(fd, ai->ai_addr, ai->ai_addrlen) == -1 ||
	    listen(fd, LISTEN_BACKLOG) == -1) {
		int saved = errno;
		freeaddrinfo(ai);
		if (fd != -1) {
			close(fd);
		}
		return fail(error, spec, strerror(saved));
	}
	freeaddrinfo(ai);
	listen_inherited(l, roles, fd);
	return 0;
}

/* Makes a peer of an Internet address; false: it is another one. */
static bool
set_ip(const union address *a, struct peer *p)
{
	uint8_t ip[16] = { [10] = 0xff, [11] = 0xff };

	if (a->sa.sa_family == AF_INET6) {
		peer_set_ip(p, a->in6.sin6_addr.s6_addr, port_of(a));
	} else if (a->sa.sa_family == AF_INET) {
		memcpy(ip + 12, &a->in.sin_addr, 4);
		peer_set_ip(p, ip, port_of(a));
	}
	return a->sa.sa_family == AF_INET6 || a->sa.sa_family == AF_INET;
}

bool
listen_is_here(int fd)
{
	union address a = { .sa = { .sa_family = AF_UNSPEC } };
	socklen_t len = sizeof(a);
	struct peer p;

	if (getsockname(fd, &a.sa, &len) == -1) {
		return false;
	}
	return !set_ip(&a, &p) || p.loopback;
}

/* What follows the port: a role, and before that TLS. */
static int
cut_kind(char *text, const struct role_name *roles, const char *spec,
    struct service_kind *kind, bool *role_given, char error[CONFIG_ERROR])
{
	char *role = strrchr(text, '='), names[64], why[96];

	*role_given = role != NULL;
	if (role != NULL) {
		*role++ = '\0';
		listen_roles(roles, names, sizeof(names));
		snprintf(why, sizeof(why), "the role after = is %s", names);
		if (!listen_role(roles, role, &kind->role)) {
			return fail(error, spec, why);
		}
	}
	char *tls = strrchr(text, '/');
	if (tls != NULL) {
		*tls++ = '\0';
		if (strcmp(tls, "tls") != 0) {
			return fail(error, spec, "only /tls may follow a port");
		}
	}
	kind->tls = tls != NULL;
	return 0;
}

int
listen_on(struct listener *l, const struct role_name *roles, const char *spec,
    char error[CONFIG_ERROR])
{
	struct service_kind kind = { .role = ROLE_MX };
	char text[PATH_MAX];
	const char *host, *port;
	bool role;

	if (strncmp(spec, "unix:", 5) == 0) {
		return listen_unix(l, roles, spec + 5, error);
	}
	if (strlcpy(text, spec, sizeof(text)) >= sizeof(text)) {
		return fail(error, spec, "too long");
	}
	if (cut_kind(text, roles, spec, &kind, &role, error) == -1) {
		return -1;
	}
	if (!split(text, &host, &port)) {
		return fail(
		    error, spec, "ADDRESS:PORT[/tls] or unix:PATH expected");
	}
	if (listen_inet(l, roles, host, port, spec, error) == -1) {
		return -1;
	}
	l->kind.tls = l->kind.tls || kind.tls;
	l->kind.role = role ? kind.role : l->kind.role;
	if (l->kind.role == ROLE_PASSWD && !listen_is_here(l->fd)) {
		close(l->fd);
		return fail(error, spec,
		    "passwords are changed from this machine alone: give a "
		    "loopback address, as in 127.0.0.1:106=passwd");
	}
	return 0;
}

bool
listen_is_socket(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

bool
listen_is_listening(int fd)
{
	int on = 0;
	socklen_t len = sizeof(on);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 && on;
}

static void
peer_unix(int fd, struct peer *p)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	strlcpy(p->address, "local", sizeof(p->address));
	p->loopback = true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0) {
		p->uid = cred.uid;
	}
}

bool
listen_peer(int fd, struct peer *p)
{
	union address a = { .sa = { .sa_family = AF_UNSPEC } };
	socklen_t len = sizeof(a);

	memset(p, 0, sizeof(*p));
	p->uid = (uid_t)-1;
	if (getpeername(fd, &a.sa, &len) == -1) {
		return false;
	}
	if (!set_ip(&a, p)) {
		peer_unix(fd, p);
	}
	return true;
}

int64_t
listen_silence(int fd)
{
	struct tcp_info info = { .tcpi_state = 0 };
	socklen_t len = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == -1) {
		return 0;
	}
	return info.tcpi_last_data_sent < info.tcpi_last_data_recv
	           ? info.tcpi_last_data_sent
	           : info.tcpi_last_data_recv;
}
