/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_SESSION_REPLY_TEXT_H
#define RESTANTE_COMMON_SESSION_REPLY_TEXT_H

#include <stddef.h>

/*
 * The texts of the catalogues of replies.  They are no formats of printf(3): an
 * argument too few, or one with a percent sign, does no harm.
 */

/* The arguments of a text, strings all of them. */
#define REPLY_ARGS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/*
 * Writes a text in which each %s stands for the next argument, "" where there
 * is none; args may be NULL.  Cuts it where there is no room.  Returns out.
 */
const char *reply_text_fill(
    const char *text, const char *const *args, char *out, size_t size);

#endif
