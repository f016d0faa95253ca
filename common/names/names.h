/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_NAMES_NAMES_H
#define RESTANTE_COMMON_NAMES_NAMES_H

#include "common/config/config.h"
#include "common/tls/crypto.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

/*
 * The names of the users file, for processes that must not know the
 * credentials.  common/login/users.h loads them; sessions and workers inherit
 * them.  With the system's accounts there are none: ask a worker.  Pure.
 */

enum { USER_NAME = 64, NAMES_KINDS = CRYPTO_KIND_SHA1 + 1 };

struct names_entry {
	char name[USER_NAME + 1];
	char owner[USER_NAME + 1]; /* as the file names it, or "" */
};

struct names {
	struct names_entry *entries; /* sorted by name */
	size_t count;
	/* Some have such a verifier; some log in by others alone. */
	bool cram, not_cram, oauth, certificate;
	bool scram[NAMES_KINDS],
	    not_scram[NAMES_KINDS]; /* by enum crypto_kind */
	bool open;                  /* the system has the users */
	struct stat file;           /* as it was when it was loaded */
};

void names_free(struct names *);

/* Sorts the entries, as names_find() needs them. */
void names_sort(struct names *);

/* The entry of a user_name(), or NULL. */
const struct names_entry *names_find(const struct names *, const char *user);

bool names_have(const struct names *, const char *user);
/* Finds an entry, but postmaster's: it has a mailbox without being a user. */
bool names_listed(const struct names *, const char *user);
/* True if some user can log in by CRAM-MD5, a token, a certificate. */
bool names_have_cram(const struct names *);
bool names_have_oauth(const struct names *);
bool names_have_certificate(const struct names *);
/* True if all users who can log in can do so by CRAM-MD5, or SCRAM: many
 * clients choose the best mechanism offered and try no other.
 */
bool names_all_have_cram(const struct names *);
bool names_all_have_scram(const struct names *, enum crypto_kind);
/* True if a name that is not listed may still be a user's. */
bool names_open(const struct names *);

/*
 * The user that a login name or a local part means: lower case, without one of
 * our domains after it.  false: no user can have that name.
 */
bool user_name(
    const struct config *, const char *login, char user[USER_NAME + 1]);

#endif
