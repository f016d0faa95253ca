/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_SESSION_COMMAND_H
#define RESTANTE_COMMON_SESSION_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A protocol as a table: each row names a verb, the states that allow it,
 * what argument it takes, and its function.  The dispatcher refuses what the
 * table forbids; the functions do the rest.
 */

struct session; /* each daemon's own */

enum argument { ARG_NONE, ARG_OPTIONAL, ARG_REQUIRED };

enum next {
	NEXT_COMMAND, /* read on */
	NEXT_END,     /* all is said: close in good order */
};

enum refusal {
	REFUSE_UNKNOWN,
	REFUSE_STATE,
	REFUSE_ARGUMENT, /* missing, or one too many */
};

struct command {
	const char *verb;    /* upper case; NULL ends the table */
	unsigned int states; /* bits of the states that allow it */
	enum argument argument;
	enum next (*run)(struct session *, char *argument);
};

/*
 * Cuts line (it is changed) into verb and argument, finds the row and runs
 * it, or calls refuse.  The verb ends at a blank, case does not matter, and
 * the argument is all that follows that one blank: passwords may have more.
 */
enum next command_run(const struct command *table, unsigned int state,
    struct session *, char *line,
    enum next (*refuse)(struct session *, const struct command *, enum refusal))
    __attribute__((warn_unused_result));

/* True for a line that web browsers, and pages that abuse them, send. */
bool command_is_http(const char *line);

#endif
