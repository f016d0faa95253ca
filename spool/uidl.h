/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_UIDL_H
#define RESTANTE_SPOOL_UIDL_H

#include "spool/mbox.h"

#include <md5.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Computes UIDLs as other POP3 servers do; pure.  The input is the lines of a
 * message as they are stored, the output a UIDL, or a number whose 16
 * hexadecimal digits are one.  A function that takes lines returns false when
 * it needs no more.
 */

/* ---- Dovecot: the UID of the message, and the mailbox's UIDVALIDITY ---- */

struct uidl_base {
	uint32_t validity; /* 0: none was found */
	uint32_t last;     /* the highest UID given out so far; 0: not said */
};

/* Finds the base among the lines of the first message of the mailbox. */
bool uidl_base_line(struct uidl_base *, const struct mbox_line *);

struct uidl_uid {
	struct uidl_base base;
	uint32_t uid; /* 0: none was found */
};

/* Finds the UID among the lines of a message; uid is 0 at first. */
bool uidl_uid_line(struct uidl_uid *, const struct mbox_line *);

/* The number, or 0: no UID, or no base. */
uint64_t uidl_uid_number(const struct uidl_uid *);

/* ---- another server: what was noted when the message was brought here ---- */

enum { UIDL_MOST = 70 }; /* octets, RFC 1939 section 7 */

/* True if that can be a UIDL: 1 to 70 octets from 0x21 to 0x7e. */
bool uidl_is_valid(const char *text, size_t len);

/* Finds a UIDL among the lines of a message; it is empty at first. */
bool uidl_noted_line(char uidl[UIDL_MOST + 1], const struct mbox_line *);

/* ---- popa3d: a digest of lines that tell how the message came here ---- */

struct uidl_digest {
	MD5_CTX md5;
	bool received; /* a Received field was seen */
	bool taken;    /* the field under way is part of it */
};

/* The number of messages that have none of these lines. */
#define UIDL_DIGEST_EMPTY UINT64_C(0xd98c1dd404b2008f)

void uidl_digest_start(struct uidl_digest *);
bool uidl_digest_line(struct uidl_digest *, const struct mbox_line *);
uint64_t uidl_digest_number(struct uidl_digest *);

#endif
