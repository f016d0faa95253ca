/* SPDX-License-Identifier: ISC */
/* See words.h for the grammar. */
#include "smtpd/local/words.h"

#include "common/text/bytes.h"

#include <string.h>

/*
 * Copies what is between quotes to *to; from points past the opening one.
 * Where the text goes on, or NULL: there is no closing one.
 */
static const char *
copy_quoted(const char *from, char quote, char **to)
{
	for (; *from != '\0' && *from != quote; from++) {
		if (quote == '"' && *from == '\\' &&
		    (from[1] == '"' || from[1] == '\\')) {
			from++;
		}
		*(*to)++ = *from;
	}
	return *from == quote ? from + 1 : NULL;
}

/* Copies one word to *to.  Where the text goes on, or NULL. */
static const char *
copy_word(const char *from, char **to)
{
	while (from != NULL && *from != '\0' && !is_blank(*from)) {
		if (*from == '\'' || *from == '"') {
			from = copy_quoted(from + 1, *from, to);
			continue;
		}
		if (*from == '\\' && *++from == '\0') {
			return NULL;
		}
		*(*to)++ = *from++;
	}
	return from;
}

bool
words_split(char *text, char *words[WORDS_MOST + 1])
{
	const char *from = text;
	char *to = text;
	size_t n = 0;

	for (;;) {
		while (is_blank(*from)) {
			from++;
		}
		if (*from == '\0') {
			break;
		}
		if (n == WORDS_MOST) {
			return false;
		}
		words[n++] = to;
		from = copy_word(from, &to);
		if (from == NULL) {
			return false;
		}
		/* Ending the word may overwrite the blank after it. */
		from += *from != '\0';
		*to++ = '\0';
	}
	words[n] = NULL;
	return n > 0;
}
