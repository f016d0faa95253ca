/* SPDX-License-Identifier: ISC */
/* Rewrites the users file with one line changed. */
#include "common/login/users_edit.h"

#include "common/io/file.h"
#include "common/log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

enum { LOCK_TRIES = 1000, ATTRIBUTES = 4096 };

/* The access list of a file, as an attribute. */
#define ACCESS_LIST "system.posix_acl_access"

/* ---- the lock ---- */

/* Finds the file that links lead to; one that is not there yet is no link. */
static bool
resolve(const struct config *config, struct users_lock *l)
{
	struct stat st;

	if (realpath(config->users, l->path) == NULL) {
		if (errno != ENOENT || lstat(config->users, &st) == 0) {
			log_error("cannot find %s: %s%s", config->users,
			    strerror(errno),
			    errno == ENOENT ? "; it is a link: make the file "
					      "that it points to"
					    : "");
			return false;
		}
		strlcpy(l->path, config->users, sizeof(l->path));
	}
	const char *slash = strrchr(l->path, '/');
	l->name = slash == NULL ? l->path : slash + 1;
	return true;
}

static int
open_folder(const struct users_lock *l)
{
	char folder[PATH_MAX] = ".";
	size_t n = (size_t)(l->name - l->path);

	if (n > 0) {
		strlcpy(folder, l->path, n > 1 ? n : 2);
	}
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1) {
		log_error("cannot open %s: %s", folder, strerror(errno));
	}
	return fd;
}

/*
 * One try: locks the file itself, since anybody who can read a folder could
 * keep a lock on that; or the folder, if the file is yet to be made.  false:
 * somebody else has it, or errno is set.
 */
static bool
try_lock(struct users_lock *l)
{
	struct stat locked, there;

	errno = 0;
	l->file = openat(l->folder, l->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (l->file == -1 && errno == ENOENT) {
		l->file = l->folder;
	}
	if (l->file == -1) {
		return false;
	}
	bool same = flock(l->file, LOCK_EX | LOCK_NB) == 0 &&
	            fstat(l->file, &locked) == 0;
	/* Another one may have replaced it meanwhile. */
	bool missing = same && fstatat(l->folder, l->name, &there,
				   AT_SYMLINK_NOFOLLOW) == -1;
	same = same && (missing ? l->file == l->folder
				: locked.st_ino == there.st_ino &&
				      locked.st_dev == there.st_dev);
	if (!same) {
		if (l->file == l->folder) {
			flock(l->folder, LOCK_UN);
		} else {
			close(l->file);
		}
		errno = 0;
	}
	return same;
}

int
users_lock(const struct config *config, struct users_lock *l)
{
	const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };

	if (!resolve(config, l) || (l->folder = open_folder(l)) == -1) {
		return -1;
	}
	for (int tries = 0; !try_lock(l); tries++) {
		if (errno != 0 || tries == LOCK_TRIES) {
			log_error("cannot lock %s: %s", l->path,
			    errno != 0 ? strerror(errno)
				       : "another program changes it, for "
					 "too long");
			close(l->folder);
			return -1;
		}
		nanosleep(&pause, NULL);
	}
	return 0;
}

void
users_unlock(struct users_lock *l)
{
	if (l->file != l->folder) {
		close(l->file);
	}
	close(l->folder);
}

/* ---- what is there ---- */

static bool
is_line_of(const struct user_line *u, const char *user, const char *label)
{
	return strcasecmp(u->name, user) == 0 &&
	       strcasecmp(u->label, label) == 0;
}

static void
view_line(struct users_view *v, const struct user_line *u, const char *user,
    const char *label)
{
	if (strcasecmp(u->name, user) != 0) {
		return;
	}
	v->known = v->known || u->label[0] == '\0';
	if (is_line_of(u, user, label)) {
		v->found = true;
		return;
	}
	v->more += u->label[0] != '\0';
	if (!v->salted) {
		v->salted = password_shown_salt(u->credentials, &v->salt);
	}
}

int
users_view(const struct config *config, const char *user, const char *label,
    struct users_view *v)
{
	struct users_file *f = users_open(config->users);
	enum user_line_kind kind;
	struct user_line u;

	memset(v, 0, sizeof(*v));
	if (f == NULL && errno == ENOENT) {
		return 0; /* this makes the first one */
	}
	if (f == NULL) {
		log_error("cannot read %s: %s", config->users, strerror(errno));
		return -1;
	}
	while ((kind = users_next(f, &u)) < USER_LINE_END) {
		if (kind == USER_LINE_USER) {
			view_line(v, &u, user, label);
		}
	}
	if (kind == USER_LINE_ERROR) {
		log_error("cannot read %s: %s", config->users, strerror(errno));
	}
	users_close(f);
	return kind == USER_LINE_END ? 0 : -1;
}

/* ---- the new file ---- */

/* old: the line that it takes the place of, or NULL. */
static int
write_line(int fd, const struct users_line *line, const struct user_line *old)
{
	char text[USER_NAME + USER_LABEL + USER_CREDENTIALS + USER_NAME +
		  USER_TERMS + 8];
	const char *owner = old == NULL ? "" : old->owner;
	const char *terms = line->terms != NULL ? line->terms
	                    : old == NULL       ? ""
	                                        : old->terms;

	int n = snprintf(text, sizeof(text), "%s%s%s:%s%s%s%s%s\n",
	    old == NULL ? line->user : old->name,
	    line->label[0] != '\0' ? "/" : "", line->label, line->credentials,
	    owner[0] != '\0' || terms[0] != '\0' ? ":" : "", owner,
	    terms[0] != '\0' ? ":" : "", terms);
	if (n < 0 || (size_t)n >= sizeof(text)) {
		errno = EMSGSIZE;
		return -1;
	}
	int rc = file_append(fd, text, (size_t)n);
	explicit_bzero(text, sizeof(text));
	return rc;
}

/* Copies the old file with the line changed, or without it. */
static int
copy_lines(struct users_file *in, int fd, const struct users_line *line)
{
	bool written = line->credentials == NULL;
	uint64_t from = 0; /* not copied yet */
	enum user_line_kind kind = USER_LINE_END;
	struct user_line u;
	int rc = 0;

	while (rc == 0 && (kind = users_next(in, &u)) < USER_LINE_END) {
		bool user = kind == USER_LINE_USER &&
		            strcasecmp(u.name, line->user) == 0;
		bool same = user && is_line_of(&u, line->user, line->label);
		/* The lines with labels go with the line of their user. */
		if (!same && !(user && line->credentials == NULL &&
				 line->label[0] == '\0')) {
			continue;
		}
		rc = users_copy(in, from, users_line_at(in), fd);
		from = users_line_end(in);
		if (rc == 0 && !written) {
			rc = write_line(fd, line, &u);
			written = true;
		}
	}
	rc = rc == 0 && kind == USER_LINE_ERROR ? -1 : rc;
	rc = rc == 0 ? users_copy(in, from, users_line_at(in), fd) : rc;
	return rc == 0 && !written ? write_line(fd, line, NULL) : rc;
}

/* Gives the new file the access list of the old one. */
static int
keep_access_list(int from, int to)
{
	char list[ATTRIBUTES];
	ssize_t n = fgetxattr(from, ACCESS_LIST, list, sizeof(list));

	if (n == -1) {
		return errno == ENODATA || errno == ENOTSUP ? 0 : -1;
	}
	return fsetxattr(to, ACCESS_LIST, list, (size_t)n, 0);
}

/* The new file is readable to the same users as the old one. */
static int
keep_rights(int fd, const struct users_lock *l, const struct stat *st)
{
	if (fchmod(fd, st->st_mode & 0777) == -1 ||
	    keep_access_list(l->file, fd) == -1) {
		return -1;
	}
	/* Who may not give files away has a file of their own. */
	return fchown(fd, st->st_uid, st->st_gid) == 0 || geteuid() != 0 ? 0
	                                                                 : -1;
}

/* Writes the new file beside the old one, to the disk.  in: NULL: there is
   none. */
static int
write_new(const struct users_lock *l, const char *name, struct users_file *in,
    const struct stat *st, const struct users_line *line)
{
	/* One that was left by a kill: nobody else is here. */
	if (unlinkat(l->folder, name, 0) == -1 && errno != ENOENT) {
		return -1;
	}
	int fd = openat(l->folder, name,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1) {
		return -1;
	}
	int rc =
	    in != NULL ? copy_lines(in, fd, line) : write_line(fd, line, NULL);
	if (rc == 0 && in != NULL) {
		rc = keep_rights(fd, l, st);
	}
	rc = rc == 0 ? fsync(fd) : rc;
	int saved = errno;
	if (close(fd) == -1 && rc == 0) {
		return -1;
	}
	errno = saved;
	return rc;
}

/* True if the file is the one that was read: an editor locks nothing. */
static bool
unchanged(const struct users_lock *l, const struct stat *was)
{
	struct stat now;

	return fstatat(l->folder, l->name, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
	       now.st_ino == was->st_ino && now.st_size == was->st_size &&
	       now.st_mtim.tv_sec == was->st_mtim.tv_sec &&
	       now.st_mtim.tv_nsec == was->st_mtim.tv_nsec;
}

static const char *
advice(int error)
{
	switch (error) {
	case EROFS:
		return "; a unit of systemd needs its folder in "
		       "ReadWritePaths=";
	case EBUSY:
		return "; it is a mount of its own, as in a container: mount "
		       "its folder instead";
	case ESTALE:
		return "; somebody has edited it just now: try again";
	default:
		return "";
	}
}

/* Puts the new file in the place of the old one. */
static int
replace(const struct users_lock *l, const char *name, const struct stat *was)
{
	if (was != NULL && !unchanged(l, was)) {
		errno = ESTALE;
		return -1;
	}
	/* Commit point: the new file takes the old one's place. */
	return renameat(l->folder, name, l->folder, l->name) == 0
	           ? fsync(l->folder)
	           : -1;
}

int
users_edit(const struct config *config, const struct users_lock *l,
    const struct users_line *line)
{
	struct users_file *in = users_open(l->path);
	char name[NAME_MAX + 1];
	struct stat st;

	if ((in == NULL && errno != ENOENT) ||
	    (in != NULL && users_stat(in, &st) == -1)) {
		log_error("cannot read %s: %s", config->users, strerror(errno));
		return EX_NOINPUT;
	}
	if (snprintf(name, sizeof(name), ".%s.new", l->name) >=
	    (int)sizeof(name)) {
		errno = ENAMETOOLONG;
		name[0] = '\0';
	}
	int rc = name[0] == '\0' ? -1 : write_new(l, name, in, &st, line);
	rc = rc == 0 ? replace(l, name, in != NULL ? &st : NULL) : rc;
	int saved = errno;
	if (in != NULL) {
		users_close(in);
	}
	if (rc == -1) {
		log_error("cannot write %s: %s%s", config->users,
		    strerror(saved), advice(saved));
		(void)unlinkat(l->folder, name, 0);
		return EX_IOERR;
	}
	return EX_OK;
}
