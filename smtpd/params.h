/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_PARAMS_H
#define RESTANTE_SMTPD_PARAMS_H

#include <stdbool.h>
#include <stdint.h>

/* The parameters behind a path in MAIL (RFC 5321 section 4.1.1.11).  Pure. */

struct mail_params {
	uint64_t size;  /* SIZE= (RFC 1870), or 0 */
	bool eight_bit; /* BODY=8BITMIME (RFC 6152) */
};

enum params { PARAMS_OK, PARAMS_SYNTAX, PARAMS_UNKNOWN };

/* AUTH= (RFC 4954 section 5) is taken and has no effect. */
enum params params_mail(const char *text, struct mail_params *);

/* RCPT has none that we know. */
enum params params_rcpt(const char *text);

#endif
