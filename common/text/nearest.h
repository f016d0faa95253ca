/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_TEXT_NEAREST_H
#define RESTANTE_COMMON_TEXT_NEAREST_H

/*
 * Which of the words that we know somebody may have meant by one that we do
 * not: a few slips of the keyboard away, or with the same beginning.  Pure.
 */

enum { NEAREST_WORD = 32 }; /* longer words are like nothing that we know */

struct nearest {
	const char *word; /* the unknown one */
	const char *best; /* of those offered, or NULL: none is near */
	unsigned distance;
};

/* Offers a word that we know. */
void nearest_offer(struct nearest *, const char *known);

#endif
