/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_MIME_FIELD_H
#define RESTANTE_COMMON_MIME_FIELD_H

#include "common/mime/header.h"
#include "common/text/output.h"

#include <stdbool.h>

/* Header fields for a server that takes only ASCII there: pure but for memory.
 */

enum field_result {
	FIELD_SAME,    /* nothing was written: it can stay as it is */
	FIELD_CHANGED, /* what was written replaces it */
	FIELD_ADDRESS, /* an address in it cannot be said in ASCII */
};

/*
 * Text becomes encoded words (RFC 2047), by its kind: in names of addresses and
 * in comments alone, or anywhere; parameters become what RFC 2231 has for them.
 * So do comments of fields that machines read; those of Received, which may
 * have no words, go; and what else is in Date becomes a comment, for the name
 * of a zone is put there.  A field that has no place for either gets the prefix
 * "Downgraded-" to its name, as RFC 6857 section 3.1.10 has it, and is text
 * then.  Text that is not UTF-8 is labelled unknown-8bit (RFC 1428).  Lines
 * above TRANSFER_LINE octets are folded, at a blank if there is one.  utf8:
 * octets beyond ASCII may stay.
 */
enum field_result field_convert(
    const struct field *, bool utf8, struct output *);

/*
 * Converts for mail readers (RFC 6858): an address that needs UTF-8 becomes a
 * name before an address that nobody has.  Octets that are not UTF-8 stay:
 * their reader may know another charset.
 */
enum field_result field_surrogate(const struct field *, struct output *);

/* Writes a Content-Type that says another charset, all ASCII. */
void field_label(const struct field *, const char *charset, struct output *);

#endif
