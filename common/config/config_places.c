/* SPDX-License-Identifier: ISC */
/*
 * Where everything is that the file does not name.  For the installed file, and
 * without one, these are the system's places; any other file, as a trial's or a
 * test's, stands for an installation of its own, in the folder where it lies:
 * it must not reach mailboxes, queue or server of the system by an omission.
 */
#include "common/config/config_private.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INSTALLED SYSCONFDIR "/restante/restante.conf"

const char *
config_file(const char *file)
{
	return file != NULL ? file : INSTALLED;
}

/* True if both are one file, by whatever name. */
static bool
is_installed(const char *file)
{
	struct stat a, b;

	return strcmp(file, INSTALLED) == 0 ||
	       (stat(file, &a) == 0 && stat(INSTALLED, &b) == 0 &&
		   a.st_dev == b.st_dev && a.st_ino == b.st_ino);
}

/* The folder of file, without links, into c->folder. */
static int
find_folder(struct config *c, const char *file, char error[CONFIG_ERROR])
{
	char copy[PATH_MAX];

	if (strlcpy(copy, file, sizeof(copy)) >= sizeof(copy)) {
		errno = ENAMETOOLONG;
	} else if (realpath(dirname(copy), c->folder) != NULL) {
		return 0;
	}
	snprintf(error, CONFIG_ERROR, "cannot find the folder of %.300s: %s",
	    file, strerror(errno));
	return -1;
}

/* Sets a path that the file did not set. */
static bool
set_default(const struct config *c, char path[PATH_MAX], const char *name,
    const char *of_system)
{
	if (path[0] != '\0') {
		return true;
	}
	return c->folder[0] == '\0'
	           ? strlcpy(path, of_system, PATH_MAX) < PATH_MAX
	           : snprintf(path, PATH_MAX, "%s/%s", c->folder, name) <
	                 PATH_MAX;
}

/* The users file, or the accounts of the system if there is none. */
static bool
find_users(struct config *c)
{
	c->system_users = strcmp(c->users, "system") == 0;
	if (c->users[0] != '\0') {
		return true;
	}
	if (!set_default(c, c->users, "users", SYSCONFDIR "/restante/users")) {
		return false;
	}
	c->system_users = access(c->users, F_OK) == -1 && errno == ENOENT;
	return true;
}

static bool
find_certificate(struct config *c)
{
	bool fits = set_default(
	    c, c->tls_default, "tls.pem", SYSCONFDIR "/restante/tls.pem");

	if (c->ntls == 0 && access(c->tls_default, F_OK) == 0) {
		strlcpy(c->tls[0], c->tls_default, PATH_MAX);
		strlcpy(c->tls_chain[0], c->tls_default, PATH_MAX);
		c->ntls = 1;
	}
	return fits;
}

int
config_places(struct config *c, const char *file, char error[CONFIG_ERROR])
{
	if (!is_installed(config_file(file)) &&
	    find_folder(c, file, error) == -1) {
		return -1;
	}
	/* The template of mailboxes is read by "%": a folder may have some. */
	if (c->mailbox[0] == '\0' && strchr(c->folder, '%') != NULL) {
		snprintf(error, CONFIG_ERROR,
		    "set the key mailbox: the folder %.300s has a %% in its "
		    "name",
		    c->folder);
		return -1;
	}
	/* Else processes with the group of the mail spool would go a way that
	   the user chooses. */
	if (strstr(c->junk, "%h") != NULL && strstr(c->mailbox, "%h") == NULL) {
		snprintf(error, CONFIG_ERROR,
		    "junk: %%h is possible only if it is in the key mailbox, "
		    "too");
		return -1;
	}
	if (set_default(c, c->mailbox, "mail/%u", "/var/mail/%u") &&
	    set_default(c, c->queue, "queue", "/var/spool/restante") &&
	    set_default(c, c->state, "state", "/var/lib/restante") &&
	    set_default(
		c, c->socket, "submission", "/run/restante/submission") &&
	    set_default(
		c, c->resolver_socket, "resolver", "/run/restante/resolver") &&
	    set_default(c, c->aliases, "aliases", SYSCONFDIR "/aliases") &&
	    find_users(c) && find_certificate(c)) {
		return 0;
	}
	snprintf(
	    error, CONFIG_ERROR, "the path of %.300s is too long", c->folder);
	return -1;
}
