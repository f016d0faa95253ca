/* SPDX-License-Identifier: ISC */
/* Finds and runs the row of a protocol table that a line asks for. */
#include "common/session/command.h"

#include <string.h>
#include <strings.h>

enum next
command_run(const struct command *table, unsigned int state,
    struct session *session, char *line,
    enum next (*refuse)(struct session *, const struct command *, enum refusal))
{
	char *argument = line + strcspn(line, " \t");

	if (*argument != '\0') {
		*argument++ = '\0';
	}
	for (const struct command *c = table; c->verb != NULL; c++) {
		if (strcasecmp(c->verb, line) != 0) {
			continue;
		}
		if ((c->states & state) == 0) {
			return refuse(session, c, REFUSE_STATE);
		}
		if ((c->argument == ARG_NONE && *argument != '\0') ||
		    (c->argument == ARG_REQUIRED && *argument == '\0')) {
			return refuse(session, c, REFUSE_ARGUMENT);
		}
		return c->run(session, argument);
	}
	return refuse(session, NULL, REFUSE_UNKNOWN);
}

bool
command_is_http(const char *line)
{
	static const char *const words[] = { "GET", "POST", "PUT", "HEAD",
		"OPTIONS", "CONNECT", "DELETE",
		"Host:", "User-Agent:", "Referer:", "Content-Type:", NULL };

	for (const char *const *w = words; *w != NULL; w++) {
		size_t n = strlen(*w);
		if (strncasecmp(line, *w, n) == 0 &&
		    (line[n] == ' ' || line[n] == '\0')) {
			return true;
		}
	}
	return false;
}
