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
options_notify(struct command_line *p, const char *list)
{
	static const struct {
		const char *word;
		enum notify bit;
	} words[] = { { "never", NOTIFY_NEVER }, { "success", NOTIFY_SUCCESS },
		{ "failure", NOTIFY_FAILURE }, { "delay", NOTIFY_DELAY } };
	enum { WORDS = sizeof(words) / sizeof(words[0]) };

	p->o->notify = 0;
	for (const char *text = list;; text++) {
		size_t n = strcspn(text, ","), i = 0;
		while (i < WORDS && (strlen(words[i].word) != n ||
					strncasecmp(text, words[i].word, n))) {
			i++;
		}
		if (i == WORDS) {
			break;
		}
		p->o->notify |= words[i].bit;
		text += n;
		if (*text == '\0') {
			bool never = (p->o->notify & NOTIFY_NEVER) != 0;
			if (never && p->o->notify != NOTIFY_NEVER) {
				break;
			}
			return 0;
		}
	}
	return options_fail(
	    p, "-N takes never, or some of success,failure,delay, not", list);
}

int
options_return(struct command_line *p, const char *what)
{
	if (strcasecmp(what, "full") != 0 && strcasecmp(what, "hdrs") != 0) {
		return options_fail(p, "-R takes full or hdrs, not", what);
	}
	p->o->ret = strcasecmp(what, "full") == 0 ? RET_FULL : RET_HDRS;
	return 0;
}

/* -V: xtext is taken as it is; other text is encoded. */
int
options_envid(struct command_line *p, const char *id)
{
	char decoded[MAIL_ENVID + 1];
	size_t n = strlen(id);
	ssize_t ok = xtext_decode(id, n, decoded, sizeof(decoded));

	for (const char *c = id; *c != '\0'; c++) {
		if (*c < ' ' || *c >= 0x7f) {
			return options_fail(
			    p, "-V takes printable ASCII, not", id);
		}
	}
	ok = ok == -1 || n >= sizeof(p->o->envid)
	         ? xtext_encode(id, n, p->o->envid, sizeof(p->o->envid))
	         : (ssize_t)strlcpy(p->o->envid, id, sizeof(p->o->envid));
	return ok > 0 ? 0
	              : options_fail(p, "-V takes 1 to 100 octets, not", id);
}
