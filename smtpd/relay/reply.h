/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_RELAY_REPLY_H
#define RESTANTE_SMTPD_RELAY_REPLY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * What an SMTP or LMTP server answers (RFC 5321 section 4.2).  Pure; the
 * server is not trusted: whatever it sends, this is bounded.
 */

enum {
	REPLY_TEXT = 8 * 1024,   /* octets that are kept */
	REPLY_LINES = 100,       /* lines that are kept */
	REPLY_FLOOD = 64 * 1024, /* octets of one reply that are read */
};

enum reply_state {
	REPLY_MORE,     /* not at its end yet */
	REPLY_DONE,     /* code and text are there */
	REPLY_NONSENSE, /* no reply: no code, several codes, NUL, endless */
};

struct reply {
	enum reply_state state;
	unsigned code;     /* 0 to 999 */
	char enhanced[12]; /* "5.1.1" (RFC 2034), or "" */
	const char *wrong; /* REPLY_NONSENSE: what, for people */
	unsigned lines;
	size_t len; /* of text */
	/* What stands behind the codes, lines separated by LF; control
	   characters have become question marks. */
	char text[REPLY_TEXT + 1];
	/* The reader's own. */
	size_t seen, column;
	unsigned line_code;
	bool last, cr;
};

void reply_start(struct reply *);

/*
 * Takes octets up to the end of the reply; answers how many of them it took.
 * Lines may end in a bare LF.
 */
size_t reply_feed(struct reply *, const char *data, size_t len);

/* For people: "550 5.1.1 No such user / ask somebody else", cut to size. */
const char *reply_words(const struct reply *, char *buf, size_t size);

/* What to make of a reply. */
enum phase {
	PHASE_GREETING,
	PHASE_HELLO,
	PHASE_STARTTLS,
	PHASE_AUTH,
	PHASE_RSET,
	PHASE_MAIL,
	PHASE_RCPT,
	PHASE_DATA,
	PHASE_DOT, /* what follows the message itself */
};

/* The command as people know it: "RCPT TO". */
const char *reply_phase(enum phase);

enum judgement {
	JUDGE_GOOD,
	JUDGE_LATER,    /* refuses this for now */
	JUDGE_NEVER,    /* refuses this message or recipient for good */
	JUDGE_TOO_MANY, /* recipients in this transaction */
	JUDGE_DEAD,     /* refuses us, or everybody */
	JUDGE_NONSENSE, /* not an answer to that: the talk is out of step */
};

/*
 * Only a clear refusal of this message or recipient is JUDGE_NEVER.  What says
 * that we have to log in, or (smarthost) that it will not relay for us, is
 * about us and can be mended.
 */
enum judgement reply_judge(const struct reply *, enum phase, bool smarthost);

/* Whether it refuses the address that we come from (X.7.1, X.7.25 to 27). */
bool reply_is_policy(const struct reply *);

#endif
