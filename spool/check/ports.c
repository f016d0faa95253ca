/* SPDX-License-Identifier: ISC */
/*
 * --check: other programs at our ports.  Root can see who has a socket;
 * for others there is nothing to say.
 */
#include "spool/check/check.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LISTENING = 0x0a, NAME = 64 };

/* The inodes of listening sockets. */
struct sockets {
	const unsigned *ports;
	size_t count;
	unsigned long inode[CHECK_PORTS];
};

/* The words of a line of /proc/net/tcp, proc_net(5). */
enum { SOCKET_LOCAL = 1, SOCKET_STATE = 3, SOCKET_INODE = 9, SOCKET_WORDS };

/* Cuts a line (it is changed) of a listening socket: its address in hex, and
   its port.  false: it is none. */
static bool
cut_line(
    char *line, const char **address, unsigned long *port, unsigned long *inode)
{
	char *words[SOCKET_WORDS], *word;
	size_t n = 0;

	while (n < SOCKET_WORDS && (word = strsep(&line, " \n")) != NULL) {
		if (*word != '\0') {
			words[n++] = word;
		}
	}
	char *colon =
	    n < SOCKET_WORDS ? NULL : strrchr(words[SOCKET_LOCAL], ':');
	if (colon == NULL ||
	    strtoul(words[SOCKET_STATE], NULL, 16) != LISTENING) {
		return false;
	}
	*colon = '\0';
	*address = words[SOCKET_LOCAL];
	*port = strtoul(colon + 1, NULL, 16);
	*inode = strtoul(words[SOCKET_INODE], NULL, 10);
	return true;
}

/*
 * True for 127.0.0.0/8 and ::1, whose octets the kernel writes as 32 bit
 * numbers of the machine; of those each has its own places.
 */
static bool
is_loopback(const char *hex)
{
	const uint32_t one = htonl(1), net = htonl(0x7f000000),
		       mask = htonl(0xff000000), mapped = htonl(0xffff);
	size_t n = strlen(hex) / 8;
	uint32_t a[4] = { 0 };

	for (size_t i = 0; i < n && i < 4; i++) {
		char word[9];
		strlcpy(word, hex + 8 * i, sizeof(word));
		a[i] = (uint32_t)strtoul(word, NULL, 16);
	}
	if (n == 1) {
		return (a[0] & mask) == net;
	}
	return a[0] == 0 && a[1] == 0 &&
	       ((a[2] == 0 && a[3] == one) ||
		   (a[2] == mapped && (a[3] & mask) == net));
}

/* Calls take() for each listening socket. */
static void
read_sockets(void *context, const char *file,
    void (*take)(void *context, const char *address, unsigned long port,
	unsigned long inode))
{
	FILE *f = fopen(file, "re");
	unsigned long port, inode;
	const char *address;
	char line[512];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (cut_line(line, &address, &port, &inode)) {
			take(context, address, port, inode);
		}
	}
	if (f != NULL) {
		fclose(f);
	}
}

static void
take_socket(
    void *context, const char *address, unsigned long port, unsigned long inode)
{
	struct sockets *s = context;

	(void)address;
	for (size_t i = 0; i < s->count; i++) {
		if (port == s->ports[i]) {
			s->inode[i] = inode;
		}
	}
}

/* ---- the port for passwords ---- */

enum { PASSWD = 106 };

struct passwd_port {
	bool open, exposed;
};

static void
take_passwd(
    void *context, const char *address, unsigned long port, unsigned long inode)
{
	struct passwd_port *p = context;

	(void)inode;
	if (port == PASSWD) {
		p->open = true;
		p->exposed = p->exposed || !is_loopback(address);
	}
}

void
check_passwd_port(struct check *c)
{
	struct passwd_port p = { .open = false };

	read_sockets(&p, "/proc/net/tcp6", take_passwd);
	read_sockets(&p, "/proc/net/tcp", take_passwd);
	if (p.exposed) {
		check_finding(c, FINDING_WARNING,
		    "port 106, where users change their passwords, can be "
		    "reached from other machines, which are all refused: have "
		    "its listener at 127.0.0.1:106; type: ss -ltnp sport = "
		    ":106");
	} else if (p.open && config_system_users(c->config)) {
		check_finding(c, FINDING_WARNING,
		    "port 106 is open, but the users' passwords are the "
		    "system's, which passwd(1) changes; type: ss -ltnp sport "
		    "= :106, and stop that listener");
	} else if (p.open) {
		check_finding(c, FINDING_OK,
		    "users can change their passwords at port 106 of this "
		    "machine");
	}
}

/* ---- other programs at our ports ---- */

/* Our servers, and the programs that start them. */
static bool
is_ours(const char *name)
{
	static const char *const names[] = { "smtpd", "pop3d", "systemd",
		"init", "inetd", "xinetd" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], name) == 0) {
			return true;
		}
	}
	return false;
}

static void
read_name(const char *pid, char name[NAME])
{
	char path[PATH_MAX];

	name[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
	FILE *f = fopen(path, "re");
	if (f != NULL) {
		if (fgets(name, NAME, f) == NULL) {
			name[0] = '\0';
		}
		fclose(f);
	}
	name[strcspn(name, "\n")] = '\0';
}

/* A descriptor of a process that may be such a socket. */
static void
check_descriptor(
    struct check *c, struct sockets *s, const char *pid, const char *link)
{
	char name[NAME];
	unsigned long inode = strtoul(link + strlen("socket:["), NULL, 10);

	for (size_t i = 0; i < s->count; i++) {
		if (inode == 0 || s->inode[i] != inode) {
			continue;
		}
		s->inode[i] = 0; /* said once */
		read_name(pid, name);
		if (!is_ours(name)) {
			check_finding(c, FINDING_WARNING,
			    "port %u is taken by %s (process %s), so that our "
			    "servers cannot listen there; type: ss -ltnp "
			    "sport = :%u, and stop that program if it is not "
			    "wanted",
			    s->ports[i], name, pid, s->ports[i]);
		}
	}
}

static void
check_process(struct check *c, struct sockets *s, const char *pid)
{
	char path[PATH_MAX], link[64];
	const struct dirent *entry;

	snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
	DIR *d = opendir(path);
	while (d != NULL && (entry = readdir(d)) != NULL) {
		ssize_t n =
		    readlinkat(dirfd(d), entry->d_name, link, sizeof(link) - 1);
		link[n > 0 ? n : 0] = '\0';
		if (strncmp(link, "socket:[", 8) == 0) {
			check_descriptor(c, s, pid, link);
		}
	}
	if (d != NULL) {
		closedir(d);
	}
}

void
check_ports(struct check *c, const unsigned *ports, size_t count)
{
	struct sockets s = { .ports = ports, .count = count };
	const struct dirent *entry;

	if (geteuid() != 0) {
		return;
	}
	read_sockets(&s, "/proc/net/tcp6", take_socket);
	read_sockets(&s, "/proc/net/tcp", take_socket);
	DIR *d = opendir("/proc");
	while (d != NULL && (entry = readdir(d)) != NULL) {
		if (isdigit((unsigned char)entry->d_name[0])) {
			check_process(c, &s, entry->d_name);
		}
	}
	if (d != NULL) {
		closedir(d);
	}
}
