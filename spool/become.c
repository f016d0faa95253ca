/* SPDX-License-Identifier: ISC */
/* Runs as root (if the caller does) until it has become the owner. */
#include "spool/become.h"

#include "common/process/privilege.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINKS = 8 }; /* symbolic links on one way */

/* A way that is gone from the root on; what it leads to is open. */
struct way {
	int at;              /* the folder reached, or -1 */
	int links;           /* met so far */
	char rest[PATH_MAX]; /* of the path */
	struct stat st;      /* of at */
};

/*
 * True if nobody but root can change what that folder holds under names that
 * are root's: a folder of root's that others cannot write to, or, for the
 * folders in it (not the links), one with the sticky bit.
 */
static bool
is_roots(const struct stat *st, bool link)
{
	return st->st_uid == 0 && ((st->st_mode & (S_IWGRP | S_IWOTH)) == 0 ||
				      ((st->st_mode & S_ISVTX) != 0 && !link));
}

static bool
step_to(struct way *w, int fd)
{
	if (w->at != -1) {
		close(w->at);
	}
	w->at = fd;
	return fd != -1 && fstat(fd, &w->st) == 0;
}

static bool
step_to_root(struct way *w)
{
	return step_to(w, open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

/* Puts what a link says before the rest of the way. */
static bool
follow_link(struct way *w, int link)
{
	char text[PATH_MAX], rest[PATH_MAX];
	ssize_t n = readlinkat(link, "", text, sizeof(text) - 1);

	if (n <= 0 || ++w->links > LINKS) {
		return false;
	}
	text[n] = '\0';
	strlcpy(rest, w->rest, sizeof(rest));
	if (snprintf(w->rest, sizeof(w->rest), "%s/%s", text, rest) >=
	    (int)sizeof(w->rest)) {
		return false;
	}
	return text[0] != '/' || step_to_root(w);
}

/* Goes on to the next name of the way; false: it is not root's alone. */
static bool
take_step(struct way *w)
{
	struct stat st;
	char name[NAME_MAX + 1];
	const char *from = w->rest + strspn(w->rest, "/");
	size_t len = strcspn(from, "/");

	if (len == 0) {
		w->rest[0] = '\0';
		return true;
	}
	if (len > NAME_MAX) {
		return false;
	}
	memcpy(name, from, len);
	name[len] = '\0';
	memmove(w->rest, from + len, strlen(from + len) + 1);
	int fd = openat(w->at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1) {
		return false;
	}
	bool link = fstat(fd, &st) == 0 && S_ISLNK(st.st_mode);
	if (!is_roots(&w->st, link) || st.st_uid != 0) {
		close(fd);
		return false;
	}
	if (!link) {
		return step_to(w, fd);
	}
	bool followed = follow_link(w, fd);
	close(fd);
	return followed;
}

/*
 * Goes to the folder of a mailbox.  False if anybody but root could have made
 * the way lead there: a right that the folder gives would be theirs to choose.
 */
static bool
go_to_folder(struct way *w, const char *mailbox)
{
	const char *slash = strrchr(mailbox, '/');

	*w = (struct way){ .at = -1 };
	if (mailbox[0] != '/' ||
	    strlcpy(w->rest, mailbox, sizeof(w->rest)) >= sizeof(w->rest)) {
		return false;
	}
	w->rest[slash - mailbox] = '\0';
	bool good = step_to_root(w);
	while (good && w->rest[0] != '\0') {
		good = take_step(w);
	}
	return good;
}

/*
 * The group that the owner of a mailbox, of that uid and gid, needs to make
 * lock files beside it; (gid_t)-1: none, as in a home, in a folder that
 * everybody writes to, or with that group as its own.
 */
static gid_t
lock_group(
    const struct config *config, const char *mailbox, uid_t uid, gid_t gid)
{
	struct way w;

	if (strstr(config->mailbox, "%h") != NULL) {
		return (gid_t)-1;
	}
	bool roots = go_to_folder(&w, mailbox);
	if (w.at != -1) {
		close(w.at);
	}
	return roots && S_ISDIR(w.st.st_mode) && w.st.st_uid == 0 && uid != 0 &&
	               (w.st.st_mode & S_IWGRP) != 0 &&
	               (w.st.st_mode & S_IWOTH) == 0 && w.st.st_gid != gid &&
	               w.st.st_gid != 0
	           ? w.st.st_gid
	           : (gid_t)-1;
}

int
become_account(
    const struct config *config, const struct account *a, const char *mailbox)
{
	gid_t group = mailbox == NULL
	                  ? (gid_t)-1
	                  : lock_group(config, mailbox, a->uid, a->gid);

	if (privilege_become(a->uid, a->gid, group) == -1) {
		return -1;
	}
	umask(077);
	return 0;
}

int
become_owner_of(int directory)
{
	struct stat st;

	if (fstat(directory, &st) == -1) {
		return -1;
	}
	privilege_empty_bounds(); /* nor does who looks after their files */
	if (privilege_become(st.st_uid, st.st_gid, (gid_t)-1) == -1) {
		return -1;
	}
	umask(077);
	return 0;
}

bool
become_trusts_folder(const char *mailbox)
{
	struct way w;
	bool roots = go_to_folder(&w, mailbox);

	if (w.at != -1) {
		close(w.at);
	}
	return roots && w.st.st_uid == 0;
}

enum become
become_owner(const struct config *config, const struct names *names,
    const char *name, struct account *account, struct store *store)
{
	char user[USER_NAME + 1];

	store->stock = NULL;
	store->confined = STORE_AT_LARGE;
	if (!user_name(config, name, user) ||
	    account_find(config, names, user, account) != STATUS_OK ||
	    account_mailbox(config, account, store->mailbox) == -1 ||
	    account_directory(config, account, store->directory) == -1) {
		return BECOME_NO_MAILBOX;
	}
	privilege_empty_bounds(); /* nobody who has a mailbox starts programs */
	return become_account(config, account, store->mailbox) == -1
	           ? BECOME_NO_RIGHTS
	           : BECOME_OK;
}
