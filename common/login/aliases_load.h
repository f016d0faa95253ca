/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_LOGIN_ALIASES_LOAD_H
#define RESTANTE_COMMON_LOGIN_ALIASES_LOAD_H

#include "common/names/aliases.h"

/* Returns NULL, with the reason in error, also if the server was started as
 * root and others can write the file.  A missing file is an empty one.  What is
 * malformed in single lines is logged; if their name can be read they stay,
 * without targets, so that mail for them waits and is not refused.  Of lines
 * with one name the first counts.
 */
struct aliases *aliases_load_lines(
    const struct config *, char error[CONFIG_ERROR]);

/*
 * Does the same, but makes a long file into an image once, and then maps that.
 * Malformed entries are logged when the image is made.
 */
struct aliases *aliases_load(const struct config *, char error[CONFIG_ERROR]);

/*
 * Does the same if that takes no longer for many aliases, because the file has
 * an image or is gone; else returns NULL.  slow: aliases_load() would take its
 * time, and make one.
 */
struct aliases *aliases_ready(const struct config *, bool *slow);

/* True if the file has been replaced or changed; not if it is gone. */
bool aliases_stale(const struct aliases *, const struct config *);

#endif
