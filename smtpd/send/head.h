/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SEND_HEAD_H
#define RESTANTE_SMTPD_SEND_HEAD_H

#include "smtpd/send/input.h"

#include <stddef.h>

/* The header section of a message under way, which is held as a whole. */

enum { HEAD_MOST = 1024 * 1024 };

enum head_result {
	HEAD_OK,
	HEAD_LONG, /* more than HEAD_MOST octets */
	HEAD_NUL,
	HEAD_ERROR, /* errno */
};

/*
 * Reads up to the body, which input_next() yields next: behind an empty line,
 * or from the first line on that is no field.  Lines end in LF; a CR inside one
 * is a blank, lest it end a line elsewhere.  *text is to be freed.
 */
enum head_result head_read(struct input *, char **text, size_t *len)
    __attribute__((warn_unused_result));

#endif
