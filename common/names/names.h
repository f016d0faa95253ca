/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_NAMES_NAMES_H
#define RESTANTE_COMMON_NAMES_NAMES_H

#include "common/config/config.h"
#include "common/tls/crypto.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/*
 * The names of the users file, for processes that must not know the
 * credentials.  common/login/users.h loads them; sessions and workers inherit
 * them.  With the system's accounts there are none: ask a worker.  Pure.
 */

enum { USER_NAME = 64, NAMES_KINDS = CRYPTO_KIND_SHA1 + 1 };

/* A line of the file.  Also what the image of the file has: 16 octets. */
struct names_entry {
	uint32_t name;        /* in the text, in lower case */
	uint32_t owner;       /* the same: as the file names it, or "" */
	uint64_t line : 63;   /* where it begins in the file */
	uint64_t further : 1; /* it has one more password of the user */
};

_Static_assert(sizeof(struct names_entry) == 16, "the image has such entries");

struct names {
	/* By name; the line that makes the user is before further ones. */
	const struct names_entry *entries;
	size_t count;
	const char *text;
	size_t text_len;
	struct names_entry *owned_entries; /* in memory, or NULL: */
	char *owned_text;
	void *map; /* a mapped image */
	size_t map_len;
	/* Some have such a verifier; some log in by others alone. */
	bool cram, not_cram, oauth, certificate, pam;
	bool scram[NAMES_KINDS],
	    not_scram[NAMES_KINDS]; /* by enum crypto_kind */
	bool open;                  /* the system has the users */
	struct stat file;           /* as it was when it was loaded */
};

void names_free(struct names *);

/*
 * The entries whose name is a user_name(): index of the first one; count: how
 * many there are.
 */
size_t names_lines(const struct names *, const char *user, size_t *count);

/* Finds such a user; owner, if not NULL: as the file names it, or "". */
bool names_find(const struct names *, const char *user, const char **owner);

/* Writes what is known about all credentials as a number, and reads it back. */
unsigned names_kinds(const struct names *);
void names_set_kinds(struct names *, unsigned);

bool names_have(const struct names *, const char *user);
/* Finds an entry, but postmaster's: it has a mailbox without being a user. */
bool names_listed(const struct names *, const char *user);
/* True if some user can log in by CRAM-MD5, a token, a certificate, or by a
   password that PAM knows. */
bool names_have_cram(const struct names *);
bool names_have_pam(const struct names *);
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
