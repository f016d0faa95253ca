/* SPDX-License-Identifier: ISC */
/*
 * The grammar of targets, in the aliases file and in ~/.forward:
 *   targets = target *( ( "," / line end ) target ), any of them empty
 *   target  = *( character / quoted ), without the blanks around it
 *   quoted  = <"> *( character / "\" character ) <">, within a line
 *   comment = "#" up to the line end, at the start or after a blank
 * A target that is quoted as a whole, or after its "|", loses the quotes, and
 * the "\" of \" and \\.  Other quotes are part of an address or a command, and
 * stay.
 */
#include "common/names/aliases.h"

#include <string.h>

struct walk {
	const char *p, *end;
	char target[ALIAS_TARGET];
	size_t n;
	bool bad;
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void
add_octet(struct walk *w, char c)
{
	if (w->n >= sizeof(w->target) - 1 ||
	    ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f) {
		w->bad = true;
		return;
	}
	w->target[w->n++] = c == '\t' ? ' ' : c;
}

/* Copies quoted text with its quotes; p is after the first one. */
static void
quoted(struct walk *w)
{
	add_octet(w, '"');
	for (; w->p < w->end && *w->p != '\n' && !w->bad; w->p++) {
		add_octet(w, *w->p);
		if (*w->p == '"') {
			w->p++;
			return;
		}
		if (*w->p == '\\' && w->p + 1 < w->end && w->p[1] != '\n') {
			add_octet(w, *++w->p);
		}
	}
	w->bad = true;
}

static void
skip_comment(struct walk *w)
{
	while (w->p < w->end && *w->p != '\n') {
		w->p++;
	}
}

/* Copies a target and consumes its end. */
static void
copy(struct walk *w)
{
	bool blank = true; /* was the last one */

	w->n = 0;
	while (w->p < w->end && !w->bad) {
		char c = *w->p++;
		if (c == ',' || c == '\n') {
			break;
		}
		if (c == '#' && blank) {
			skip_comment(w);
			continue;
		}
		blank = is_blank(c);
		if (c == '"') {
			quoted(w);
		} else if (c == '\r' && (w->p == w->end || *w->p == '\n')) {
			continue;
		} else if (!blank || w->n > 0) {
			add_octet(w, c);
		}
	}
	while (w->n > 0 && is_blank(w->target[w->n - 1])) {
		w->n--;
	}
	w->target[w->n] = '\0';
}

/* True if the quote at the start of text ends at its end. */
static bool
is_whole(const char *text)
{
	if (*text != '"') {
		return false;
	}
	for (text++; *text != '"'; text++) {
		text += *text == '\\';
	}
	return text[1] == '\0';
}

static void
unquote(char *text)
{
	char *to = text;

	if (*text == '|') {
		to = text += 1 + strspn(text + 1, " \t");
	}
	if (!is_whole(text)) {
		return;
	}
	for (text++; text[1] != '\0'; text++) {
		if (*text == '\\' && (text[1] == '"' || text[1] == '\\')) {
			text++;
		}
		*to++ = *text;
	}
	*to = '\0';
}

bool
aliases_targets(const char *text, size_t len,
    bool (*take)(void *context, const char *target), void *context)
{
	struct walk w = { .p = text, .end = text + len };

	while (w.p < w.end) {
		copy(&w);
		if (w.bad) {
			return false;
		}
		unquote(w.target);
		if (w.target[0] != '\0' && !take(context, w.target)) {
			return false;
		}
	}
	return true;
}
