/* SPDX-License-Identifier: ISC */
/* The counts at the end of "disconnect from", as Postfix has them. */
#include "smtpd/session/tally.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { UNKNOWN = TALLY_VERBS - 1 };

static const char *const names[TALLY_VERBS] = { "helo", "ehlo", "starttls",
	"auth", "mail", "rcpt", "data", "bdat", "rset", "noop", "vrfy", "expn",
	"etrn", "help", "quit", "unknown" };

void
tally_add(struct tally *t, const char *verb, bool good)
{
	size_t i = 0;

	while (i < UNKNOWN && strcasecmp(names[i], verb) != 0) {
		i++;
	}
	t->verbs[i].all++;
	t->verbs[i].good += good;
}

static size_t
add(char *text, size_t len, const char *name, unsigned good, unsigned all)
{
	int n = good == all ? snprintf(text + len, TALLY_TEXT - len, " %s=%u",
				  name, good)
	                    : snprintf(text + len, TALLY_TEXT - len,
				  " %s=%u/%u", name, good, all);

	return n < 0 || (size_t)n >= TALLY_TEXT - len ? len : len + (size_t)n;
}

const char *
tally_text(const struct tally *t, char text[TALLY_TEXT])
{
	unsigned good = 0, all = 0;
	size_t len = 0;

	for (size_t i = 0; i < TALLY_VERBS; i++) {
		if (t->verbs[i].all > 0) {
			len = add(text, len, names[i], t->verbs[i].good,
			    t->verbs[i].all);
		}
		good += t->verbs[i].good;
		all += t->verbs[i].all;
	}
	add(text, len, "commands", good, all);
	return text;
}
