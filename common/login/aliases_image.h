/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_LOGIN_ALIASES_IMAGE_H
#define RESTANTE_COMMON_LOGIN_ALIASES_IMAGE_H

#include "common/config/config.h"
#include "common/names/aliases.h"

/*
 * The aliases of a long file, with their table, in the file "aliases.image" of
 * the folder "state".
 */

/* Maps the one that was made of the file of these aliases, as noted in them.
   false: there is none, or it is damaged. */
bool aliases_image_map(struct aliases *, const struct config *)
    __attribute__((warn_unused_result));

/* Writes it.  false: it cannot be written; errno says why. */
bool aliases_image_write(const struct aliases *, const struct config *)
    __attribute__((warn_unused_result));

#endif
