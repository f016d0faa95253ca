/* SPDX-License-Identifier: ISC */
/* Runs as root until the call it implements has returned. */
#include "common/privilege.h"

#include "common/log.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int
privilege_become(uid_t uid, gid_t gid, gid_t shared)
{
	uid_t r, e, s;
	size_t ngroups = shared == (gid_t)-1 ? 0 : 1;

	if (geteuid() != 0 || uid == 0) {
		/* Started by a user; or the mailbox is root's own. */
		return geteuid() == uid ? 0 : -1;
	}
	if (setgroups(ngroups, &shared) == -1 ||
	    setresgid(gid, gid, gid) == -1 || setresuid(uid, uid, uid) == -1) {
		return -1;
	}
	if (getresuid(&r, &e, &s) == -1 || r != uid || e != uid || s != uid ||
	    setresuid(0, 0, 0) != -1) {
		return -1;
	}
	return 0;
}

gid_t
privilege_spool_group(const char *mailbox)
{
	char directory[PATH_MAX];
	struct stat st;

	strlcpy(directory, mailbox, sizeof(directory));
	char *slash = strrchr(directory, '/');
	if (slash == NULL) {
		return (gid_t)-1;
	}
	*slash = '\0';
	return stat(directory, &st) == 0 && (st.st_mode & S_IWGRP) != 0
	           ? st.st_gid
	           : (gid_t)-1;
}

static void
empty_directory(const struct config *config, char path[PATH_MAX])
{
	/* Too long a path fails at mkdir() and chroot(), loudly. */
	if (snprintf(path, PATH_MAX, "%s/empty", config->state) >= PATH_MAX) {
		path[0] = '\0';
	}
}

void
privilege_prepare(const struct config *config)
{
	char path[PATH_MAX];

	if (geteuid() != 0) {
		return;
	}
	empty_directory(config, path);
	if ((mkdir(config->state, 0755) == -1 && errno != EEXIST) ||
	    (mkdir(path, 0755) == -1 && errno != EEXIST)) {
		log_error("cannot make %s: %s", path, strerror(errno));
	}
}

int
privilege_confine(const struct config *config)
{
	char path[PATH_MAX];
	const char *name = config->user[0] != '\0' ? config->user : "_restante";

	if (geteuid() != 0) {
		return 0;
	}
	const struct passwd *pw = getpwnam(name);
	if (pw == NULL && config->user[0] == '\0') {
		pw = getpwnam(name = "nobody");
	}
	if (pw == NULL || pw->pw_uid == 0) {
		log_error("there is no unprivileged account %s for sessions: "
			  "make it, or name another by the key user",
		    name);
		return -1;
	}
	empty_directory(config, path);
	if (chroot(path) == -1 || chdir("/") == -1) {
		log_error("cannot chroot to %s: %s", path, strerror(errno));
		return -1;
	}
	if (privilege_become(pw->pw_uid, pw->pw_gid, (gid_t)-1) == -1) {
		log_error("cannot become %s: %s", name, strerror(errno));
		return -1;
	}
	return 0;
}
