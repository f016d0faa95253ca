/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_LOG_LOG_JSON_H
#define RESTANTE_COMMON_LOG_LOG_JSON_H

#include <stddef.h>
#include <sys/types.h>
#include <time.h>

/* ---- the parts of a line ---- */

/*
 * Takes a line of the log apart.  Pure; everything found is a part of the text,
 * which need not be clean: names in it are (see log_value()), but not what
 * other servers have said.
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
 * address in the field ip; what stands in parentheses after a status is the
 * field reason, and the last.  In the line of a refusal its words are the
 * reason, and fields begin after them.
 */
void log_fields(const char *text, struct log_fields *);

/* ---- JSON ---- */

/* A line of the log as a JSON object.  Pure. */

struct log_entry {
	struct timespec time;
	const char *program; /* restante/smtpd */
	pid_t pid;
	const char *level; /* info, warning, error */
	const char *text;
};

enum { LOG_JSON = 4000 }; /* octets at most, without a line end */

/*
 * Writes {"time":...,"program":...,"pid":...,"level":...,"id":...,"event":...,
 * "message":...,"fields":{...}}, where id, event and fields are there if the
 * text has them: see log_fields().  Always valid UTF-8 and JSON: octets that
 * are not UTF-8 appear as \xHH, and what does not fit is left out.  Its length.
 */
size_t log_json(const struct log_entry *, char line[LOG_JSON + 1]);

#endif
