/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_LOCAL_DELIVER_H
#define RESTANTE_SMTPD_LOCAL_DELIVER_H

#include "common/config/config.h"
#include "common/login/users.h"
#include "smtpd/local/forward.h"
#include "smtpd/local/letter.h"
#include "smtpd/local/verdict.h"

#include <stdbool.h>

/* A process that delivers to one recipient, as whoever that belongs to. */

enum {
	DELIVER_LIMIT = 10 * 60 * 1000, /* ms for a command */
	DELIVER_GRACE = 10 * 1000,
};

struct deliver {
	const struct config *config;
	const struct names *names;
	const struct letter *letter;
	const struct recipient *recipient;
	/* Into the mailbox, whatever ~/.forward says; also if the recipient
	   has an owner, as "\user" of a ~/.forward has. */
	bool at_once;
};

/*
 * Becomes the owner for good, delivers, and writes the verdict to out, with
 * the text of a ~/.forward behind it instead of following that.  0, or -1:
 * what was written is not whole.
 */
int deliver_recipient(const struct deliver *, int out)
    __attribute__((warn_unused_result));

#endif
