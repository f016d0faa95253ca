/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ADMIN_LETTER_H
#define RESTANTE_SMTPD_ADMIN_LETTER_H

#include "common/config/config.h"

#include <stdbool.h>

/* The weekly letter to the administrator, and the page for a web server. */

struct letter_wish {
	bool week;        /* the last one from Monday to Sunday, for the one
	                     whom the key letter names */
	const char *to;   /* for them instead; NULL */
	const char *page; /* --html: a file; NULL */
	bool names;       /* users and domains are on the page, too */
};

struct service;

/*
 * --letter: prints the letter about seven days, or sends it.  An exit status of
 * sysexits.h.
 */
int admin_letter(
    const struct service *, const struct config *, const struct letter_wish *);

/*
 * --stats --html: writes the page in the place of the file: whoever reads it
 * finds the old one or the new one, also if this process is killed.
 */
int admin_page(const struct config *, const struct letter_wish *);

#endif
