/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SEND_NOTICE_H
#define RESTANTE_SMTPD_SEND_NOTICE_H

#include "common/config/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A notice: text from stdin, sent as mail, as the command line asks for it. */

enum { NOTICE_FILES = 100 };

struct notice {
	bool wanted;
	const char *subject;
	const char *html;
	struct notice_file {
		const char *path;
		bool shown; /* --inline */
	} files[NOTICE_FILES];
	size_t nfiles;
	const char *key; /* --dedupe */
	int64_t period;  /* --every; 0: an hour */
};

/*
 * Takes an option, "s", "a", "html", "inline", "dedupe" or "every", and its
 * argument, which is kept and not copied.  0, or -1 with a message for people
 * in error.
 */
int notice_option(struct notice *, const char *option, const char *value,
    char error[CONFIG_ERROR]) __attribute__((warn_unused_result));

struct options;
struct service;

/*
 * Makes a message out of stdin, files and the options, and submits it.  It lies
 * in a file without a name first, so that what cannot be read to its end is not
 * sent.  An exit status of sysexits.h; 0 for a notice that was held back, too.
 */
int notice_send(
    const struct service *, const struct config *, const struct options *);

enum { PERIOD_MAX = 366 * 24 * 60 * 60 };

/*
 * Seconds of a period such as 90s, 15m, 1h30m, 2d, at least a second and at
 * most PERIOD_MAX.  false: not a period.  Pure.
 */
bool period_parse(const char *text, int64_t *seconds);

#endif
