/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_TEXT_NOTE_H
#define RESTANTE_COMMON_TEXT_NOTE_H

#include "common/text/bytes.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Notes: lines of words with a blank between them, "-" for one that is empty.
 * A word has letters, digits and a few signs, none of which XML or JSON would
 * quote.  Pure.
 */

/* Adds a word; false: it has other octets. */
bool note_put(struct writer *, const char *word);

/* Takes a word that fits; false: there is none, or it is another, or a blank
   follows the last one. */
bool note_take(struct span *rest, char *out, size_t size);

/* True if that could be a word of a note. */
bool note_is_word(const char *);

#endif
