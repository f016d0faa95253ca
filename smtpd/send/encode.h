/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SEND_ENCODE_H
#define RESTANTE_SMTPD_SEND_ENCODE_H

#include "common/text/transfer.h"
#include "smtpd/send/source.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/*
 * A line on stderr that shows the progress: only if that is a terminal, and
 * the work takes longer than a second.
 */
struct progress {
	bool on, shown;
	off_t total, done;
	int64_t next; /* when to show it again */
};

void progress_begin(struct progress *, off_t total);
/* Erases the line. */
void progress_end(struct progress *);

/*
 * Writes a source from its beginning to its end, block by block, in a transfer
 * encoding: as it is, quoted-printable (always as text) or base64.  Of text,
 * the line ends are those of mail.  Lines that come out end in LF.  EX_OK, or
 * what to exit with; why is logged.
 */
int encode_source(struct source *, enum transfer, bool text, struct progress *,
    FILE *out) __attribute__((warn_unused_result));

#endif
