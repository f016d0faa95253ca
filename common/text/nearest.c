/* SPDX-License-Identifier: ISC */
#include "common/text/nearest.h"

#include <stdbool.h>
#include <string.h>
#include <sys/param.h>

enum { FAR = NEAREST_WORD };

/* Letters in small, and "_" as "-": who errs there means the same word. */
static char
plain(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a')
	       : c == '_'           ? '-'
	                            : c;
}

/*
 * The letters that are left out, put in, changed, or swapped with the next one,
 * to get from a to b: the restricted distance of Damerau and Levenshtein.
 */
static unsigned
distance(const char *a, size_t na, const char *b, size_t nb)
{
	unsigned d[NEAREST_WORD + 1][NEAREST_WORD + 1];

	for (size_t i = 0; i <= na; i++) {
		d[i][0] = (unsigned)i;
	}
	for (size_t k = 0; k <= nb; k++) {
		d[0][k] = (unsigned)k;
	}
	for (size_t i = 1; i <= na; i++) {
		for (size_t k = 1; k <= nb; k++) {
			bool same = plain(a[i - 1]) == plain(b[k - 1]);
			unsigned least = MIN(d[i - 1][k], d[i][k - 1]) + 1;
			least = MIN(least, d[i - 1][k - 1] + !same);
			if (i > 1 && k > 1 &&
			    plain(a[i - 1]) == plain(b[k - 2]) &&
			    plain(a[i - 2]) == plain(b[k - 1])) {
				least = MIN(least, d[i - 2][k - 2] + 1);
			}
			d[i][k] = least;
		}
	}
	return d[na][nb];
}

void
nearest_offer(struct nearest *n, const char *known)
{
	/* What follows "=" or ":" is a value. */
	size_t word = strcspn(n->word, "=:"), length = strlen(known);

	if (word == 0 || word > NEAREST_WORD || length > NEAREST_WORD) {
		return;
	}
	unsigned far = distance(n->word, word, known, length);
	/* One slip in a short word, one more for each four letters; or else
	   it is the beginning of the other one. */
	bool near = far <= MIN(1 + word / 4, length / 2);
	if (!near && word >= 3 && word < length &&
	    distance(n->word, word, known, word) == 0) {
		near = true;
		far = FAR - 1; /* anything nearer is better */
	}
	if (near && (n->best == NULL || far < n->distance)) {
		n->best = known;
		n->distance = far;
	}
}
