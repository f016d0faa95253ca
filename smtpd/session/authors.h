/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SESSION_AUTHORS_H
#define RESTANTE_SMTPD_SESSION_AUTHORS_H

#include "common/text/address.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Shows each author in all From fields of a header section, lines ended by LF,
 * to a function, until that answers false; NULL: one that cannot be read.  True
 * if it never did.  Pure.
 */
bool authors_each(const char *text, size_t len,
    bool (*take)(void *context, const struct address *), void *context);

#endif
