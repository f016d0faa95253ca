/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_BECOME_H
#define RESTANTE_SPOOL_BECOME_H

#include "common/config/config.h"
#include "common/login/users.h"
#include "spool/store.h"

/*
 * Becoming the owner of a mailbox: the one place where a process of root's
 * gives up root for a user's mail.
 *
 * What is left afterwards: the owner's uid and gid, real, effective and saved,
 * and no way back.  No other group, but for one: if the mailbox lies in a
 * folder of root's to which a group may write and its owner may not, as
 * /var/mail, then that folder's group, which makes lock files there.  Not if
 * the template of mailboxes has %h, or if anybody but root could have changed
 * the way to the folder: they would choose the group.  The umask is 077.
 * become_owner() empties the capability bounding set as well; become_account()
 * does not, since a command of the owner may be a set-user-ID program.
 *
 * Started by an ordinary user, everything belongs to that user, and only the
 * umask changes.  The mailbox of root itself (key users, value system) is
 * root's: the process stays root.
 */

enum become {
	BECOME_OK,
	/* There is no such user, or no path; the process is unchanged. */
	BECOME_NO_MAILBOX,
	/* The process may be anybody: it must end. */
	BECOME_NO_RIGHTS,
};

/*
 * Finds the mailbox and the directory of a user, whose name may be written in
 * any way that user_name() knows, and becomes their owner.  Makes the directory
 * if there is none, still as root.
 */
enum become become_owner(const struct config *, const struct names *,
    const char *name, struct account *, struct store *)
    __attribute__((warn_unused_result));

/*
 * Becomes the owner of an open directory of a user's below the key state's;
 * nobody else can have given it to them.  0; or -1, and then the process must
 * end.
 */
int become_owner_of(int directory) __attribute__((warn_unused_result));

/*
 * True if the folder of a mailbox is root's, and nobody else can make the way
 * there lead elsewhere: else it gives its group to no process.
 */
bool become_trusts_folder(const char *mailbox);

/*
 * Becomes an account that the caller has found, with what its mailbox needs
 * (NULL: nothing).  0; or -1, and then the process must end.
 */
int become_account(const struct config *, const struct account *,
    const char *mailbox) __attribute__((warn_unused_result));

#endif
