/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SESSION_PARAMS_H
#define RESTANTE_SMTPD_SESSION_PARAMS_H

#include "spool/mail.h"

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/*
 * The parameters of MAIL and RCPT (RFC 5321 section 4.1.1.11), which become
 * part of the envelope.  Pure.
 */

enum {
	PARAMS_BY_LEAST = 60,      /* s, of BY with R: what EHLO tells */
	PARAMS_BY_MOST = 999999999 /* s, RFC 2852 section 4 */
};

enum params {
	PARAMS_OK,
	PARAMS_SYNTAX,
	PARAMS_UNKNOWN, /* or not offered to this client */
	PARAMS_HOLD,    /* to be held for more than MAIL_HOLD */
	PARAMS_BY,      /* to be returned in less than PARAMS_BY_LEAST */
};

/* The rules for parameters besides their grammar. */
struct params_rules {
	time_t now;
	bool tls;  /* REQUIRETLS is offered: the session is in TLS */
	bool hold; /* HOLDFOR and HOLDUNTIL are: this is submission */
};

/*
 * Fills what the parameters say into a mail that mail_init() has begun:
 *
 *   SIZE (RFC 1870)            size, or 0
 *   BODY (RFC 6152, RFC 3030)  eight_bit, and *binary for BINARYMIME
 *   SMTPUTF8 (RFC 6531)        utf8
 *   REQUIRETLS (RFC 8689)      need_tls
 *   HOLDFOR, HOLDUNTIL (RFC 4865)  hold; 0 if it is over
 *   BY (RFC 2852)              by
 *   MT-PRIORITY (RFC 6710)     priority
 *   RET, ENVID (RFC 3461)      ret, envid
 *   AUTH (RFC 4954 section 5)  nothing
 */
enum params params_mail(
    const char *text, const struct params_rules *, struct mail *, bool *binary);

/*
 * The next line of EHLO for a parameter of MAIL that is offered to everybody,
 * from *next = 0 on; NULL after the last.
 */
const char *params_keyword(size_t *next);

/*
 * Fills NOTIFY and ORCPT (RFC 3461 sections 4.1 and 4.2) into a recipient,
 * which points to orcpt afterwards.  Our own sendmail command says XREPORT for
 * a recipient that was refused: the message is taken for it all the same, and
 * the queue tells the sender what became of it.  *report is left alone where
 * that is not said; NULL: the client may not say it.
 */
enum params params_rcpt(const char *text, struct recipient *,
    char orcpt[MAIL_ORCPT + 1], bool *report);

#endif
