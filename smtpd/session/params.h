/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SESSION_PARAMS_H
#define RESTANTE_SMTPD_SESSION_PARAMS_H

#include "spool/mail.h"

#include <stdbool.h>
#include <stdint.h>

/* The parameters behind a path (RFC 5321 section 4.1.1.11).  Pure. */

struct mail_by {
	enum by_mode mode;
	bool trace;
	int64_t seconds; /* from now on; those for BY_NOTIFY may be over */
};

struct mail_params {
	uint64_t size;              /* SIZE= (RFC 1870), or 0 */
	bool eight_bit;             /* BODY=8BITMIME (RFC 6152), or binary */
	bool binary;                /* BODY=BINARYMIME (RFC 3030) */
	bool utf8;                  /* SMTPUTF8 (RFC 6531) */
	bool need_tls;              /* REQUIRETLS (RFC 8689) */
	uint64_t hold_for;          /* HOLDFOR= (RFC 4865), seconds, or 0 */
	time_t hold_until;          /* HOLDUNTIL=, or 0: not both */
	struct mail_by by;          /* BY= (RFC 2852) */
	bool has_priority;          /* MT-PRIORITY= (RFC 6710) */
	int priority;               /* its value, or 0 */
	enum ret ret;               /* RET= (RFC 3461 section 4.3) */
	char envid[MAIL_ENVID + 1]; /* ENVID= (4.4), as xtext, or "" */
};

struct rcpt_params {
	unsigned notify;            /* NOTIFY= (4.1), bits of enum notify */
	char orcpt[MAIL_ORCPT + 1]; /* ORCPT= (4.2), "type;xtext", or "" */
};

enum params { PARAMS_OK, PARAMS_SYNTAX, PARAMS_UNKNOWN };

/* AUTH= (RFC 4954 section 5) is taken and has no effect. */
enum params params_mail(const char *text, struct mail_params *);

enum params params_rcpt(const char *text, struct rcpt_params *);

#endif
