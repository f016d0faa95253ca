/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_LOCAL_WORDS_H
#define RESTANTE_SMTPD_LOCAL_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The words of a command in an aliases file or a ~/.forward, which no shell
 * sees.  Pure.
 *
 *   command = *blank word *(1*blank word) *blank
 *   word    = 1*(plain / "'" *any "'" / DQUOTE *inside DQUOTE / "\" any)
 *   inside  = any but DQUOTE and "\" / "\" DQUOTE / "\\" / "\" any other,
 *             which stays as it is, with its backslash
 *
 * Nothing else means anything: no variables, no wildcards, no operators.
 */

enum { WORDS_MOST = 64 };

/*
 * Cuts the text into words, in place, with NULL after the last.  false: a
 * quote is open, a backslash is at the end, there are too many, or none.
 */
bool words_split(char *text, char *words[WORDS_MOST + 1])
    __attribute__((warn_unused_result));

#endif
