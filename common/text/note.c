/* SPDX-License-Identifier: ISC */
/* Words of notes. */
#include "common/text/note.h"

#include <string.h>

static const char octets[] = "abcdefghijklmnopqrstuvwxyz"
			     "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:_-*;+";

bool
note_is_word(const char *word)
{
	return word[strspn(word, octets)] == '\0';
}

bool
note_put(struct writer *w, const char *word)
{
	if (w->len > 0) {
		writer_octet(w, ' ');
	}
	writer_text(w, word[0] == '\0' ? "-" : word);
	return note_is_word(word);
}

bool
note_take(struct span *rest, char *out, size_t size)
{
	size_t n = 0;

	while (n < rest->len && rest->at[n] != ' ') {
		n++;
	}
	if (n == 0 || n >= size) {
		return false;
	}
	memcpy(out, rest->at, n);
	out[n] = '\0';
	if (strspn(out, octets) != n) {
		return false;
	}
	if (strcmp(out, "-") == 0) {
		out[0] = '\0';
	}
	/* A blank at the end is one too many. */
	bool more = n < rest->len;
	rest->at += n + more;
	rest->len -= n + more;
	return !more || rest->len > 0;
}
