/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_LOCAL_FORWARD_H
#define RESTANTE_SMTPD_LOCAL_FORWARD_H

#include "common/login/users.h"
#include "smtpd/local/mailbox.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * The file that says where a user's mail goes, key "forward": read as the owner
 * of the mailbox, which the process has become.  Root has none.  Below a home
 * (%h), a user of the users file has one only if there is an account of that
 * name, and the mailbox is the account's.
 */

enum { FORWARD_SIZE = 64 * 1024 };

/*
 * True if there may be one, of whatever kind: then the message is queued.
 */
bool forward_exists(const struct config *, const struct account *);

/*
 * Do the same in two steps, for a process that will be confined in between:
 * first where the file would be (false: that cannot be found out), and then
 * whether it is there.
 */
struct forward_place {
	int folder; /* or -1: it would be nowhere */
	char name[NAME_MAX + 1];
};
bool forward_find(
    const struct config *, const struct account *, struct forward_place *);
bool forward_is_there(const struct forward_place *);
void forward_forget(struct forward_place *);

enum forward {
	FORWARD_NONE,    /* or it is not to be trusted, which is logged */
	FORWARD_TEXT,    /* at least one octet, and no NUL */
	FORWARD_TROUBLE, /* it cannot be read now; see why */
};

/*
 * Reads it in a process that can write nothing from then on, where the kernel
 * has Landlock: FORWARD_NONE, if there was nothing to read, leaves it as it
 * was; *confined says what it is.  It must be a regular file with one name, of
 * the user or root, that nobody else can write to, in a folder that is not
 * everybody's, of at most FORWARD_SIZE octets.
 */
enum forward forward_read(const struct config *, const struct account *,
    char text[FORWARD_SIZE], size_t *len, bool *confined, char why[LOCAL_WHY]);

#endif
