/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ADMIN_REPORTS_SEND_PRIVATE_H
#define RESTANTE_SMTPD_ADMIN_REPORTS_SEND_PRIVATE_H

#include "common/auth/dmarc.h"
#include "common/text/bytes.h"
#include "common/text/output.h"
#include "smtpd/auth/report_note.h"

#include <stdint.h>

enum {
	OUTBOX_MAILS = 200,            /* of a day */
	OUTBOX_ROOM = 8 * 1024 * 1024, /* octets of all of them */
	OUTBOX_ADDRESS = 256,
	OUTBOX_DAY = 24 * 60 * 60,
};

/* The result of the process that looks names up and makes mails from notes. */
struct outbox {
	uint32_t count, used, left_out;
	uint32_t silent;             /* domains whose name servers were */
	char first_silent[ASK_NAME]; /* one of them */
	struct {
		char to[OUTBOX_ADDRESS];
		uint32_t at, len; /* of text */
	} mails[OUTBOX_MAILS];
	char text[OUTBOX_ROOM];
};

/* ---- reports_make.c: pure but for memory ---- */

/* The facts that a report states about itself. */
struct report_frame {
	const char *host, *from; /* who sends it */
	int64_t begin;           /* of the day */
	uint32_t random;         /* for its id */
	const char *domain;      /* whose policy it is about */
	const struct dmarc_record *policy;
};

/*
 * Adds a mail with a report to out.  lines: notes of one domain, sorted, all
 * of which are valid.
 */
void report_make(const struct report_frame *, const struct span *lines,
    size_t count, const char *to, struct output *out);

#endif
