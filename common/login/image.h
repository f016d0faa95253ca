/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_LOGIN_IMAGE_H
#define RESTANTE_COMMON_LOGIN_IMAGE_H

#include "common/config/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/uio.h>

/*
 * Images: what a long file of the administrator's says, as it is needed in
 * memory, in a file of the folder "state".  It is mapped, where reading the
 * lines would take long, and forks do not copy it.
 */

/* Octets of a file from which on it has an image. */
enum { IMAGE_FROM = 64 * 1024 };

/* The numbers that its maker notes: how many of each thing it holds. */
enum { IMAGE_NUMBERS = 6 };

struct image {
	void *map; /* for munmap(2), with */
	size_t map_len;
	const void *body; /* 8 octets aligned */
	size_t len;
	uint64_t numbers[IMAGE_NUMBERS];
};

/*
 * Maps the image of that name that was made of a file with this status.  false:
 * there is none, or it is damaged.
 */
bool image_map(struct image *, const struct config *, const char *name,
    const struct stat *) __attribute__((warn_unused_result));

/* Writes it: the body is those parts.  false: it cannot be written; errno says
   why. */
bool image_write(const struct config *, const char *name, const struct stat *,
    const uint64_t numbers[IMAGE_NUMBERS], const struct iovec *parts, size_t n)
    __attribute__((warn_unused_result));

#endif
