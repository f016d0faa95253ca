/* SPDX-License-Identifier: ISC */
/* Rewrites the users file with one line changed. */
#include "common/login/users_edit.h"

#include "common/log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

enum { LOCK_TRIES = 1000 };

/* The directory of the file: the file itself is replaced. */
int
users_lock(const struct config *config)
{
	const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };
	char directory[PATH_MAX];

	strlcpy(directory, config->users, sizeof(directory));
	char *slash = strrchr(directory, '/');
	if (slash == NULL) {
		strlcpy(directory, ".", sizeof(directory));
	} else {
		slash[slash == directory] = '\0';
	}
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1) {
		log_error("cannot open %s: %s", directory, strerror(errno));
		return -1;
	}
	for (int tries = 0; flock(fd, LOCK_EX | LOCK_NB) == -1; tries++) {
		if (tries == LOCK_TRIES) {
			log_error(
			    "%s is locked by another --passwd", directory);
			close(fd);
			return -1;
		}
		nanosleep(&pause, NULL);
	}
	return fd;
}

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

static void
print_line(FILE *out, const struct users_line *line, const char *owner)
{
	const char *terms = line->terms[0] != '\0' ? ":" : "";

	fprintf(out, "%s%s%s:%s%s%s%s%s\n", line->user,
	    line->label[0] != '\0' ? "/" : "", line->label, line->credentials,
	    owner[0] != '\0' || *terms != '\0' ? ":" : "", owner, terms,
	    line->terms);
}

/* Copies the old file with the line changed, or without it. */
static bool
copy_lines(struct users_file *in, FILE *out, const struct users_line *line)
{
	bool written = line->credentials == NULL;
	enum user_line_kind kind = USER_LINE_END;
	struct user_line u;

	while (in != NULL && (kind = users_next(in, &u)) < USER_LINE_END) {
		bool user = kind == USER_LINE_USER &&
		            strcasecmp(u.name, line->user) == 0;
		bool same = user && is_line_of(&u, line->user, line->label);
		/* The lines with labels go with the line of their user. */
		bool goes = same || (user && line->credentials == NULL &&
					line->label[0] == '\0');
		if (!goes) {
			fprintf(out, "%s\n", users_text(in));
		} else if (!written) {
			print_line(out, line, u.owner);
			written = true;
		}
	}
	if (!written) {
		print_line(out, line, "");
	}
	return kind == USER_LINE_END;
}

int
users_edit(const struct config *config, int lock, const struct users_line *line)
{
	struct users_file *in = users_open(config->users);
	char temp[PATH_MAX];
	struct stat st;

	if ((in == NULL && errno != ENOENT) ||
	    snprintf(temp, sizeof(temp), "%s.new.XXXXXX", config->users) >=
		(int)sizeof(temp)) {
		log_error("cannot read %s: %s", config->users, strerror(errno));
		return EX_NOINPUT;
	}
	int fd = mkostemp(temp, O_CLOEXEC);
	FILE *out = fd == -1 ? NULL : fdopen(fd, "w");
	if (out == NULL) {
		log_error("cannot write %s: %s", temp, strerror(errno));
		return EX_CANTCREAT;
	}
	/* The new file is readable to the same users as the old one. */
	if (in != NULL && users_stat(in, &st) == 0) {
		fchmod(fd, st.st_mode & 0640);
		if (fchown(fd, st.st_uid, st.st_gid) == -1) {
			fchmod(fd, 0600);
		}
	}
	bool ok =
	    copy_lines(in, out, line) && fflush(out) == 0 && fsync(fd) == 0;
	ok = fclose(out) == 0 && ok;
	if (in != NULL) {
		users_close(in);
	}
	/* Commit point: the new file takes the old one's place. */
	if (!ok || rename(temp, config->users) == -1 || fsync(lock) == -1) {
		log_error(
		    "cannot write %s: %s", config->users, strerror(errno));
		unlink(temp);
		return EX_IOERR;
	}
	return EX_OK;
}
