/* SPDX-License-Identifier: ISC */
/* smtpd --passwd: writes one user's line into the users file. */
#include "common/log.h"
#include "common/password.h"
#include "common/users.h"
#include "smtpd/admin.h"

#include <errno.h>
#include <fcntl.h>
#include <readpassphrase.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

enum { PASSWORD = 256, LOCK_TRIES = 1000 };

static int
read_line(char password[PASSWORD])
{
	char *line = NULL;
	size_t size = 0;
	ssize_t n = getline(&line, &size, stdin);

	while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r')) {
		line[--n] = '\0';
	}
	bool ok = n > 0 && n < PASSWORD && strlen(line) == (size_t)n;
	if (ok) {
		strlcpy(password, line, PASSWORD);
	} else {
		log_error(n <= 0          ? "no password on standard input"
			  : n >= PASSWORD ? "the password is too long"
					  : "the password holds a NUL byte");
	}
	if (line != NULL) {
		explicit_bzero(line, size);
		free(line);
	}
	return ok ? 0 : -1;
}

/* One line of stdin, or twice from the terminal. */
static int
read_password(char password[PASSWORD])
{
	char again[PASSWORD];
	bool same;

	if (!isatty(STDIN_FILENO)) {
		return read_line(password);
	}
	if (readpassphrase("New password: ", password, PASSWORD,
		RPP_REQUIRE_TTY) == NULL ||
	    readpassphrase("Once more: ", again, PASSWORD, RPP_REQUIRE_TTY) ==
		NULL) {
		log_error("cannot read the password: %s", strerror(errno));
		return -1;
	}
	same = strcmp(password, again) == 0;
	explicit_bzero(again, sizeof(again));
	if (!same) {
		log_error("the two passwords differ");
		return -1;
	}
	return 0;
}

/* Copies the old file without the user's line; keeps the owner field. */
static bool
copy_others(struct users_file *in, FILE *out, const char *user,
    char owner[USER_NAME + 1])
{
	enum user_line_kind kind;
	struct user_line u;

	while ((kind = users_next(in, &u)) < USER_LINE_END) {
		if (kind == USER_LINE_USER && strcasecmp(u.name, user) == 0) {
			strlcpy(owner, u.owner, USER_NAME + 1);
		} else {
			fprintf(out, "%s\n", users_text(in));
		}
	}
	return kind == USER_LINE_END;
}

/* The directory of the file, locked against others who change it. */
static int
open_directory(const char *path)
{
	const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };
	char directory[PATH_MAX];

	strlcpy(directory, path, sizeof(directory));
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

static int
write_users(const struct config *config, int directory, const char *user,
    const char *credentials)
{
	char temp[PATH_MAX], owner[USER_NAME + 1] = "";
	struct stat st;
	struct users_file *in = users_open(config->users);
	bool copied = true;

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
	/* Who could read the old file can read the new one. */
	if (in != NULL && users_stat(in, &st) == 0) {
		fchmod(fd, st.st_mode & 0640);
		if (fchown(fd, st.st_uid, st.st_gid) == -1) {
			fchmod(fd, 0600);
		}
		copied = copy_others(in, out, user, owner);
	}
	fprintf(out, "%s:%s%s%s\n", user, credentials,
	    owner[0] != '\0' ? ":" : "", owner);
	bool ok = copied && fflush(out) == 0 && fsync(fd) == 0;
	ok = fclose(out) == 0 && ok;
	if (in != NULL) {
		users_close(in);
	}
	/* Commit point: the new file takes the old one's place. */
	if (!ok || rename(temp, config->users) == -1 ||
	    fsync(directory) == -1) {
		log_error(
		    "cannot write %s: %s", config->users, strerror(errno));
		unlink(temp);
		return EX_IOERR;
	}
	return EX_OK;
}

int
admin_passwd(const struct config *config, const char *name,
    const struct password_extras *extras)
{
	char password[PASSWORD], credentials[USER_CREDENTIALS];
	char user[USER_NAME + 1];

	/* Without a file this makes the first one. */
	if (strcmp(config->users, "system") == 0) {
		log_error(
		    "the users are the system's accounts: use passwd %s", name);
		return EX_USAGE;
	}
	if (!user_name(config, name, user)) {
		log_error("\"%s\" cannot be a user's name: letters, digits and "
			  "._+-= make one, of at most %d",
		    name, USER_NAME);
		return EX_DATAERR;
	}
	if (read_password(password) == -1) {
		return EX_NOINPUT;
	}
	if (password[0] == '\0') {
		log_error("an empty password would let nobody in");
		return EX_DATAERR;
	}
	int rc =
	    password_make(password, extras, credentials, sizeof(credentials));
	explicit_bzero(password, sizeof(password));
	if (rc == -1) {
		log_error("cannot make a verifier for the password");
		return EX_UNAVAILABLE;
	}
	int directory = open_directory(config->users);
	rc = directory == -1
	         ? EX_CANTCREAT
	         : write_users(config, directory, user, credentials);
	explicit_bzero(credentials, sizeof(credentials));
	return rc;
}
