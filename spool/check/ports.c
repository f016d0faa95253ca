/* SPDX-License-Identifier: ISC */
/*
 * --check: other programs at our ports.  Root can see who has a socket;
 * for others there is nothing to say.
 */
#include "spool/check/check.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
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

static void
read_socket(struct sockets *s, char *line)
{
	char *words[SOCKET_WORDS], *word;
	size_t n = 0;

	while (n < SOCKET_WORDS && (word = strsep(&line, " \n")) != NULL) {
		if (*word != '\0') {
			words[n++] = word;
		}
	}
	const char *port =
	    n < SOCKET_WORDS ? NULL : strrchr(words[SOCKET_LOCAL], ':');
	if (port == NULL ||
	    strtoul(words[SOCKET_STATE], NULL, 16) != LISTENING) {
		return;
	}
	for (size_t i = 0; i < s->count; i++) {
		if (strtoul(port + 1, NULL, 16) == s->ports[i]) {
			s->inode[i] = strtoul(words[SOCKET_INODE], NULL, 10);
		}
	}
}

static void
read_sockets(struct sockets *s, const char *file)
{
	FILE *f = fopen(file, "re");
	char line[512];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		read_socket(s, line);
	}
	if (f != NULL) {
		fclose(f);
	}
}

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
	read_sockets(&s, "/proc/net/tcp6");
	read_sockets(&s, "/proc/net/tcp");
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
