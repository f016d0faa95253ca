/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SEND_PERIOD_H
#define RESTANTE_SMTPD_SEND_PERIOD_H

#include <stdbool.h>
#include <stdint.h>

enum { PERIOD_MAX = 366 * 24 * 60 * 60 };

/*
 * Seconds of a period such as 90s, 15m, 1h30m, 2d, at least a second and at
 * most PERIOD_MAX.  false: it is none.  Pure.
 */
bool period_parse(const char *text, int64_t *seconds);

#endif
