/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_MAILBOX_H
#define RESTANTE_SPOOL_MAILBOX_H

#include "spool/mbox.h"
#include "spool/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * A mailbox as a POP3 session sees it: the messages that were there at the
 * opening, under fixed numbers.  No lock is held between calls; others may
 * deliver, and delete, meanwhile.
 */

struct mailbox;

enum { MAILBOX_UIDL = 70 }; /* octets at most, RFC 1939 section 7 */

/* Also the record of the index on the disk: 96 octets, no padding. */
struct message {
	int64_t start;   /* of its From_ line */
	int64_t text;    /* of its first line */
	int64_t end;     /* of its last line; the separating line follows */
	int64_t next;    /* where the next one starts, or the file ends */
	uint64_t octets; /* as sent, with CRLF, before dot-stuffing */
	uint64_t ascii;  /* the same for clients without UTF-8 */
	uint64_t print;  /* a fingerprint of what a client sees of it */
	uint64_t from;   /* one of its From_ line, which tells copies apart */
	uint8_t id[16];  /* a digest of that, once it was asked for */
	uint32_t copy : 29;   /* how many identical ones came before it */
	uint32_t raw : 1;     /* UTF-8 in its header: ascii is another form */
	uint32_t pseudo : 1;  /* c-client's own, hidden */
	uint32_t unknown : 1; /* the id and copy are not known yet */
	uint32_t epoch;       /* of the index when it was written there */
	uint64_t check;       /* of the record, in the index */
};

_Static_assert(sizeof(struct message) == 96, "the index has such records");

/*
 * Opens the mailbox of a store; one that does not exist is empty.  0, or -1
 * with errno (EWOULDBLOCK: locked for timeout ms; FOREIGN_FILE: the file is no
 * mbox).  With an index this takes no longer for many messages.
 */
int mailbox_open(struct mailbox **, const struct store *, int timeout)
    __attribute__((warn_unused_result));
void mailbox_close(struct mailbox *);

size_t mailbox_count(const struct mailbox *);
/* Octets of all messages, for a client with UTF-8 or without it. */
uint64_t mailbox_octets(const struct mailbox *, bool utf8);

/*
 * Makes sure that the list of messages is right: the index is read,
 * and where it is damaged, the mailbox.  0, or -1 with errno (EWOULDBLOCK;
 * ESTALE: it is, and the mailbox is not as it was).
 */
int mailbox_check(struct mailbox *) __attribute__((warn_unused_result));

/* Does the same for one message; takes no longer if there are many. */
int mailbox_check_at(struct mailbox *, size_t index)
    __attribute__((warn_unused_result));

/*
 * Does the same, and makes sure that UIDLs are known: messages whose UIDL
 * nobody has asked for are read.
 */
int mailbox_identify(struct mailbox *) __attribute__((warn_unused_result));

/* Asks for a check before. */
const struct message *mailbox_message(const struct mailbox *, size_t index);
/* Asks for mailbox_identify() before. */
void mailbox_uidl(const struct message *, char uidl[MAILBOX_UIDL + 1]);

/*
 * Gives out the lines of a message as a client sees them, without line ends;
 * until the function answers false.  0, or -1 with errno: ESTALE when somebody
 * else has removed the message, and nothing or a part was given out.
 */
typedef bool mailbox_line(void *context, const struct mbox_line *);
int mailbox_read(struct mailbox *, size_t index, mailbox_line *, void *context)
    __attribute__((warn_unused_result));

/*
 * Reads it with the lines as they are stored, what mail readers put there among
 * them; index may be MAILBOX_FIRST, for the first message of the file, which
 * may be a hidden one.
 */
#define MAILBOX_FIRST SIZE_MAX
int mailbox_read_stored(struct mailbox *, size_t index, mailbox_line *,
    void *context) __attribute__((warn_unused_result));

/* The changes of a session; arrays have an element for each message. */
struct mailbox_update {
	const bool *deleted; /* these go */
	const bool *read;    /* these are marked for mail readers; or NULL */
	/*
	 * NULL, or what keeps messages before they go: those of the list whose
	 * gone[index] is set, which can be read from the file.  0, or -1 with
	 * errno, and then nothing is removed.
	 */
	int (*keep)(void *context, int mailbox, const struct message *list,
	    const bool *gone, size_t count);
	void *context;
	/* NULL, or what hears that what went may come back after a crash. */
	bool *unsynced;
};

/*
 * Does that, the removal durably.  0, or -1 with errno: EWOULDBLOCK (locked for
 * timeout ms) and nothing is removed.  Messages that somebody else removed
 * meanwhile are nothing to complain of.
 */
int mailbox_update(struct mailbox *, const struct mailbox_update *, int timeout)
    __attribute__((warn_unused_result));

#endif
