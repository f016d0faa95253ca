/* SPDX-License-Identifier: ISC */
/* Notices: the options. */
#include "smtpd/send/notice.h"

#include "smtpd/send/period.h"

#include <stdio.h>
#include <string.h>

bool
notice_has(const char *option)
{
	static const char *const options[] = { "s", "a", "html", "inline",
		"dedupe", "every" };

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (strcmp(option, options[i]) == 0) {
			return true;
		}
	}
	return false;
}

static int
add_file(
    struct notice *n, const char *path, bool shown, char error[CONFIG_ERROR])
{
	if (n->nfiles == NOTICE_FILES) {
		snprintf(error, CONFIG_ERROR,
		    "at most %d files go into a mail: put them into an archive",
		    NOTICE_FILES);
		return -1;
	}
	n->files[n->nfiles].path = path;
	n->files[n->nfiles++].shown = shown;
	return 0;
}

int
notice_option(struct notice *n, const char *option, const char *value,
    char error[CONFIG_ERROR])
{
	const char *dash = option[1] == '\0' ? "-" : "--";

	if (value == NULL) {
		snprintf(error, CONFIG_ERROR,
		    "something is missing behind %s%s", dash, option);
		return -1;
	}
	n->wanted = true;
	if (strcmp(option, "s") == 0) {
		n->subject = value;
	} else if (strcmp(option, "a") == 0) {
		return add_file(n, value, false, error);
	} else if (strcmp(option, "inline") == 0) {
		return add_file(n, value, true, error);
	} else if (strcmp(option, "html") == 0) {
		n->html = value;
	} else if (strcmp(option, "dedupe") == 0) {
		n->key = value;
	} else if (!period_parse(value, &n->period)) {
		snprintf(error, CONFIG_ERROR,
		    "--every takes a period such as 15m, 1h or 2d, not %s",
		    value);
		return -1;
	}
	return 0;
}
