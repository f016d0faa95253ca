/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ADMIN_ZONE_PRIVATE_H
#define RESTANTE_SMTPD_ADMIN_ZONE_PRIVATE_H

#include "smtpd/admin/dkim.h"
#include "smtpd/admin/zone.h"

#include <stddef.h>

enum { ZONE_RECORDS = 2 * DKIM_KEYS, ZONE_NAME = 2 * DKIM_KEY_NAME + 16 };

enum zone_type { ZONE_A, ZONE_AAAA, ZONE_MX, ZONE_TXT, ZONE_SRV };

struct zone_record {
	enum zone_type type;
	char name[ZONE_NAME];
	char value[DKIM_RECORD];
};

struct zone {
	char domain[DKIM_KEY_NAME];
	struct zone_record records[ZONE_RECORDS];
	size_t count;
};

extern const char *const zone_types[];

/* ---- zone_check.c ---- */

/* Compares with the DNS, and prints what it finds; 0, 1 or 2. */
int zone_check(const struct config *, const struct zone *);

#endif
