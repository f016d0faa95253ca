/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ADMIN_MANAGE_H
#define RESTANTE_SMTPD_ADMIN_MANAGE_H

#include "common/config/config.h"

#include <stdbool.h>

/* The queue, for an administrator.  All return an exit status of sysexits.h. */

/* mailq, smtpd -bp: a table; json: one object a line (-j). */
int manage_list(const struct config *, bool json);

enum manage_verb {
	MANAGE_HOLD,    /* smtpd --hold ID */
	MANAGE_RELEASE, /* --release ID: from hold, or to be tried at once */
	MANAGE_REMOVE,  /* --remove ID: without telling anybody */
	MANAGE_BOUNCE,  /* --bounce ID: give up now, and tell the sender */
	MANAGE_SHOW,    /* --show ID: head, reasons and message */
};

/* ids: NULL at the end; "all" is every message (not for SHOW). */
int manage_verb(const struct config *, enum manage_verb, char **ids);

/*
 * smtpd --adopt DIR: takes over the messages of another queue, whose machine is
 * gone, and prints their ids.  What somebody works on, or what is damaged, is
 * left there and named.
 */
int manage_adopt(const struct config *, const char *path);

#endif
