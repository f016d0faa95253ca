/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_MILTER_MILTER_H
#define RESTANTE_COMMON_MILTER_MILTER_H

#include "common/milter/edits.h"
#include "common/milter/packet.h"
#include "common/text/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One filter that looks at one message: the mail server's side of the milter
 * protocol, version 6, without I/O.  Packets for the filter are written by the
 * functions here, and each of its answers is taken by one of them.
 */

/* The commands that a filter is sent, in their order. */
enum milter_stage {
	MILTER_CONNECT,
	MILTER_HELO,
	MILTER_MAIL,
	MILTER_RCPT, /* once for each recipient */
	MILTER_DATA,
	MILTER_HEADER, /* once for each field */
	MILTER_EOH,    /* the end of the header section */
	MILTER_BODY,   /* once for each piece */
	MILTER_EOM,    /* the end of the message: edits come now */
	MILTER_STAGES,
};

enum milter_turn {
	MILTER_NEXT,   /* send what comes next */
	MILTER_SKIP,   /* the same, but nothing more of this stage */
	MILTER_MORE,   /* another answer comes */
	MILTER_PIECE,  /* the same, and this is a piece of another body */
	MILTER_OVER,   /* the outcome is there */
	MILTER_BROKEN, /* the fault is there: the filter is not to be relied on
	                */
};

enum milter_outcome {
	MILTER_ACCEPT,
	MILTER_REPLY, /* the message is refused with line */
	MILTER_DISCARD,
};

enum {
	MILTER_LINE = 512,
	MILTER_REASON = 200,
	MILTER_RCPTS = 1024,      /* recipients that a filter can delete */
	MILTER_ADDED = 800,       /* octets of those that it adds */
	MILTER_PACKETS = 1000000, /* answers to one message */
	MILTER_SYMBOLS = 256,  /* octets of the names of macros of one stage */
	MILTER_COMMAND = 4096, /* octets that a command may need, but for
	                          those with fields, pieces and macros */
};

struct milter {
	/* Set before anything else; the strings are the envelope's. */
	struct edits *edits;
	const char *const *rcpts;
	size_t nrcpts;

	uint32_t steps; /* what the filter wants, and does not */
	char symbols[MILTER_STAGES][MILTER_SYMBOLS]; /* "": the usual macros */
	size_t packets;
	size_t refused; /* of the recipients */

	const char *fault; /* what is wrong with the filter */
	enum milter_outcome outcome;
	char line[MILTER_LINE];     /* 550 5.7.1 text */
	char reason[MILTER_REASON]; /* it is to be held; "": it is not */
	bool flagged;  /* by X-Spam-Flag, the field that counts here */
	bool marked;   /* the filter calls it spam by a field, or for some */
	bool edited;   /* the header section is another one */
	bool replaced; /* so is the body */
	bool new_sender;
	char sender[ADDRESS_TEXT];               /* "": the null path */
	unsigned char deleted[MILTER_RCPTS / 8]; /* bits, by number */
	char added[MILTER_ADDED];                /* strings with NUL */
	size_t added_len;
};

/* ---- what the filter is sent ---- */

/* The offer of options, which comes first. */
void milter_offer(struct writer *);

/* The client; family: '4', '6', or 'U' for one that has no address. */
void milter_connect(struct writer *, const char *host, char family,
    unsigned port, const char *address);

/* Text, which HELO has, or an address in brackets with parameters, or
   nothing. */
void milter_helo(struct writer *, const char *name);
void milter_mail(
    struct writer *, const char *sender, const char *const *params);
void milter_rcpt(struct writer *, const char *recipient);
void milter_bare(struct writer *, enum milter_stage);
/* A field as the filter wants it; false: filters do not see this one. */
bool milter_header(
    const struct milter *, struct writer *, const struct edit_field *);
/* Begins the macros of a stage, and names one; packet_end() ends them. */
size_t milter_macros(struct writer *, enum milter_stage);
void milter_macro(struct writer *, const char *name, const char *value);
void milter_body(struct writer *, const char *data, size_t len);
void milter_quit(struct writer *);

/* ---- what it answers ---- */

/* Takes the answer to the offer; false: the fault is there. */
bool milter_negotiate(struct milter *, const struct packet *);

/* True if the filter wants that command, and if it answers it. */
bool milter_wants(const struct milter *, enum milter_stage);
bool milter_answers(const struct milter *, enum milter_stage);

/* Takes an answer at a stage. */
enum milter_turn milter_take(
    struct milter *, enum milter_stage, const struct packet *);

/* All recipients have been sent: the filter may have refused them all. */
enum milter_turn milter_rcpts_over(struct milter *);

/* Writes the field that counts here, X-Spam-Flag, on top of a message that the
   filter has marked otherwise.  0, or -1: there is no memory for it. */
int milter_flag(struct milter *);

/* True if the filter has deleted the recipient with that number. */
bool milter_is_deleted(const struct milter *, size_t);

#endif
