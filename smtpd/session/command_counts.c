/* SPDX-License-Identifier: ISC */
/* The counts at the end of "disconnect from", as Postfix has them. */
#include "smtpd/session/command_counts.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { UNKNOWN = COMMAND_COUNTS_VERBS - 1 };

static const char *const names[COMMAND_COUNTS_VERBS] = { "helo", "ehlo",
	"starttls", "auth", "mail", "rcpt", "data", "bdat", "rset", "noop",
	"vrfy", "expn", "etrn", "help", "quit", "unknown" };

void
command_counts_add(struct command_counts *t, const char *verb, bool good)
{
	size_t i = 0;

	while (i < UNKNOWN && strcasecmp(names[i], verb) != 0) {
		i++;
	}
	t->verbs[i].all++;
	t->verbs[i].good += good;
}

/* Appends " name=1/2" to len octets of text; the new length. */
static size_t
append(char *text, size_t len, const char *name, unsigned good, unsigned all)
{
	int n = good == all ? snprintf(text + len, COMMAND_COUNTS_TEXT - len,
				  " %s=%u", name, good)
	                    : snprintf(text + len, COMMAND_COUNTS_TEXT - len,
				  " %s=%u/%u", name, good, all);

	return n < 0 || (size_t)n >= COMMAND_COUNTS_TEXT - len
	           ? len
	           : len + (size_t)n;
}

const char *
command_counts_verb(const char *line)
{
	static const char *const verbs[] = { "HELO", "EHLO", "STARTTLS", "AUTH",
		"MAIL", "RCPT", "DATA", "BDAT", "RSET", "NOOP", "VRFY", "EXPN",
		"ETRN", "HELP", "QUIT" };
	size_t n = strcspn(line, " \t\r\n");

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strlen(verbs[i]) == n &&
		    strncasecmp(verbs[i], line, n) == 0) {
			return verbs[i];
		}
	}
	return "UNKNOWN";
}

const char *
command_counts_text(
    const struct command_counts *t, char text[COMMAND_COUNTS_TEXT])
{
	unsigned good = 0, all = 0;
	size_t len = 0;

	for (size_t i = 0; i < COMMAND_COUNTS_VERBS; i++) {
		if (t->verbs[i].all > 0) {
			len = append(text, len, names[i], t->verbs[i].good,
			    t->verbs[i].all);
		}
		good += t->verbs[i].good;
		all += t->verbs[i].all;
	}
	append(text, len, "commands", good, all);
	return text;
}
