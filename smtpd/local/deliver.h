/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_LOCAL_DELIVER_H
#define RESTANTE_SMTPD_LOCAL_DELIVER_H

#include "common/config/config.h"
#include "common/login/users.h"
#include "smtpd/local/forward.h"
#include "smtpd/local/local_message.h"
#include "smtpd/local/verdict.h"

/* A process that delivers to one recipient, as the owner of its mailbox. */

enum {
	DELIVER_LIMIT = 10 * 60 * 1000, /* ms for a command */
	DELIVER_GRACE = 10 * 1000,
};

enum deliver_mode {
	DELIVER_FORWARD, /* gives back ~/.forward, if the user has one */
	/* Into the mailbox, whatever ~/.forward says; also if the recipient
	   has an owner, as "\user" of a ~/.forward has. */
	DELIVER_MAILBOX,
};

struct deliver {
	const struct config *config;
	const struct names *names;
	const struct local_message *message;
	const struct recipient *recipient;
	enum deliver_mode mode;
};

/*
 * Becomes the owner permanently, delivers, and writes the verdict to out, with
 * the text of a ~/.forward after it instead of following that.  0, or -1: what
 * was written is not whole.
 */
int deliver_recipient(const struct deliver *, int out)
    __attribute__((warn_unused_result));

#endif
