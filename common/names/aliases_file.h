/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_NAMES_ALIASES_FILE_H
#define RESTANTE_COMMON_NAMES_ALIASES_FILE_H

#include "common/names/aliases.h"

#include <stdint.h>
#include <sys/stat.h>

/* The aliases in memory.  For aliases.c and aliases_file.c. */

enum { ALIAS_KEY = ADDRESS_PATH };

/* An entry, as the image of the file has it, too. */
struct alias_entry {
	uint32_t name;    /* in the text, in lower case */
	uint32_t targets; /* the same: the first; an empty one after the last */
	uint32_t kind;    /* enum alias_kind */
};

_Static_assert(sizeof(struct alias_entry) == 12, "the image has such entries");

struct aliases {
	const struct alias_entry *entries;
	size_t count;
	const uint32_t *table; /* numbers of entries from 1 on, by hash; or 0 */
	size_t size;           /* of the table, a power of 2; 0: no table */
	const char *text;      /* that of all names and targets */
	size_t text_len;
	struct alias_entry *owned_entries; /* in memory, or NULL: */
	uint32_t *owned_table;
	char *owned_text;
	void *map; /* a mapped image */
	size_t map_len;
	size_t malformed;
	bool high;  /* a target has octets above 127 */
	bool lists; /* a target begins with ":" */
	bool there; /* is a file */
	struct stat file;
};

/* Reads the octets of a file; path is for the log.  false: no memory. */
bool aliases_read(
    struct aliases *, const char *path, const char *data, size_t len);

/* Lowers a key's case, as the table has it; false: too long for a key. */
bool aliases_lower(const char *key, char lower[ALIAS_KEY + 1]);

/* A text of an entry; "" for one that cannot be. */
const char *aliases_text(const struct aliases *, uint32_t at);

/* The entry of a key in lower case, or NULL. */
const struct alias_entry *aliases_entry(
    const struct aliases *, const char *lower);

#endif
