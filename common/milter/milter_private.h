/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_MILTER_MILTER_PRIVATE_H
#define RESTANTE_COMMON_MILTER_MILTER_PRIVATE_H

#include "common/milter/milter.h"

/* Notes what is wrong with the filter; MILTER_BROKEN. */
enum milter_turn milter_broken(struct milter *, const char *fault);

/* True if blanks after the colon of a field are the filter's. */
bool milter_exact(const struct milter *);

/* Takes an edit: milter_edit.c. */
enum milter_turn milter_edit(struct milter *, const struct packet *);

#endif
