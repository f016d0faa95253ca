/* SPDX-License-Identifier: ISC */
/* The users file and the system's accounts. */
#include "common/users.h"

#include "common/log.h"
#include "common/password.h"

#include <errno.h>
#include <pwd.h>
#include <shadow.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct names {
	char (*name)[USER_NAME + 1]; /* sorted */
	size_t count;
	bool cram;
	bool open;
	struct stat file;
};

enum user_line_kind
user_line(char *line, struct user_line *u)
{
	line[strcspn(line, "\r\n")] = '\0';
	line += strspn(line, " \t");
	if (*line == '\0' || *line == '#') {
		return USER_LINE_EMPTY;
	}
	u->name = strsep(&line, ":");
	u->credentials = strsep(&line, ":");
	u->owner = strsep(&line, ":");
	if (u->owner == NULL) {
		u->owner =
		    u->credentials +
		    (u->credentials == NULL ? 0 : strlen(u->credentials));
	}
	size_t n = strlen(u->name);
	return n == 0 || n > USER_NAME || u->credentials == NULL ||
	               strlen(u->credentials) >= USER_CREDENTIALS
	           ? USER_LINE_BAD
	           : USER_LINE_USER;
}

static int
compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool
add_name(struct names *n, const struct user_line *u)
{
	if ((n->count & (n->count - 1)) == 0) {
		size_t room = n->count == 0 ? 1 : n->count * 2;
		void *p = reallocarray(n->name, room, sizeof(*n->name));
		if (p == NULL) {
			return false;
		}
		n->name = p;
	}
	char *name = n->name[n->count++];
	strlcpy(name, u->name, sizeof(*n->name));
	for (; *name != '\0'; name++) {
		*name =
		    (char)(*name >= 'A' && *name <= 'Z' ? *name | 0x20 : *name);
	}
	n->cram = n->cram || password_has_cram(u->credentials);
	return true;
}

/* getline() keeps what it read: wipe the credentials before freeing. */
static void
free_line(char *line, size_t size)
{
	if (line != NULL) {
		explicit_bzero(line, size);
		free(line);
	}
}

struct names *
names_load(const struct config *config, char error[CONFIG_ERROR])
{
	struct names *n = calloc(1, sizeof(*n));
	struct user_line u;
	char *line = NULL;
	size_t size = 0;
	bool ok = n != NULL;

	if (ok && config_system_users(config)) {
		n->open = true;
		return n;
	}
	FILE *f = fopen(config->users, "re");
	if (n == NULL || f == NULL || fstat(fileno(f), &n->file) == -1) {
		snprintf(error, CONFIG_ERROR,
		    "cannot read the users file %.300s: "
		    "%s; make it with smtpd --passwd NAME",
		    config->users, strerror(errno));
		free(n);
		return NULL;
	}
	while (ok && getline(&line, &size, f) != -1) {
		if (user_line(line, &u) == USER_LINE_USER) {
			ok = add_name(n, &u);
		}
	}
	free_line(line, size);
	fclose(f);
	if (!ok) {
		snprintf(error, CONFIG_ERROR, "no memory");
		names_free(n);
		return NULL;
	}
	if (n->count > 0) {
		qsort(n->name, n->count, sizeof(*n->name), compare);
	}
	return n;
}

void
names_free(struct names *n)
{
	if (n != NULL) {
		free(n->name);
		free(n);
	}
}

bool
names_stale(const struct names *n, const struct config *config)
{
	struct stat now;

	return !n->open && stat(config->users, &now) == 0 &&
	       (now.st_ino != n->file.st_ino ||
		   now.st_size != n->file.st_size ||
		   now.st_mtim.tv_sec != n->file.st_mtim.tv_sec ||
		   now.st_mtim.tv_nsec != n->file.st_mtim.tv_nsec);
}

bool
names_have(const struct names *n, const char *user)
{
	if (strcmp(user, "postmaster") == 0) {
		return true;
	}
	return n->count > 0 && bsearch(user, n->name, n->count,
				   sizeof(*n->name), compare) != NULL;
}

bool
names_have_cram(const struct names *n)
{
	return n->cram;
}

bool
names_open(const struct names *n)
{
	return n->open;
}

bool
user_name(
    const struct config *config, const char *login, char user[USER_NAME + 1])
{
	const char *at = strrchr(login, '@');
	size_t n = at == NULL ? strlen(login) : (size_t)(at - login);

	if (n == 0 || n > USER_NAME || login[0] == '.' || login[0] == '-' ||
	    (at != NULL && !config_is_ours(config, at + 1))) {
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		char c = login[i];
		if (c >= 'A' && c <= 'Z') {
			c = (char)(c | 0x20);
		}
		/* The name becomes part of a path. */
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
		    strchr("._+-=", c) == NULL) {
			return false;
		}
		user[i] = c;
	}
	user[n] = '\0';
	return true;
}

/* Sets owner and home from the system's account of that name. */
static enum status
owner(struct account *a, const char *name)
{
	errno = 0;
	const struct passwd *pw = getpwnam(name);

	if (pw == NULL) {
		/* "Not found" is 0 or one of these, depending on the source. */
		return errno == 0 || errno == ENOENT || errno == ESRCH
		           ? STATUS_NO
		           : STATUS_TEMPORARY;
	}
	a->uid = pw->pw_uid;
	a->gid = pw->pw_gid;
	strlcpy(a->home, pw->pw_dir, sizeof(a->home));
	return STATUS_OK;
}

/* The owner of the mailbox of a user in the users file. */
static enum status
file_owner(const struct config *config, struct account *a, const char *named)
{
	enum status s;

	if (geteuid() != 0) {
		a->uid = geteuid();
		a->gid = getegid();
		return STATUS_OK;
	}
	s = owner(a, *named != '\0' ? named : a->name);
	if (s == STATUS_NO && *named == '\0') {
		named = config->mailbox_owner;
		s = owner(a, named);
		a->home[0] = '\0';
	}
	if (s == STATUS_OK && a->uid == 0) {
		log_error(
		    "the mailbox of %s would belong to root: name another "
		    "owner in %s",
		    a->name, config->users);
		return STATUS_TEMPORARY;
	}
	if (s != STATUS_OK) {
		log_error("cannot find the account %s, owner of the mailbox of "
			  "%s",
		    named, a->name);
		return STATUS_TEMPORARY;
	}
	return s;
}

static enum status
find_in_file(const struct config *config, struct account *a)
{
	FILE *f = fopen(config->users, "re");
	enum status result = STATUS_NO;
	struct user_line u;
	char *line = NULL;
	size_t size = 0;

	if (f == NULL) {
		log_error("cannot read the users file %s: %s", config->users,
		    strerror(errno));
		return STATUS_TEMPORARY;
	}
	while (result == STATUS_NO && getline(&line, &size, f) != -1) {
		if (user_line(line, &u) == USER_LINE_USER &&
		    strcasecmp(u.name, a->name) == 0) {
			strlcpy(a->credentials, u.credentials,
			    sizeof(a->credentials));
			result = file_owner(config, a, u.owner);
		}
	}
	if (ferror(f)) {
		result = STATUS_TEMPORARY;
	}
	free_line(line, size);
	fclose(f);
	return result;
}

static enum status
find_in_system(struct account *a)
{
	enum status s = owner(a, a->name);

	if (s != STATUS_OK) {
		return s;
	}
	const struct spwd *sp = getspnam(a->name);
	if (sp != NULL &&
	    (sp->sp_expire <= 0 ||
		sp->sp_expire > (long)(time(NULL) / (24 * 60 * 60)))) {
		strlcpy(a->credentials, sp->sp_pwdp, sizeof(a->credentials));
	}
	return STATUS_OK;
}

/* RFC 5321 section 4.5.1: mail for postmaster always leads somewhere. */
static enum status
find_postmaster(const struct config *config, struct account *a)
{
	if (!config_system_users(config)) {
		return file_owner(config, a, "");
	}
	strlcpy(a->name, "root", sizeof(a->name));
	return owner(a, a->name);
}

enum status
account_find(const struct config *config, const char *user, struct account *a)
{
	memset(a, 0, sizeof(*a));
	strlcpy(a->name, user, sizeof(a->name));
	enum status s = config_system_users(config) ? find_in_system(a)
	                                            : find_in_file(config, a);
	if (s == STATUS_NO && strcmp(user, "postmaster") == 0) {
		s = find_postmaster(config, a);
	}
	return s;
}

int
account_mailbox(
    const struct config *config, const struct account *a, char path[PATH_MAX])
{
	size_t n = 0;

	for (const char *p = config->mailbox; *p != '\0'; p++) {
		const char *piece = NULL;
		if (*p == '%' && p[1] != '\0') {
			p++;
			piece = *p == 'u'   ? a->name
			        : *p == 'd' ? config->domains[0]
			        : *p == 'h' ? a->home
			                    : NULL;
		}
		int k = piece != NULL
		            ? snprintf(path + n, PATH_MAX - n, "%s", piece)
		            : snprintf(path + n, PATH_MAX - n, "%c", *p);
		if ((piece != NULL && *piece == '\0') || k < 0 ||
		    (size_t)k >= PATH_MAX - n) {
			return -1;
		}
		n += (size_t)k;
	}
	return 0;
}
