/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SEND_RELATED_H
#define RESTANTE_SMTPD_SEND_RELATED_H

#include "smtpd/send/part.h"

/*
 * Finds which parts a copy of HTML refers to by their names, gives those an id,
 * and puts the id in place of the name: names may hold what an id must not.
 * host ends the ids.  EX_OK, or what to exit with.
 */
int related_resolve(struct source *html, struct part *, size_t nparts,
    const char *host) __attribute__((warn_unused_result));

#endif
