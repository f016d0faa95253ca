/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ADMIN_ALERT_PRIVATE_H
#define RESTANTE_SMTPD_ADMIN_ALERT_PRIVATE_H

#include "common/config/config.h"
#include "smtpd/admin/waiting_private.h"

#include <stdbool.h>

/* Looks for trouble: alert_look.c. */

enum look {
	LOOK_WELL,
	LOOK_BAD,
	LOOK_UNKNOWN, /* it could not be found out */
};

enum { ALERT_TEXT = 600 };

struct alert_view {
	const struct config *config;
	struct waiting queue;
	/*
	 * There was this kind of trouble at the last look: where a figure goes
	 * up and down around a limit, there is until it is well below.
	 */
	bool before;
};

/* text: what is wrong, and what to type; or why that is not known. */
typedef enum look alert_look(const struct alert_view *, char text[ALERT_TEXT]);

alert_look alert_waiting, alert_login, alert_disk, alert_certificate,
    alert_quota;

/* Asks the DNS: alert_list.c. */
alert_look alert_listed;

#endif
