/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_MESSAGE_FIXUP_H
#define RESTANTE_SMTPD_MESSAGE_FIXUP_H

#include "common/config/config.h"
#include "smtpd/message/recipients.h"
#include "smtpd/message/rewrite.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * The header section of a message that a script has written: what is missing is
 * added, addresses are made such as the world accepts, Bcc goes, and the
 * recipients may be taken from it.  All else stays, octet for octet, and where
 * there is a DKIM-Signature, everything but Bcc does.  Lines end in LF; the
 * empty line after them is no part of it.
 */

/* Fields that a message should have, as bits; blank ones do not count, but for
   a DKIM-Signature. */
enum fixup_has {
	FIXUP_FROM = 1,
	FIXUP_DATE = 2,
	FIXUP_ID = 4,
	FIXUP_TO = 8,      /* To or Cc */
	FIXUP_RESENT = 16, /* sent on by hand: Resent-From and its like */
	FIXUP_SIGNED = 32, /* DKIM-Signature */
};

unsigned fixup_survey(const char *head, size_t len);

struct fixup {
	const struct config *config;
	/* What to add where it is missing; NULL: nothing.  A value is whole
	   and folded, and has no line end after it. */
	const char *from, *date, *id;
	struct recipients *recipients; /* -t: add To, Cc, Bcc; or NULL */
	bool no_to; /* add a To that names nobody, if there is none */
	enum rewrite_whose whose; /* for "masquerade" */
};

/* 0, or -1: no memory. */
int fixup_head(const struct fixup *, const char *head, size_t len, FILE *out)
    __attribute__((warn_unused_result));

#endif
