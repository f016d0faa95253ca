/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_LOGIN_ACCESS_LOAD_H
#define RESTANTE_COMMON_LOGIN_ACCESS_LOAD_H

#include "common/config/config.h"
#include "common/names/access.h"

#include <stdbool.h>
#include <sys/stat.h>

/* Reads the access file. */

/* The file as it was when it was last looked at. */
struct access_seen {
	bool looked;
	int error; /* of stat(2), or 0 */
	struct stat file;
};

/*
 * True if the file is not what it was then; notes what it is, so that nothing
 * is read, or said, twice.
 */
bool access_changed(const struct config *, struct access_seen *);

/*
 * Returns NULL, with the reason in error, if the file cannot be read; also if
 * the program runs as root and others can write the file, and if the file is
 * changed meanwhile.  *again: to be tried again, and nothing to be said of.
 */
struct access *access_load(const struct config *, struct access_faults *,
    bool *again, char error[CONFIG_ERROR]);

#endif
