/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_POP3D_ADMIN_ADMIN_H
#define RESTANTE_POP3D_ADMIN_ADMIN_H

#include "common/config/config.h"

#include <stdbool.h>

/*
 * The administrator's commands of pop3d.  All return an exit status of
 * sysexits.h.
 */

/* --check: tests what POP3 needs; 1 if there is an error. */
int admin_check(const struct config *, bool json);

/*
 * --last-login: prints when, how and from where users logged in, or one of them
 * alone.
 */
int admin_last_login(const struct config *, const char *user);

/*
 * --recover: finishes, for all users, what a crash has interrupted; to be run
 * at boot before anything else opens a mailbox.
 */
int admin_recover(const struct config *);

/* --deleted USER: lists the deleted messages that are kept. */
int admin_deleted(const struct config *, const char *user);

/*
 * --undelete USER [ID...]: puts all of them back into the mailbox, or those
 * with these ids (NULL at the end); messages that the mailbox has already are
 * skipped.
 */
int admin_undelete(const struct config *, const char *user, char **ids);

/*
 * --backup USER: writes the mailbox to standard output, as an mbox that
 * --restore reads.
 */
int admin_backup(const struct config *, const char *user);

/*
 * --restore USER: puts back what is on standard input and not in the mailbox.
 */
int admin_restore(const struct config *, const char *user);

/*
 * --import USER FILE|MAILDIR: adds the mail of another server that is not in
 * the mailbox yet.  uidls: the file with that server's UIDLs, "names" or NULL;
 * format: that of Dovecot's, or NULL.
 */
int admin_import(const struct config *, const char *user, const char *path,
    const char *uidls, const char *format);

#endif
