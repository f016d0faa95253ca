/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_KEEPER_DKIM_KEYS_H
#define RESTANTE_COMMON_KEEPER_DKIM_KEYS_H

#include "common/config/config.h"
#include "common/tls/private_key.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The keys that sign mail: STATE/dkim/DOMAIN/SELECTOR.pem, of each kind the one
 * whose name comes last.  Other names there, as .next and .old, sign nothing.
 */

enum {
	DKIM_KEYS = 1024,    /* at most: with more of them nothing is signed */
	DKIM_KEY_NAME = 254, /* octets of a domain or selector, with NUL */
};

/* The public part of a key, of fixed size, so that it can be sent. */
struct dkim_name {
	char domain[DKIM_KEY_NAME];
	char selector[DKIM_KEY_NAME];
	uint32_t kind;         /* enum public_key_kind */
	uint32_t usable;       /* 0: there is a file, and it is not usable */
	uint64_t folder, file; /* as dkim_keys_version() has them */
};

/*
 * A number that is another when the file or folder is: of a key, of a domain
 * (selector is NULL), of all (domain, too).  It needs no right to read them. 0:
 * that cannot be found out.
 */
uint64_t dkim_keys_version(
    const struct config *, const char *domain, const char *selector);

/* True if the domain, or one above it that is longer than so many octets, has a
   folder of keys. */
bool dkim_keys_folder(const struct config *, const char *domain, size_t above);

/* 1 if a domain has keys, 0 if none has; -1: that cannot be read (errno). */
int dkim_keys_exist(const struct config *) __attribute__((warn_unused_result));

/* The file of a key, or of what has another ending: ".pem", ".next", ".old". */
int dkim_key_path(const struct config *, const char *domain,
    const char *selector, const char *ending, char path[PATH_MAX])
    __attribute__((warn_unused_result));

/*
 * Reads a key, which must be a file that nobody else can read.  NULL: error
 * says why, and what to do; errno is EPERM or EINVAL if the file is to blame.
 */
struct private_key *dkim_key_open(const char *path, char error[CONFIG_ERROR]);

/*
 * Calls a function for each key of a domain that has that ending, until it
 * answers -1.  0, or -1 with errno.
 */
int dkim_keys_walk(const struct config *, const char *domain,
    const char *ending,
    int (*each)(void *context, const char *selector, const char *path),
    void *context) __attribute__((warn_unused_result));

/* All keys, or those of one domain. */
struct dkim_keys {
	uint64_t folder; /* as dkim_keys_version() has it */
	size_t count;
	struct dkim_name names[DKIM_KEYS];
	struct private_key *keys[DKIM_KEYS]; /* NULL: not usable */
};

/*
 * Reads them; ending is ".pem" for those that sign.  What cannot be used is
 * logged, and is there as such, so that mail waits and is not sent without a
 * signature.  0, or -1: error says why nothing is known.
 */
int dkim_keys_read(struct dkim_keys *, const struct config *,
    const char *only_domain, const char *ending, char error[CONFIG_ERROR])
    __attribute__((warn_unused_result));
void dkim_keys_close(struct dkim_keys *);

#endif
