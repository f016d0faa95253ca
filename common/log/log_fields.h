/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_LOG_LOG_FIELDS_H
#define RESTANTE_COMMON_LOG_LOG_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * What a line of the log says, taken apart.  Pure; all that is found are parts
 * of the text, which need not be clean: names in it are (see log_value()), but
 * not what other servers have said.
 */

struct log_span {
	const char *text;
	size_t len; /* 0: there is none */
};

struct log_field {
	struct log_span key, value;
};

enum { LOG_FIELDS = 24 };

struct log_fields {
	struct log_span id;    /* of the message that it is about */
	struct log_span event; /* the first words: "connect", "reject" */
	size_t count;
	struct log_field fields[LOG_FIELDS]; /* each key once, the first one */
};

/*
 * Takes a line apart:
 *
 *   [id ": " | "NOQUEUE: "] event ... {key "=" value}
 *   value = "<" ... ">" | "[" ... "]" | what has no blank, comma, semicolon
 *
 * The brackets are not part of a value.  A client, "unknown[...]", has its
 * address in the field ip; what stands in parentheses behind a status is the
 * field reason, and the last.  In the line of a refusal its words are the
 * reason, and fields begin behind them.
 */
void log_fields(const char *text, struct log_fields *);

#endif
