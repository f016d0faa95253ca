/* SPDX-License-Identifier: ISC */
/* The users file: its lines, and the names in it. */
#include "common/login/users.h"

#include "common/log/log.h"
#include "common/login/image.h"
#include "common/login/password.h"
#include "common/login/users_image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Notes which mechanisms a user's credentials serve, for the offer. */
static void
add_kinds(struct names *n, const char *credentials)
{
	bool cram = password_has_cram(credentials);
	bool logs_in = password_opens(credentials);

	n->cram = n->cram || cram;
	n->not_cram = n->not_cram || (logs_in && !cram);
	for (int i = 0; i < NAMES_KINDS; i++) {
		bool scram =
		    password_has_scram(credentials, (enum crypto_kind)i);
		n->scram[i] = n->scram[i] || scram;
		n->not_scram[i] = n->not_scram[i] || (logs_in && !scram);
	}
	n->certificate =
	    n->certificate || password_has_certificate(credentials, NULL);
	n->oauth = n->oauth || password_has(credentials, PASSWORD_OAUTH);
	n->pam = n->pam || password_has(credentials, PASSWORD_PAM);
}

static bool
read_names(struct names *n, struct users_file *f)
{
	struct users_names read = { .count = 0 };
	struct user_line u;
	enum user_line_kind kind;
	bool ok = true;

	while (ok && (kind = users_next(f, &u)) < USER_LINE_END) {
		if (kind == USER_LINE_USER) {
			add_kinds(n, u.credentials);
			ok = users_names_add(&read, &u, users_line_at(f));
		}
	}
	ok = ok && kind == USER_LINE_END;
	if (ok) {
		users_names_finish(&read, n);
	}
	users_names_free(&read);
	return ok;
}

/*
 * Opens the users file, and maps its image if it has one that fits; *f is NULL
 * then, as it is where the system has the users.
 */
static struct names *
begin(const struct config *config, struct users_file **f,
    char error[CONFIG_ERROR])
{
	struct names *n = calloc(1, sizeof(*n));

	*f = NULL;
	if (n != NULL && config_system_users(config)) {
		n->open = true;
		return n;
	}
	*f = users_open(config->users);
	if (n == NULL || *f == NULL || users_stat(*f, &n->file) == -1) {
		snprintf(error, CONFIG_ERROR,
		    "cannot read the users file %.300s: %s; make it with "
		    "smtpd --passwd NAME",
		    config->users, strerror(errno));
		if (*f != NULL) {
			users_close(*f);
		}
		free(n);
		return NULL;
	}
	if (n->file.st_size >= IMAGE_FROM &&
	    users_image_map(n, config, &n->file)) {
		users_close(*f);
		*f = NULL;
	}
	return n;
}

struct names *
names_load(const struct config *config, char error[CONFIG_ERROR])
{
	struct users_file *f;
	struct names *n = begin(config, &f, error);

	if (n == NULL || f == NULL) {
		return n;
	}
	bool ok = read_names(n, f);
	users_close(f);
	if (!ok) {
		snprintf(error, CONFIG_ERROR, "cannot read the users file");
		names_free(n);
		return NULL;
	}
	if (n->file.st_size >= IMAGE_FROM && users_image_write(n, config)) {
		struct names *mapped = begin(config, &f, error);
		if (f != NULL) {
			users_close(f); /* it has changed meanwhile */
		}
		if (mapped != NULL && mapped->map != NULL) {
			names_free(n);
			return mapped;
		}
		names_free(mapped);
	}
	return n;
}

struct names *
names_ready(const struct config *config, bool *slow)
{
	char error[CONFIG_ERROR];
	struct users_file *f;
	struct names *n = begin(config, &f, error);

	*slow = f != NULL && n->file.st_size >= IMAGE_FROM;
	if (f != NULL) {
		users_close(f);
		names_free(n);
		n = NULL;
	}
	return n;
}

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static bool
changed(const char *path, const struct stat *then)
{
	struct stat now;

	return stat(path, &now) == 0 && !same_file(&now, then);
}

bool
names_stale(const struct names *n, const struct config *config)
{
	return !n->open && changed(config->users, &n->file);
}

bool
names_fit(const struct names *n, const struct users_file *f)
{
	struct stat now;

	return users_stat(f, &now) == 0 && same_file(&now, &n->file);
}

enum status
names_owner(const struct names *n, const struct config *config,
    const char *user, struct account *a)
{
	const char *owner;

	return names_find(n, user, &owner)
	           ? account_owner(config, user, owner, a)
	           : STATUS_NO;
}
