/* SPDX-License-Identifier: ISC */
/*
 * Lines of notes for reports:
 *
 *   policy author address done reason dkim spf scope sender result
 *       {domain selector result}
 *
 * Blanks are between the words, "-" stands for none.
 */
#include "smtpd/auth/report_note.h"

#include "common/text/note.h"

#include <stdio.h>
#include <string.h>

/* ---- writing ---- */

ssize_t
report_note_write(const struct report_note *n, char line[REPORT_NOTE_LINE])
{
	struct writer w = { .out = line, .size = REPORT_NOTE_LINE };
	bool good = note_put(&w, n->policy) && note_put(&w, n->author) &&
	            note_put(&w, n->address) && note_put(&w, n->done) &&
	            note_put(&w, n->reason) &&
	            note_put(&w, n->dkim ? "pass" : "fail") &&
	            note_put(&w, n->spf ? "pass" : "fail") &&
	            note_put(&w, n->helo ? "helo" : "mfrom") &&
	            note_put(&w, n->sender) && note_put(&w, n->sender_result);

	for (size_t i = 0; good && i < n->signatures; i++) {
		good = note_put(&w, n->signature[i].domain) &&
		       note_put(&w, n->signature[i].selector) &&
		       note_put(&w, n->signature[i].result);
	}
	writer_octet(&w, '\n');
	return good ? writer_finish(&w) : -1;
}

/* ---- reading ---- */

#define TAKE(rest, member) note_take(rest, member, sizeof(member))

/* Takes one of two words. */
static bool
choose(struct span *rest, bool *first, const char *one, const char *other)
{
	char word[REPORT_NOTE_WORD];

	if (!TAKE(rest, word)) {
		return false;
	}
	*first = strcmp(word, one) == 0;
	return *first || strcmp(word, other) == 0;
}

bool
report_note_read(const char *line, size_t len, struct report_note *n)
{
	struct span rest = { line, len };

	memset(n, 0, sizeof(*n));
	if (!TAKE(&rest, n->policy) || !TAKE(&rest, n->author) ||
	    !TAKE(&rest, n->address) || !TAKE(&rest, n->done) ||
	    !TAKE(&rest, n->reason) ||
	    !choose(&rest, &n->dkim, "pass", "fail") ||
	    !choose(&rest, &n->spf, "pass", "fail") ||
	    !choose(&rest, &n->helo, "helo", "mfrom") ||
	    !TAKE(&rest, n->sender) || !TAKE(&rest, n->sender_result)) {
		return false;
	}
	while (rest.len > 0) {
		if (n->signatures == REPORT_NOTE_SIGNATURES) {
			return false;
		}
		struct report_signature *s = &n->signature[n->signatures++];
		if (!TAKE(&rest, s->domain) || !TAKE(&rest, s->selector) ||
		    !TAKE(&rest, s->result)) {
			return false;
		}
	}
	return n->policy[0] != '\0' && n->author[0] != '\0' &&
	       n->address[0] != '\0' && n->done[0] != '\0';
}
