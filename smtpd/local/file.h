/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_LOCAL_FILE_H
#define RESTANTE_SMTPD_LOCAL_FILE_H

#include "smtpd/local/deliver.h"

#include <limits.h>

/*
 * Appends the message to the file that the recipient names, as an mbox, as its
 * owner, which the process becomes.  The same rules as for mailboxes: a regular
 * file of the owner's, with one name, no link; made if it is not there, but
 * its folder is not, and must let the owner make a lock file.  /dev/null takes
 * everything.  A user's own mailbox is treated as that.
 *
 * The note of an append under way, which lets the next one take back what a
 * crash left torn, lies in a folder of its own for each file, in the owner's
 * directory; an owner without a mailbox here has none, and a torn message is
 * then only closed with an empty line.
 */
void file_deliver(const struct deliver *, struct verdict *);

/* Makes of an owner's directory the folder for the notes of a file, durably;
   empties the name if that fails. */
void file_notes(const char *file, char directory[PATH_MAX]);

#endif
