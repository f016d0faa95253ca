/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_TEXT_DATE_H
#define RESTANTE_COMMON_TEXT_DATE_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

enum { DATE_SIZE = 64 };

/* A time as header fields write it (RFC 5322 section 3.3), in the local zone,
   whatever the locale. */
void date_text(time_t when, char text[DATE_SIZE]);

/* Writes it as protocols do (RFC 3339), in UTC. */
void date_stamp(time_t when, char text[DATE_SIZE]);

/*
 * Reads such a time, with any offset; parts of a second are dropped.  False: it
 * is not one.  Pure.
 */
bool date_read(const char *text, size_t len, time_t *when);

#endif
