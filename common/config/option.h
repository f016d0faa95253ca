/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_CONFIG_OPTION_H
#define RESTANTE_COMMON_CONFIG_OPTION_H

#include "common/config/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The command line by a table of options: what each takes, where it goes, with
 * what it fits, and what --help says of it.
 *
 * Options are letters after one dash ("-it", "-f me", "-fme") and words after
 * two ("--role mx", "--role=mx").  They may stand anywhere up to "--", unless
 * the table says otherwise.  One that says what to do is a verb, and there is
 * at most one.
 */

struct option_row {
	char letter;          /* -j, or 0 */
	char second;          /* -qI: two letters that belong together, or 0 */
	const char *name;     /* --json, or NULL */
	const char *argument; /* NULL: takes none; "[...]": attached, or none */
	/* What --help says; of a row without letter and name, a heading. */
	const char *help;

	unsigned verb;        /* a verb's number; 0: it is none */
	const char *operands; /* of a verb: what --help calls them, or NULL */
	unsigned least, most; /* how many there may be */
	uint64_t with;        /* bits of the verbs that it fits; 0: all */
	unsigned one_of;      /* those with one number exclude each other */
	bool alone;           /* whatever else there is does not matter */
	/* No other program of that name has it: options may follow operands. */
	bool ours;

	enum {
		OPTION_NOTHING,
		OPTION_FLAG, /* a bool becomes true */
		OPTION_TEXT, /* a const char * becomes the argument */
		OPTION_CALL, /* take() is called */
	} kind;
	size_t offset; /* in the target */
	/* 0, or -1 with a message for people in error. */
	int (*take)(void *target, const struct option_row *,
	    const char *argument, char error[CONFIG_ERROR]);
};

#define OPTION_WITH(verb) (UINT64_C(1) << (verb))

struct option_table {
	const char *usage; /* lines above the options */
	const struct option_row *rows;
	size_t count;
	bool in_order; /* the first operand ends the options */
	/* What people look for here, but another program has: "smtpd ". */
	const char *other;
	const char *const *others;
	size_t nothers;
	/*
	 * Once all have been taken: the verb that results, if not all are said
	 * by options.  0, or -1 with a message for people in error.
	 */
	int (*decide)(void *target, unsigned *verb, bool operands,
	    char error[CONFIG_ERROR]);
};

/*
 * Reads argv, which ends with NULL, into the target; the operands are moved to
 * its front, and end with NULL.  0, or -1 with a message for people in error.
 */
int option_parse(const struct option_table *, void *target, char **argv,
    unsigned *verb, char ***operands, char error[CONFIG_ERROR])
    __attribute__((warn_unused_result));

/* Says what is wrong, for people; returns -1. */
int option_fail(char error[CONFIG_ERROR], const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Prints what --help says to stdout, in 80 columns. */
void option_help(const struct option_table *);

/*
 * Prints what the columns of a list are, if a person reads them: scripts, which
 * read a line for each thing, have no terminal.  True if it did.
 */
bool option_list_header(const char *line);

enum { OPTION_SPELLED = 64 };

/* "-c", "-qI" or "--json", as it is written. */
const char *option_spelled(
    const struct option_row *, char text[OPTION_SPELLED]);

#endif
