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

/* Whether it is one of ours: "s", "a", "html", "inline", "dedupe", "every". */
bool notice_has(const char *option);

/*
 * Takes such an option and its argument, which is kept and not copied; NULL: it
 * is missing.  0, or -1 with a message for people in error.
 */
int notice_option(struct notice *, const char *option, const char *value,
    char error[CONFIG_ERROR]) __attribute__((warn_unused_result));

#endif
