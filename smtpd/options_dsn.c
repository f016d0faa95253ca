/* SPDX-License-Identifier: ISC */
/* The options that ask for delivery status notifications (RFC 3461). */
#include "smtpd/options_private.h"

#include "common/text/xtext.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>

/* -N never, or a list of the others (RFC 3461 section 4.1). */
int
options_notify(void *target, const struct option_row *row, const char *list,
    char error[CONFIG_ERROR])
{
	static const struct {
		const char *word;
		enum notify bit;
	} words[] = { { "never", NOTIFY_NEVER }, { "success", NOTIFY_SUCCESS },
		{ "failure", NOTIFY_FAILURE }, { "delay", NOTIFY_DELAY } };
	enum { WORDS = sizeof(words) / sizeof(words[0]) };

	struct options *o = target;

	(void)row;
	o->notify = 0;
	for (const char *text = list;; text++) {
		size_t n = strcspn(text, ","), i = 0;
		while (i < WORDS && (strlen(words[i].word) != n ||
					strncasecmp(text, words[i].word, n))) {
			i++;
		}
		if (i == WORDS) {
			break;
		}
		o->notify |= words[i].bit;
		text += n;
		if (*text == '\0') {
			bool never = (o->notify & NOTIFY_NEVER) != 0;
			if (never && o->notify != NOTIFY_NEVER) {
				break;
			}
			return 0;
		}
	}
	return option_fail(error,
	    "-N takes never, or some of success,failure,delay, not %.200s",
	    list);
}

int
options_return(void *target, const struct option_row *row, const char *what,
    char error[CONFIG_ERROR])
{
	struct options *o = target;

	(void)row;
	if (strcasecmp(what, "full") != 0 && strcasecmp(what, "hdrs") != 0) {
		return option_fail(
		    error, "-R takes full or hdrs, not %.200s", what);
	}
	o->ret = strcasecmp(what, "full") == 0 ? RET_FULL : RET_HDRS;
	return 0;
}

/* -V: xtext is taken as it is; other text is encoded. */
int
options_envid(void *target, const struct option_row *row, const char *id,
    char error[CONFIG_ERROR])
{
	struct options *o = target;
	char decoded[MAIL_ENVID + 1];
	size_t n = strlen(id);
	ssize_t ok = xtext_decode(id, n, decoded, sizeof(decoded));

	(void)row;
	for (const char *c = id; *c != '\0'; c++) {
		if (*c < ' ' || *c >= 0x7f) {
			return option_fail(
			    error, "-V takes printable ASCII, not %.200s", id);
		}
	}
	ok = ok == -1 || n >= sizeof(o->envid)
	         ? xtext_encode(id, n, o->envid, sizeof(o->envid))
	         : (ssize_t)strlcpy(o->envid, id, sizeof(o->envid));
	return ok > 0 ? 0
	              : option_fail(
			    error, "-V takes 1 to 100 octets, not %.200s", id);
}
