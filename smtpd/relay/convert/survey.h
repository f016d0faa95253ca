/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_RELAY_CONVERT_SURVEY_H
#define RESTANTE_SMTPD_RELAY_CONVERT_SURVEY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The first look at a message in wire form: is there anything in it that not
 * every server takes?  Of nearly all mail this is all that is read ahead, so it
 * looks at words of octets and at one line end in a thousand octets.  Pure.
 */

/* Begins zeroed. */
struct survey {
	bool eight_bit; /* an octet beyond ASCII */
	bool long_line; /* more than TRANSFER_LINE octets and the line end */
	size_t line;    /* octets of the line in hand */
};

void survey_feed(struct survey *, const char *data, size_t len);

#endif
