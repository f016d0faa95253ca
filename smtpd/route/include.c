/* SPDX-License-Identifier: ISC */
/* Reads files of addresses that aliases include; may run as root. */
#include "common/names/passwd.h"
#include "smtpd/route/expand.h"
#include "smtpd/route/target.h"

#include "common/io/file.h"
#include "common/log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { INCLUDE_SIZE = 16 * 1024 * 1024 };

/* Why the file must not be used; NULL if it may be. */
static const char *
why_refused(const struct stat *st)
{
	return !S_ISREG(st->st_mode)               ? "not a file"
	       : (st->st_mode & S_IWOTH) != 0      ? "everybody can write it"
	       : st->st_size > (off_t)INCLUDE_SIZE ? "too large"
	                                           : NULL;
}

/*
 * True if all who can write it could run commands as alias-owner anyway.  *ok:
 * that could be found out.
 */
static bool
is_trusted(const struct config *config, const struct stat *st, bool *ok)
{
	*ok = true;
	if ((st->st_mode & S_IWGRP) != 0) {
		return false;
	}
	if (st->st_uid == 0 || st->st_uid == geteuid()) {
		return true;
	}
	const struct passwd *pw = passwd_by_name(config->alias_owner);
	*ok = pw != NULL || errno == 0;
	return pw != NULL && pw->pw_uid == st->st_uid;
}

/* What has come of reading a file, and what is wrong with it. */
struct list {
	char path[ALIAS_TARGET];
	enum include_status status;
	const char *refused;
	int error;
	struct include include;
};

struct lists {
	struct list *list;
	size_t count, room;
};

static void
fail_temporarily(struct list *l)
{
	l->error = errno;
	l->status = INCLUDE_TEMPORARY;
}

static void
read_open(const struct config *config, int fd, struct list *l)
{
	struct include *i = &l->include;
	struct stat st;

	if (fstat(fd, &st) == -1) {
		fail_temporarily(l);
		return;
	}
	bool known;
	l->refused = why_refused(&st);
	if (l->refused != NULL) {
		l->status = INCLUDE_REFUSED;
		return;
	}
	i->trusted = is_trusted(config, &st, &known);
	if (!known) {
		fail_temporarily(l);
		return;
	}
	size_t size = (size_t)st.st_size;
	i->text = malloc(size + 1);
	ssize_t n = i->text == NULL ? -1 : file_read_all(fd, i->text, size);
	if (n == -1) {
		fail_temporarily(l);
		free(i->text);
		i->text = NULL;
		return;
	}
	i->len = (size_t)n;
}

static void
read_list(const struct config *config, const char *path, struct list *l)
{
	/* A FIFO must not block us, nor a link lead to a device. */
	int fd = open(
	    path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	*l = (struct list){ .status = INCLUDE_OK };
	if (fd == -1 && errno == ELOOP) {
		l->refused = "a symbolic link";
		l->status = INCLUDE_REFUSED;
	} else if (fd == -1) {
		fail_temporarily(l);
	} else {
		read_open(config, fd, l);
		close(fd);
	}
}

/* ---- in advance ---- */

static const struct list *
find_list(const struct lists *lists, const char *path)
{
	for (size_t i = 0; lists != NULL && i < lists->count; i++) {
		if (strcmp(lists->list[i].path, path) == 0) {
			return &lists->list[i];
		}
	}
	return NULL;
}

static struct list *
new_list(struct lists *lists)
{
	if (lists->count == lists->room) {
		size_t room = lists->room == 0 ? 16 : 2 * lists->room;
		void *p =
		    reallocarray(lists->list, room, sizeof(lists->list[0]));
		if (p == NULL) {
			return NULL;
		}
		lists->list = p;
		lists->room = room;
	}
	return &lists->list[lists->count++];
}

struct reading {
	const struct config *config;
	struct lists *lists;
	unsigned depth;
};

/* Reads what a target includes.  false: no memory. */
static bool
read_target(void *context, const char *target)
{
	const struct reading *r = context;
	struct target_parsed t;
	struct list *l;

	if (target[0] != ':' || target_parse(target, &t) != MEANS_INCLUDE ||
	    r->depth > EXPAND_DEPTH || find_list(r->lists, t.text) != NULL) {
		return true;
	}
	if ((l = new_list(r->lists)) == NULL) {
		return false;
	}
	read_list(r->config, t.text, l);
	strlcpy(l->path, t.text, sizeof(l->path));
	if (l->status != INCLUDE_OK || !l->include.trusted) {
		return true;
	}
	struct reading inner = *r;
	inner.depth++;
	/* What is malformed is said when it is met; the table may move. */
	const struct include i = l->include;
	(void)aliases_targets(i.text, i.len, read_target, &inner);
	return true;
}

struct lists *
lists_read(const struct config *config, const struct aliases *aliases)
{
	struct lists *lists = calloc(1, sizeof(*lists));
	struct reading r = { .config = config, .lists = lists };
	const char *key;
	struct alias alias;
	bool good = lists != NULL, some = aliases_have_lists(aliases);

	for (size_t i = 0;
	     some && good && (key = aliases_key(aliases, i)) != NULL; i++) {
		if (aliases_find(aliases, key, &alias) != ALIAS_LIST) {
			continue;
		}
		for (const char *t = alias.targets; good && *t != '\0';
		     t = alias_next(t)) {
			good = read_target(&r, t);
		}
	}
	if (!good) {
		lists_free(lists);
		return NULL;
	}
	return lists;
}

void
lists_free(struct lists *lists)
{
	for (size_t i = 0; lists != NULL && i < lists->count; i++) {
		free(lists->list[i].include.text);
	}
	if (lists != NULL) {
		free(lists->list);
		free(lists);
	}
}

bool
lists_have_high(const struct lists *lists)
{
	for (size_t i = 0; lists != NULL && i < lists->count; i++) {
		const struct include *l = &lists->list[i].include;
		for (size_t j = 0; j < l->len; j++) {
			if ((l->text[j] & 0x80) != 0) {
				return true;
			}
		}
	}
	return false;
}

/* ---- when it is needed ---- */

/* The text of one that was read before; it stays there. */
static void
copy_text(struct list *l)
{
	char *copy =
	    l->status == INCLUDE_OK ? malloc(l->include.len + 1) : NULL;

	if (copy != NULL) {
		memcpy(copy, l->include.text, l->include.len);
	} else if (l->status == INCLUDE_OK) {
		fail_temporarily(l);
	}
	l->include.text = copy;
}

enum include_status
include_read(const struct config *config, const struct lists *lists,
    const char *path, struct include *i)
{
	const struct list *before = find_list(lists, path);
	struct list l;

	if (before != NULL) {
		l = *before;
		copy_text(&l);
	} else {
		read_list(config, path, &l);
	}
	if (l.status == INCLUDE_REFUSED) {
		log_error("the list %s is not used: %s", path, l.refused);
	} else if (l.status == INCLUDE_TEMPORARY) {
		log_error(
		    "cannot read the list %s: %s", path, strerror(l.error));
	}
	*i = l.include;
	return l.status;
}
