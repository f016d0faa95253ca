/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_NAMES_ALIASES_FILE_H
#define RESTANTE_COMMON_NAMES_ALIASES_FILE_H

#include "common/names/aliases.h"

#include <stdint.h>
#include <sys/stat.h>

/* The aliases in memory.  For aliases.c and aliases_file.c. */

enum { ALIAS_KEY = ADDRESS_PATH };

struct alias_entry {
	enum alias_kind kind;
	const char *name; /* in lower case */
	size_t first;     /* of its targets, which end with a NULL */
};

struct aliases {
	struct alias_entry *entries;
	size_t count, room;
	const char **targets;
	size_t ntargets, targets_room;
	char *text; /* that of all names and targets */
	size_t used;
	uint32_t *table; /* numbers of entries from 1 on, by hash; 0: none */
	size_t size;     /* of the table, a power of 2; 0: no table */
	size_t malformed;
	bool there; /* is a file */
	struct stat file;
};

/* Reads the octets of a file; path is for the log.  false: no memory. */
bool aliases_read(
    struct aliases *, const char *path, const char *data, size_t len);

/* Lowers a key's case, as the table has it; false: too long for a key. */
bool aliases_lower(const char *key, char lower[ALIAS_KEY + 1]);

/* The entry of a key in lower case, or NULL. */
const struct alias_entry *aliases_entry(
    const struct aliases *, const char *lower);

#endif
