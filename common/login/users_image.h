/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_LOGIN_USERS_IMAGE_H
#define RESTANTE_COMMON_LOGIN_USERS_IMAGE_H

#include "common/login/users.h"

/*
 * The names of a long users file, sorted, in the file "users.image" of the
 * folder "state": it is mapped, where reading the lines would take long.  It
 * says where each user's lines are, and has no credentials.
 */

/* A name and where it stands, as lines are read. */
struct users_names {
	struct names_entry *entries;
	size_t count, room;
	char *text;
	size_t used, text_room;
};

/* false: no memory, or the file is too large for its numbers. */
bool users_names_add(struct users_names *, const struct user_line *,
    uint64_t line) __attribute__((warn_unused_result));

/* Sorts them, and makes them those of names, to which they belong then. */
void users_names_finish(struct users_names *, struct names *);
void users_names_free(struct users_names *);

/*
 * Maps the image that was made of the file with this status.  false: there is
 * none, or it is damaged.
 */
bool users_image_map(struct names *, const struct config *, const struct stat *)
    __attribute__((warn_unused_result));

/* Writes the image of names.  false: it cannot be written; errno says why. */
bool users_image_write(const struct names *, const struct config *)
    __attribute__((warn_unused_result));

#endif
