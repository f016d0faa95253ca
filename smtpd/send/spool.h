/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SEND_SPOOL_H
#define RESTANTE_SMTPD_SEND_SPOOL_H

#include "smtpd/send/input.h"

/* The rest of a message in an unnamed file, to be read more than once. */

struct spool;

/* NULL: errno; EBADMSG: it holds a NUL. */
struct spool *spool_open(struct input *);

/* The message, from its start. */
struct input *spool_rewind(struct spool *);

void spool_close(struct spool *);

#endif
