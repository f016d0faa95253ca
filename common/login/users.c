/* SPDX-License-Identifier: ISC */
/* The users file: its lines, and the names in it. */
#include "common/login/users.h"

#include "common/log/log.h"
#include "common/login/password.h"

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
}

static bool
add_name(struct names *n, const struct user_line *u)
{
	add_kinds(n, u->credentials);
	if (u->label[0] != '\0') {
		return true; /* a further password of a user */
	}
	if ((n->count & (n->count - 1)) == 0) {
		size_t room = n->count == 0 ? 1 : n->count * 2;
		void *p = reallocarray(n->entries, room, sizeof(*n->entries));
		if (p == NULL) {
			return false;
		}
		n->entries = p;
	}
	struct names_entry *e = &n->entries[n->count++];
	memset(e, 0, sizeof(*e));
	strlcpy(e->name, u->name, sizeof(e->name));
	strlcpy(e->owner, u->owner, sizeof(e->owner));
	for (char *p = e->name; *p != '\0'; p++) {
		*p = (char)(*p >= 'A' && *p <= 'Z' ? *p | 0x20 : *p);
	}
	return true;
}

static bool
read_names(struct names *n, struct users_file *f)
{
	struct user_line u;
	enum user_line_kind kind;
	bool ok = true;

	while (ok && (kind = users_next(f, &u)) < USER_LINE_END) {
		ok = kind != USER_LINE_USER || add_name(n, &u);
	}
	names_sort(n);
	return ok && kind == USER_LINE_END;
}

struct names *
names_load(const struct config *config, char error[CONFIG_ERROR])
{
	struct names *n = calloc(1, sizeof(*n));

	if (n != NULL && config_system_users(config)) {
		n->open = true;
		return n;
	}
	struct users_file *f = users_open(config->users);
	if (n == NULL || f == NULL || users_stat(f, &n->file) == -1) {
		snprintf(error, CONFIG_ERROR,
		    "cannot read the users file %.300s: %s; make it with "
		    "smtpd --passwd NAME",
		    config->users, strerror(errno));
		free(n);
		return NULL;
	}
	bool ok = read_names(n, f);
	users_close(f);
	if (!ok) {
		snprintf(error, CONFIG_ERROR, "cannot read the users file");
		names_free(n);
		return NULL;
	}
	return n;
}

static bool
changed(const char *path, const struct stat *then)
{
	struct stat now;

	return stat(path, &now) == 0 &&
	       (now.st_ino != then->st_ino || now.st_size != then->st_size ||
		   now.st_mtim.tv_sec != then->st_mtim.tv_sec ||
		   now.st_mtim.tv_nsec != then->st_mtim.tv_nsec);
}

bool
names_stale(const struct names *n, const struct config *config)
{
	return !n->open && changed(config->users, &n->file);
}

enum status
names_owner(const struct names *n, const struct config *config,
    const char *user, struct account *a)
{
	const struct names_entry *e = names_find(n, user);

	return e == NULL ? STATUS_NO
	                 : account_owner(config, e->name, e->owner, a);
}
