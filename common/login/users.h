/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_LOGIN_USERS_H
#define RESTANTE_COMMON_LOGIN_USERS_H

#include "common/config/config.h"
#include "common/job/channel.h"
#include "common/names/names.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The users with a mailbox here: the lines of a users file (restante-users(5)),
 * or the system's accounts.
 */

enum {
	USER_LABEL = 32,
	USER_CREDENTIALS = 1024,
	USER_TERMS = 64,
};

/*
 * Loads the names.  Whose account a mailbox is, a worker asks when it needs to
 * know (names_owner()): that can take its time, and the server, which loads
 * the names, has none.  NULL: error says why.
 */
struct names *names_load(const struct config *, char error[CONFIG_ERROR]);

/*
 * Does the same if that takes no longer for many names, because the file has an
 * image; else returns NULL.  slow: names_load() would take its time, and make
 * one.
 */
struct names *names_ready(const struct config *, bool *slow);

/* True if the users file has changed since. */
bool names_stale(const struct names *, const struct config *);

/* The owner of a mailbox; for workers. */
struct account {
	char name[USER_NAME + 1];
	char home[PATH_MAX]; /* "" when there is none */
	uid_t uid;
	gid_t gid;
};

/*
 * Finds the owner of the mailbox of user, a user_name().  STATUS_OK, STATUS_NO,
 * or STATUS_TEMPORARY with the reason logged.  Not started as root, we own
 * everybody's mailbox. postmaster has a mailbox without being a user, or root's
 * among system accounts.
 */
enum status account_find(const struct config *, const struct names *,
    const char *user, struct account *) __attribute__((warn_unused_result));

/* Finds a system account, root included. */
enum status account_system(const char *user, struct account *)
    __attribute__((warn_unused_result));

/* The path of the account's mailbox; -1: too long, or no home for %h. */
int account_mailbox(const struct config *, const struct account *,
    char path[PATH_MAX]) __attribute__((warn_unused_result));

/* The path of the file for the account's marked mail; the same; -1 also: there
   is no such key. */
int account_junk(const struct config *, const struct account *,
    char path[PATH_MAX]) __attribute__((warn_unused_result));

/* The path of the file that says where the account's mail goes; the same. */
int account_forward(const struct config *, const struct account *,
    char path[PATH_MAX]) __attribute__((warn_unused_result));

/*
 * The path of the account's own directory below the key state's; makes it,
 * still root.  A failure to make it is logged.  -1: too long,
 * or made and not durable.
 */
int account_directory(const struct config *, const struct account *,
    char path[PATH_MAX]) __attribute__((warn_unused_result));

/*
 * The accounts that the keys mailbox-owner and oauth-owner name; where they
 * name none, the one that was made for it, if there is one, and else mail and
 * nobody.
 */
const char *account_mailbox_owner(const struct config *);
const char *account_oauth_owner(const struct config *);

/*
 * The owner of a mailbox of the users file: the account that the file names,
 * or the one of the same name, or account_mailbox_owner(); never root.
 */
enum status account_owner(const struct config *, const char *user,
    const char *named, struct account *) __attribute__((warn_unused_result));

/* Finds the owner of a user that names lists; STATUS_NO: it does not. */
enum status names_owner(const struct names *, const struct config *,
    const char *user, struct account *) __attribute__((warn_unused_result));

/* ---- the users file, line by line ---- */

/* All but the name may be "". */
struct user_line {
	char *name, *label, *credentials, *owner, *terms;
};

/* True if a text can be a label: letters, digits and "._+-=". */
bool users_label(const char *label);

enum user_line_kind {
	USER_LINE_USER,
	USER_LINE_EMPTY, /* or a comment */
	USER_LINE_BAD,
	USER_LINE_END,
	USER_LINE_ERROR, /* errno */
};

/* The reader wipes what it read when it is closed: those are secrets. */
struct users_file;

/* NULL with errno. */
struct users_file *users_open(const char *path);
/* The next line, cut into its fields, which stay until the next call. */
enum user_line_kind users_next(struct users_file *, struct user_line *);
/* Where the line begins in the file, and where the next one does. */
uint64_t users_line_at(const struct users_file *);
uint64_t users_line_end(const struct users_file *);
/* Copies whole lines as they are in the file, and ends the last one if it has
   no end.  0, or -1 with errno. */
int users_copy(const struct users_file *, uint64_t from, uint64_t to, int fd)
    __attribute__((warn_unused_result));
/* Goes on with the line that begins there; 0, or -1 with errno. */
int users_seek(struct users_file *, uint64_t line)
    __attribute__((warn_unused_result));
/* True if the names are those of this very file. */
bool names_fit(const struct names *, const struct users_file *);
/* Its status, for keeping rights and seeing changes. */
struct stat;
int users_stat(const struct users_file *, struct stat *);
void users_close(struct users_file *);

#endif
