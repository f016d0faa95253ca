/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_MAIL_H
#define RESTANTE_SPOOL_MAIL_H

#include "common/names/names.h"
#include "common/text/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/*
 * A message's envelope as the queue keeps it, and the text head of a queue
 * file that says it (restante-queue(5)).  Pure but for memory.
 */

enum {
	MAIL_ID = 12,                  /* characters of an id */
	MAIL_ENVID = 100,              /* RFC 3461 section 4.4, as xtext */
	MAIL_ORCPT = 500,              /* RFC 3461 section 4.2, as xtext */
	MAIL_TEXT = 1024,              /* a recipient and its NUL: commands */
	MAIL_RECIPIENTS = 100000,      /* in one file */
	MAIL_REASON = 199,             /* why it is held */
	MAIL_REFUSAL = 255,            /* why a recipient is refused */
	MAIL_HEAD = 64 * 1024 * 1024,  /* octets of a head that we believe */
	MAIL_HOLD = 30 * 24 * 60 * 60, /* seconds that one may be held for */
	MAIL_PRIORITY = 9              /* from the negative of it, RFC 6710 */
};

/* RFC 3461 section 4.1, as bits; 0: the client did not say. */
enum notify {
	NOTIFY_NEVER = 1,
	NOTIFY_SUCCESS = 2,
	NOTIFY_FAILURE = 4,
	NOTIFY_DELAY = 8,
};

/* RFC 3461 section 4.3. */
enum ret { RET_UNSAID, RET_FULL, RET_HDRS };

/* RFC 2852: the sender hears when it is late, or it comes back. */
enum by_mode { BY_UNSAID, BY_NOTIFY, BY_RETURN };

struct deliver_by {
	enum by_mode mode;
	bool trace;  /* the sender hears of each server that it is handed to */
	time_t time; /* when it is late */
};

enum target {
	TARGET_ADDRESS, /* a@b, to be routed */
	TARGET_USER,    /* a user of this machine, a user_name() */
	TARGET_FILE,    /* an absolute path, appended to as an mbox */
	TARGET_PIPE,    /* a command with its arguments, fed the message */
};

enum recipient_state {
	RECIPIENT_WAITING,
	RECIPIENT_SENT,
	RECIPIENT_EXPANDED, /* its mail goes on in another file */
	RECIPIENT_FAILED,   /* and whoever must know has been told */
	RECIPIENT_REMOVED,  /* by the administrator */
};

/* The part that changes during a message's life: a slot. */
struct slot_state {
	enum recipient_state state;
	bool delay_notice; /* was sent */
	unsigned attempts; /* stays at 9999 */
	time_t next;       /* not to be tried before; 0: at once */
	time_t last;       /* when it was tried; 0: never */
};

struct recipient {
	enum target target;
	const char *text;  /* address, user, path or command */
	const char *given; /* the address that the sender wrote; "": text */
	const char *owner; /* TARGET_FILE, TARGET_PIPE: run as that user */
	const char *orcpt; /* "type;xtext" as it came, or "" */
	unsigned notify;   /* bits of enum notify */
	struct slot_state slot;
	const char *refused; /* why it only is to be reported, or "" */
};

struct mail {
	char id[MAIL_ID + 1];
	time_t arrival;
	char sender[ADDRESS_TEXT];  /* "" for the null path */
	char user[USER_NAME + 1];   /* that submitted it, or "" */
	char client[64];            /* the address it came from, or "local" */
	char envid[MAIL_ENVID + 1]; /* xtext, or "" */
	enum ret ret;
	bool eight_bit;    /* BODY=8BITMIME */
	bool utf8;         /* SMTPUTF8 */
	bool need_tls;     /* REQUIRETLS: over verified TLS */
	bool tls_optional; /* TLS-Required: No; not both */
	bool marked;       /* as spam: it is not forwarded to other hosts */
	char held[MAIL_REASON + 1]; /* why it waits in hold/ at first, or "" */
	struct deliver_by by;
	time_t hold;   /* FUTURERELEASE: not to be sent before; 0: at once */
	int priority;  /* MT-PRIORITY: higher ones go first */
	uint64_t size; /* octets of the body in wire form */
	struct recipient *recipients;
	size_t count, room;
	struct mail_text *texts; /* where their strings are, for mail_free() */
};

/* An empty one; a fresh id, arrival now. */
void mail_init(struct mail *);
void mail_free(struct mail *);

/*
 * Adds a copy of the recipient and its strings (NULL is "").  0, or -1 with
 * errno: ENOMEM; EINVAL: a control character or too long; E2BIG: too many.
 */
int mail_add(struct mail *, const struct recipient *)
    __attribute__((warn_unused_result));

/* True if a recipient can be written down: lengths, no control characters. */
bool mail_is_recipient(const struct recipient *);

/* True if a mail has an id, somebody to send it to, and sane numbers. */
bool mail_is_valid(const struct mail *);

/*
 * True if somebody of ours wrote it, by what the server knew of the client: a
 * user, a program here, or we ourselves (a report).  Mail that strangers
 * brought stays theirs, whoever forwards it.
 */
bool mail_is_ours(const struct mail *);

/* When its time begins: that of its arrival, or that it was held until. */
time_t mail_begins(const struct mail *);

/*
 * True if a recipient of it is held: its slot says the same time as the mail,
 * which is to come.  One further away than any is a clock that has jumped.
 */
bool mail_is_held(const struct mail *, const struct slot_state *, time_t now);

/*
 * True if it is lost rather than sent otherwise than by REQUIRETLS: reports are
 * not (RFC 8689 section 5).
 */
bool mail_insists_on_tls(const struct mail *);

/* Starts child as a message of parent's envelope, but for its recipients. */
void mail_inherit(struct mail *child, const struct mail *parent);

/*
 * An id made from that of another message and from what becomes of it, so that
 * what was done before a crash is not done again: begin, add, end.
 */
struct mail_derived {
	uint64_t hash;
};
void mail_derive(struct mail_derived *, const char *id);
void mail_derive_add(struct mail_derived *, const char *what, size_t number);
void mail_derived_id(const struct mail_derived *, char id[MAIL_ID + 1]);

/* A fresh id: letters and digits. */
void mail_new_id(char id[MAIL_ID + 1]);
bool mail_is_id(const char *text);

/* ---- the head of a file ---- */

enum {
	MAIL_LINE = 32,       /* octets of the first line and of each slot */
	MAIL_SIZE_DIGITS = 12 /* always so many: it is put in afterwards */
};

/* The letters of targets there, in the order of the enum. */
extern const char mail_targets[];

/*
 * The head as text, to be freed; NULL with errno (as mail_add(); EINVAL also
 * for nobody to send it to).
 */
char *mail_head(const struct mail *, size_t *len);

/* True for the first line of a version of the format that comes after ours. */
bool mail_is_later(const char line[MAIL_LINE]);

/* Puts the size of the body into such a text: its length stays.  0 or -1. */
int mail_head_size(char *head, size_t len, uint64_t size)
    __attribute__((warn_unused_result));

/* The octets of a slot. */
void mail_slot(const struct slot_state *, char line[MAIL_LINE]);

/* A room for strings that recipients point to; freed by mail_free(). */
char *mail_strings(struct mail *, size_t size);

enum mail_parsed {
	MAIL_OK,
	MAIL_SHORT,
	MAIL_DAMAGED,
	MAIL_LATER,
	MAIL_NO_MEMORY
};

/*
 * Reads a head.  MAIL_OK: *len is where the body begins, and the mail is to be
 * freed; MAIL_SHORT: more octets are needed; MAIL_LATER: it is whole for all we
 * know, but of a version of the format that we do not.  A slot whose state is
 * readable and whose numbers are not counts as due now.
 */
enum mail_parsed mail_parse(
    struct mail *, const char *data, size_t size, size_t *len);

#endif
