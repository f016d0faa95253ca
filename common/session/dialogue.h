/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_SESSION_DIALOGUE_H
#define RESTANTE_COMMON_SESSION_DIALOGUE_H

#include "common/io/stream.h"
#include "common/session/command.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * The command loop of a session, which both daemons have: it reads lines, holds
 * the client to its limits, and runs what the table allows.  What differs
 * between protocols is in a struct dialogue.
 */

enum {
	DIALOGUE_ERRORS = 20,              /* of a session */
	DIALOGUE_IDLE = 100,               /* commands without progress */
	DIALOGUE_BEFORE_LOGIN = 64 * 1024, /* octets */
	DIALOGUE_LINE = 12288 + 64, /* of AUTH with SASL data, RFC 4954 */
};

/* The counts for the limits; one struct for each session. */
struct dialogue_counts {
	unsigned errors; /* refusals, by the rules of the daemon */
	unsigned idle;   /* commands without progress */
	bool progress;   /* a command sets it that brings mail nearer */
};

/* The limit that a session has exceeded. */
enum excess { EXCESS_ERRORS, EXCESS_OCTETS, EXCESS_COMMANDS };

/* The result of checking a line. */
enum line_check {
	CHECK_PASSED,
	CHECK_REFUSED, /* and the client was told so */
	CHECK_FATAL,   /* the same, and the session ends */
};

/* NULL where something is said to be optional. */
struct dialogue {
	const struct command *commands;
	unsigned (*state)(const struct session *); /* a bit of the table's */
	size_t longest;                            /* line but for AUTH */
	size_t longest_auth;                       /* line of AUTH */

	/* Optional: true if a shutdown may end the session before the next
	   command; without it that is left as it is. */
	bool (*at_rest)(const struct session *);
	/* True if DIALOGUE_BEFORE_LOGIN, or DIALOGUE_IDLE, is a limit now. */
	bool (*must_log_in)(const struct session *);
	bool (*must_progress)(const struct session *);
	/* Optional: true if only errors in a row count now. */
	bool (*forgives)(const struct session *);
	/* Says what there was too much of; the session ends. */
	void (*excess)(struct session *, enum excess);

	/* Says that a line did not come as it should; it holds what came. */
	enum next (*bad_line)(struct session *, enum line, const char *line);
	/* Looks at a line before it is cut, in this order; NULL ends them. */
	enum line_check (*const *checks)(struct session *, char *line);
	/* Says that the table forbids a command. */
	enum next (*refuse)(
	    struct session *, const struct command *, enum refusal);
	/* Optional: called after each command that the table was asked for. */
	void (*after)(struct session *);
};

/* Reads commands and runs them until the session is over; flushes. */
void dialogue_run(const struct dialogue *, struct session *, struct stream *,
    struct dialogue_counts *);

/* True if more has come in than any login takes. */
bool dialogue_is_flood(const struct stream *);

#endif
