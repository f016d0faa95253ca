/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_AUTH_REPORT_NOTE_H
#define RESTANTE_SMTPD_AUTH_REPORT_NOTE_H

#include "common/auth/verify_ask.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * A note for a report (RFC 9990) about one message: a line of a file of notes
 * (common/io/notes_file.h).  Pure.
 */

enum {
	REPORT_NOTE_SIGNATURES = 4,
	REPORT_NOTE_WORD = 24,
	REPORT_NOTE_SELECTOR = 64,
	REPORT_NOTE_LINE = 4096, /* with its end */
};

struct report_note {
	char policy[ASK_NAME]; /* whose record applies */
	char author[ASK_NAME];
	char address[INET6_ADDRSTRLEN];
	char done[REPORT_NOTE_WORD];   /* none, quarantine, reject */
	char reason[REPORT_NOTE_WORD]; /* why not what the policy says, or "" */
	bool dkim, spf;                /* pass, and are aligned */
	char sender[ASK_NAME];         /* the domain that SPF asked */
	bool helo;                     /* it is that of HELO */
	char sender_result[REPORT_NOTE_WORD];
	size_t signatures;
	struct report_signature {
		char domain[ASK_NAME];
		char selector[REPORT_NOTE_SELECTOR];
		char result[REPORT_NOTE_WORD];
	} signature[REPORT_NOTE_SIGNATURES];
};

/* The length of the line, or -1: something in it is no name or word. */
ssize_t report_note_write(
    const struct report_note *, char line[REPORT_NOTE_LINE]);

/* Reads a line without its end; false: nobody here has written it. */
bool report_note_read(const char *line, size_t len, struct report_note *);

#endif
