/* SPDX-License-Identifier: ISC */
/* smtpd --check: the folders of the server, and the room in them. */
#include "smtpd/admin/check_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Whose it is, if that is not who asks; false: said so. */
static bool
has_owner(
    struct check *c, const char *what, const char *path, const struct stat *st)
{
	uid_t me = geteuid();

	if (st->st_uid == me) {
		return true;
	}
	if (me == 0) {
		check_finding(c, FINDING_ERROR,
		    "%s %s belongs to uid %u, who could change what root's "
		    "servers keep there; type: chown root %s",
		    what, path, (unsigned)st->st_uid, path);
	} else {
		check_finding(c,
		    st->st_uid == 0 ? FINDING_WARNING : FINDING_ERROR,
		    "%s %s belongs to uid %u: run smtpd --check as that user, "
		    "as the servers should be",
		    what, path, (unsigned)st->st_uid);
	}
	return false;
}

/* What others may do there. */
static bool
has_mode(struct check *c, const char *what, const char *path, mode_t mode,
    const struct stat *st)
{
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		check_finding(c, FINDING_ERROR,
		    "%s %s: others can write there, and so forge and destroy; "
		    "type: chmod go-w %s",
		    what, path, path);
		return false;
	}
	if ((mode & S_IXOTH) != 0 && (st->st_mode & S_IXOTH) == 0 &&
	    geteuid() == 0) {
		check_finding(c, FINDING_ERROR,
		    "%s %s: owners of mailboxes cannot reach what is theirs "
		    "below it; type: chmod a+x %s",
		    what, path, path);
		return false;
	}
	if ((st->st_mode & ~mode & (S_IRGRP | S_IROTH)) != 0) {
		check_finding(c, FINDING_WARNING,
		    "%s %s: others can list what is there; type: chmod %03o %s",
		    what, path, (unsigned)mode, path);
		return false;
	}
	return true;
}

static void
check_missing(struct check *c, const char *what, const char *path, mode_t mode)
{
	if (errno == ENOENT) {
		check_finding(c, FINDING_ERROR,
		    "%s %s: %s; type: mkdir -p -m %03o %s", what, path,
		    strerror(errno), (unsigned)mode, path);
	} else {
		check_finding(c, FINDING_ERROR, "%s %s: %s; type: namei -l %s",
		    what, path, strerror(errno), path);
	}
}

void
check_directory(
    struct check *c, const char *what, const char *path, mode_t mode)
{
	struct stat st;

	if (path[0] != '/') {
		check_finding(c, FINDING_ERROR,
		    "%s %s is no absolute path, and is looked for wherever a "
		    "server was started; write it with all folders",
		    what, path);
	} else if (stat(path, &st) == -1) {
		check_missing(c, what, path, mode);
	} else if (!S_ISDIR(st.st_mode)) {
		check_finding(c, FINDING_ERROR,
		    "%s %s is not a directory; type: mv -n %s %s.old", what,
		    path, path, path);
	} else if (!has_owner(c, what, path, &st) ||
		   !has_mode(c, what, path, mode, &st)) {
		return;
	} else if (access(path, W_OK | X_OK) == -1) {
		check_finding(c, FINDING_ERROR, "%s %s: %s%s%s", what, path,
		    strerror(errno),
		    errno == EACCES ? "; type: chmod u+rwx " : "",
		    errno == EACCES ? path : "");
	} else {
		check_finding(c, FINDING_OK, "%s %s", what, path);
	}
}

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
static void
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
}

/* Who can change what the servers believe can make them do anything. */
static void
check_file(struct check *c, const char *what, const char *path)
{
	struct stat st;

	if (path[0] == '\0' || stat(path, &st) == -1) {
		return; /* it may be missing, or is reported elsewhere */
	}
	if ((st.st_mode & S_IWOTH) != 0) {
		check_finding(c, FINDING_ERROR,
		    "everybody can change %s %s; type: chmod o-w %s", what,
		    path, path);
	} else if (geteuid() == 0 && st.st_uid != 0) {
		check_finding(c, FINDING_WARNING,
		    "%s %s belongs to uid %u, who can change what root's "
		    "servers do; type: chown root %s",
		    what, path, (unsigned)st.st_uid, path);
	}
}

void
check_folders(struct check *c)
{
	check_file(c, "the configuration", c->config->file);
	check_file(c, "the aliases", c->config->aliases);
	if (!config_system_users(c->config)) {
		check_file(c, "the users", c->config->users);
	}
	check_directory(c, "state", c->config->state, 0755);
	check_queue(c);
	check_stats_file(c);
}
