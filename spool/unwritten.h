/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_UNWRITTEN_H
#define RESTANTE_SPOOL_UNWRITTEN_H

#include <stdbool.h>

/*
 * NULs at the end of a mailbox: a power cut leaves them when the new length of
 * the file has reached the disk, by another file's sync, and the octets of an
 * append have not.  They stand for mail that nobody was told is delivered.
 */

bool unwritten_is_there(int mailbox);

/*
 * Cuts them off, if that is possible and the file is an mbox; it is locked for
 * writing.  A pending journal or note comes first: it knows more.
 */
void unwritten_cut(int mailbox);

#endif
