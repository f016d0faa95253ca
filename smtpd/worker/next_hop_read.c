/* SPDX-License-Identifier: ISC */
/* What a next hop says, made safe. */
#include "smtpd/worker/next_hop_private.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* True for CLASS.N.N with the class of the code, and numbers of one to three
   digits (RFC 3463). */
static bool
is_enhanced(const char *text, char class)
{
	const char *p = text;

	if (*p++ != class) {
		return false;
	}
	for (int i = 0; i < 2; i++) {
		size_t n = *p == '.' ? strspn(p + 1, "0123456789") : 0;
		if (n < 1 || n > 3) {
			return false;
		}
		p += 1 + n;
	}
	return *p == '\0';
}

/* A code that may follow RCPT (RFC 5321 section 4.3.2), but for those that mean
   something about us. */
static unsigned
code_of(const struct inquiry_answer *said)
{
	static const unsigned later[] = { 450, 451, 452 },
			      never[] = { 550, 552, 553, 554 };
	bool good = false;

	if (said->verdict == INQUIRY_LATER) {
		for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
			good = good || said->code == later[i];
		}
		return good ? said->code : 451;
	}
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		good = good || said->code == never[i];
	}
	return good ? said->code : 550;
}

/* What a code means that comes without an enhanced one. */
static const char *
usual(unsigned code)
{
	switch (code) {
	case 550:
		return "5.1.1";
	case 552:
		return "5.2.2";
	case 553:
		return "5.1.3";
	case 554:
		return "5.0.0";
	case 452:
		return "4.2.2";
	default:
		return "4.2.0";
	}
}

void
next_hop_read(
    struct inquiry_answer *said, struct next_hop_answer *a, bool *full)
{
	memset(a, 0, sizeof(*a));
	*full = false;
	said->enhanced[sizeof(said->enhanced) - 1] = '\0';
	said->words[sizeof(said->words) - 1] = '\0';
	for (char *p = said->words; *p != '\0'; p++) {
		*p = isprint((unsigned char)*p) && (unsigned char)*p < 0x7f
		         ? *p
		         : '?';
	}
	if (said->verdict == INQUIRY_TAKES) {
		a->result = NEXT_HOP_TAKES;
		return;
	}
	if (said->verdict != INQUIRY_REFUSES &&
	    said->verdict != INQUIRY_LATER) {
		said->verdict = INQUIRY_FAILED;
		a->result = NEXT_HOP_SILENT;
		snprintf(a->line, sizeof(a->line), "%.180s", said->words);
		return;
	}
	bool later = said->verdict == INQUIRY_LATER;
	unsigned code = code_of(said);
	const char *enhanced = is_enhanced(said->enhanced, later ? '4' : '5')
	                           ? said->enhanced
	                           : usual(code);
	a->result = later ? NEXT_HOP_LATER : NEXT_HOP_REFUSES;
	*full = strcmp(enhanced + 1, ".2.2") == 0;
	snprintf(a->line, sizeof(a->line), "%u %s %.160s", code, enhanced,
	    said->words[0] != '\0' ? said->words : "Not taken there");
}
