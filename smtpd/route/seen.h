/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ROUTE_SEEN_H
#define RESTANTE_SMTPD_ROUTE_SEEN_H

#include <stddef.h>

/* A set of texts, for telling what an expansion has met already. */
struct seen {
	char **texts;
	size_t count, size; /* of the table, a power of 2; 0 at first */
};

/* Adds a copy.  1: it is new; 0: it was there; -1: no memory. */
int seen_add(struct seen *, const char *text)
    __attribute__((warn_unused_result));
void seen_free(struct seen *);

#endif
