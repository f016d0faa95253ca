/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ADMIN_ALERT_PRIVATE_H
#define RESTANTE_SMTPD_ADMIN_ALERT_PRIVATE_H

#include "common/config/config.h"

#include <stdbool.h>
#include <time.h>

/* Looks for trouble: alert_look.c. */

enum look {
	LOOK_WELL,
	LOOK_BAD,
	LOOK_UNKNOWN, /* it could not be found out */
};

enum { ALERT_TEXT = 600 };

/* What waits in the queue: alert_queue.c. */
struct alert_queue {
	bool known;
	unsigned late;   /* messages that have waited for more than 4 hours */
	time_t oldest;   /* when the first of all arrived; 0: none waits */
	char reply[300]; /* the last one to a message that is late, or "" */
	char login[300]; /* a refusal of our login by a next hop, or "" */
};

void alert_search(const struct config *, struct alert_queue *);

struct alert_view {
	const struct config *config;
	struct alert_queue queue;
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
