/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_OPTIONS_PARSER_H
#define RESTANTE_SMTPD_OPTIONS_PARSER_H

#include "smtpd/options.h"

/* Inside of the parser of the command line. */

struct options_parser {
	struct options *o;
	char **argv; /* the word under way */
	char *error;
};

/* Says what is wrong with a word; answers -1. */
int options_fail(
    const struct options_parser *, const char *what, const char *word);

/* The argument of the option in *argv: attached from rest on, else the next
   word; NULL: there is none. */
const char *options_argument(struct options_parser *, const char *rest);

/* A word behind its one dash: letters, the last one with an argument maybe. */
int options_letters(struct options_parser *, const char *word);

#endif
