/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_FILTER_FILTER_PRIVATE_H
#define RESTANTE_SMTPD_FILTER_FILTER_PRIVATE_H

#include "common/milter/milter.h"
#include "common/milter/place.h"
#include "smtpd/filter/filter.h"
#include "spool/mail.h"

#include <stdint.h>

/* ---- filter_talk.c: packets over a socket, each with a deadline ---- */

enum {
	TALK_OUT = 256 * 1024,
	TALK_IN = PACKET_MOST + PACKET_HEAD,
	TALK_REPLY = 30 * 1000, /* ms for an answer before the end of data */
};

struct talk {
	int fd;
	int64_t end;       /* of everything */
	struct writer out; /* not yet sent */
	char *in;          /* not yet taken */
	size_t in_len, in_used;
	const char *fault; /* why it failed */
};

/* Connects, while files can be opened.  0, or -1 with errno. */
int talk_connect(struct talk *, const struct milter_place *, int patience);
/* Has memory for packets.  0, or -1: there is none. */
int talk_begin(struct talk *, int patience);
/* Sends what was written.  0, or -1: the fault is there. */
int talk_send(struct talk *);
/* Makes room in out for so many octets. */
int talk_room(struct talk *, size_t);
/* Sends, and takes the next packet; it stays until the next call. */
int talk_receive(struct talk *, int64_t deadline, struct packet *);
/* True if the filter has said something that nobody has taken. */
bool talk_is_ahead(struct talk *);

/* ---- one message and one filter ---- */

struct filtering {
	const struct config *config;
	const struct peer *peer;
	enum role role;
	const char *user;
	const char *name; /* of the filter, as configured */
	struct filter_question question;
	struct mail mail;

	int fd;
	size_t size;  /* of the message */
	char *header; /* its first octets, */
	size_t room;
	size_t body;    /* where its body begins */
	bool too_long;  /* its header section is */
	size_t new_end; /* of another body, which lies after the message */
	bool cr;        /* that has ended with a CR so far */
	char last;      /* octet of it */

	struct edits edits;
	struct milter milter;
	struct talk talk;
};

/* ---- filter_message.c: the file ---- */

/* Reads the header section.  0, or -1: errno. */
int filter_read(struct filtering *);
/* Reads a piece of the body, with CRLF.  Octets of it, 0 at the end; -1. */
ssize_t filter_read_body(struct filtering *, size_t *at, char out[PACKET_SENT]);
/* Keeps a piece of another body.  0, or -1: errno. */
int filter_keep_piece(struct filtering *, const struct packet *);
/* Takes it back.  0, or -1: errno. */
int filter_drop_pieces(struct filtering *);
/* Makes the message what the filter wants.  0, or -1: the file may be neither.
 */
int filter_rewrite(struct filtering *);

/* ---- filter_macros.c ---- */

/* Writes the macros of a stage, if it has some; rcpt: for MILTER_RCPT. */
void filter_macros(struct filtering *, enum milter_stage, const char *rcpt);

/* ---- filter_replay.c ---- */

enum filter_played {
	FILTER_PLAYED, /* the outcome is the milter's */
	FILTER_FAULT,  /* the fault is the milter's, or the talk's */
	FILTER_BROKEN, /* the file could not be read or written: errno */
};

/* Replays the message. */
enum filter_played filter_replay(struct filtering *);

#endif
