/* SPDX-License-Identifier: ISC */
/* smtpd --check: the queue, the room in it, and the file for Prometheus. */
#include "smtpd/admin/check_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Where the file for Prometheus is to be. */
static void
check_stats_file(struct check *c)
{
	const char *path = c->config->stats_file;
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX];
	struct stat st;

	if (path[0] == '\0') {
		return;
	}
	if (path[0] != '/' || slash == path) {
		check_finding(c, FINDING_ERROR,
		    "stats-file %s must be an absolute path, in a folder",
		    path);
		return;
	}
	snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
	if (stat(folder, &st) == -1 || !S_ISDIR(st.st_mode) ||
	    access(folder, W_OK | X_OK) == -1) {
		check_directory(c, "the folder of stats-file", folder, 0755);
	} else {
		/* That of another program may be. */
		check_finding(c, FINDING_OK, "stats-file %s", path);
	}
}

/* Mail that could not be read was set aside. */
static void
check_corrupt(struct check *c)
{
	char path[PATH_MAX];
	const struct dirent *entry;
	unsigned count = 0;

	if (snprintf(path, sizeof(path), "%s/corrupt", c->config->queue) >=
	    (int)sizeof(path)) {
		return;
	}
	DIR *d = opendir(path);
	while (d != NULL && (entry = readdir(d)) != NULL) {
		count += entry->d_name[0] != '.';
	}
	if (d != NULL) {
		closedir(d);
	}
	if (count > 0) {
		check_finding(c, FINDING_WARNING,
		    "%u messages in %s are damaged, and are not sent; look at "
		    "them by smtpd --show ID, then type: smtpd --remove ID",
		    count, path);
	}
}

/* Below the key minimum-free, mail is put off. */
static void
check_room(struct check *c)
{
	struct statvfs fs;

	if (statvfs(c->config->queue, &fs) == -1) {
		return; /* said already */
	}
	uint64_t room = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (room < c->config->minimum_free) {
		check_finding(c, FINDING_ERROR,
		    "%s has %llu MiB left, and minimum-free wants %llu: mail "
		    "is put off; type: df -h %s",
		    c->config->queue, (unsigned long long)(room >> 20),
		    (unsigned long long)(c->config->minimum_free >> 20),
		    c->config->queue);
	}
	if ((fs.f_flag & ST_RDONLY) != 0) {
		check_finding(c, FINDING_ERROR,
		    "%s is on a file system that is read-only; type: findmnt "
		    "-T %s",
		    c->config->queue, c->config->queue);
	}
}

/* The queue needs unnamed files for messages under way. */
void
check_queue(struct check *c)
{
	const char *queue = c->config->queue;

	check_directory(c, "queue", queue, 0700);
	int fd = open(queue, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd == -1 && errno == EOPNOTSUPP) {
		check_finding(c, FINDING_WARNING,
		    "the file system of %s has no "
		    "unnamed files: named ones are used instead",
		    queue);
	}
	if (fd != -1) {
		close(fd);
	}
	check_corrupt(c);
	check_room(c);
	check_stats_file(c);
}
