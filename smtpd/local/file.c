/* SPDX-License-Identifier: ISC */
/* Runs as root until owner_become(). */
#include "smtpd/local/file.h"

#include "smtpd/local/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <md5.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* True if both paths name the same file. */
static bool
same_file(const char *a, const char *b)
{
	struct stat x, y;

	return strcmp(a, b) == 0 ||
	       (stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev &&
		   x.st_ino == y.st_ino);
}

void
file_notes(const char *file, char directory[PATH_MAX])
{
	char text[MD5_DIGEST_STRING_LENGTH], path[PATH_MAX];

	MD5Data((const uint8_t *)file, strlen(file), text);
	int n = snprintf(path, sizeof(path), "%s/file-%s", directory, text);
	bool made = n > 0 && n < PATH_MAX && mkdir(path, 0700) == 0;
	if (made) {
		int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		made = fd != -1 && fsync(fd) == 0;
		if (fd != -1) {
			close(fd);
		}
	} else {
		made = n > 0 && n < PATH_MAX && errno == EEXIST;
	}
	strlcpy(directory, made ? path : "", PATH_MAX);
}

/*
 * Finds where the notes go, still as root.  True if the file is the owner's
 * mailbox: then the group that may make lock files beside it is theirs, too.
 * Another folder's group is not for the owner, who could choose any.
 */
static bool
prepare_store(const struct config *config, const struct names *names,
    const struct account *owner, struct store *store)
{
	struct account user;
	char mailbox[PATH_MAX];
	bool own = false;

	store->directory[0] = '\0';
	if (account_find(config, names, owner->name, &user) != STATUS_OK ||
	    user.uid != owner->uid ||
	    account_directory(config, &user, store->directory) == -1) {
		store->directory[0] = '\0';
		return false;
	}
	if (account_mailbox(config, &user, mailbox) == 0 &&
	    same_file(mailbox, store->mailbox)) {
		strlcpy(store->mailbox, mailbox, sizeof(store->mailbox));
		own = true;
	}
	return own;
}

void
file_deliver(const struct deliver *d, struct verdict *v)
{
	const struct recipient *r = d->recipient;
	const struct local_message *m = d->message;
	struct account owner;
	struct store store = { .stock = NULL };
	char why[LOCAL_WHY];

	if (r->text[0] != '/' ||
	    strlcpy(store.mailbox, r->text, sizeof(store.mailbox)) >=
		sizeof(store.mailbox)) {
		verdict_set(v, OUTCOME_DEFERRED, "4.3.5",
		    "%.400s is not the path of a file", r->text);
		return;
	}
	if (strcmp(r->text, "/dev/null") == 0) {
		verdict_set(v, OUTCOME_SENT, "2.0.0", "delivered to /dev/null");
		return;
	}
	if (owner_find(r->owner, &owner, why) == -1) {
		verdict_set(
		    v, OUTCOME_DEFERRED, "4.3.5", "%s: %s", r->text, why);
		return;
	}
	bool own = prepare_store(d->config, d->names, &owner, &store);
	if (owner_become(d->config, &owner, own ? store.mailbox : NULL, why) ==
	    -1) {
		verdict_set(v, OUTCOME_DEFERRED, "4.3.0", "%s", why);
		return;
	}
	if (!own && store.directory[0] != '\0') {
		file_notes(store.mailbox, store.directory);
	}
	if (local_append(d->config, NULL, &store, m->mail.sender, m->text,
		LOCAL_LOCK, why) != STATUS_OK) {
		verdict_set(v, OUTCOME_DEFERRED, "4.2.0", "%s", why);
		return;
	}
	verdict_set(v, OUTCOME_SENT, "2.0.0", "delivered to file %s", r->text);
}
