/* SPDX-License-Identifier: ISC */
/* --check: folders and files of the servers, and who can change them. */
#include "spool/check/check.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
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
		    "%s %s belongs to uid %u: run %s --check as that user, as "
		    "the servers should be",
		    what, path, (unsigned)st->st_uid, c->program);
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

/* Who can change what the servers believe can make them do anything. */
void
check_believed(struct check *c, const char *what, const char *path)
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
check_state(struct check *c)
{
	check_believed(c, "the configuration", c->config->file);
	if (!config_system_users(c->config)) {
		check_believed(c, "the users", c->config->users);
	}
	check_directory(c, "state", c->config->state, 0755);
}
