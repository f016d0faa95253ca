/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_MAIL_VALUES_H
#define RESTANTE_SPOOL_MAIL_VALUES_H

#include "spool/mail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/*
 * Values of the head of a queue file (restante-queue(5)): there is one way to
 * write each, and false stands for all others.  Pure; for mail_parse.c.
 */

/* Decimal digits alone, so many that nothing overflows. */
bool mail_number(const char *text, size_t len, int64_t *value);

/* That word. */
bool mail_read_flag(const char *value, const char *word, bool *flag);

/* Seconds, without leading zeros. */
bool mail_read_time(const char *value, time_t *when);

bool mail_read_ret(const char *value, enum ret *ret);

/* Words with commas between them, in the order of the bits. */
bool mail_read_notify(const char *value, unsigned *notify);

/* A mode and a time, then maybe "trace". */
bool mail_read_by(const char *value, struct deliver_by *);

/* From -9 to 9, and not 0. */
bool mail_read_priority(const char *value, int *priority);

#endif
