/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SEND_SUBMISSION_H
#define RESTANTE_SMTPD_SEND_SUBMISSION_H

#include "smtpd/message/recipients.h"
#include "smtpd/send/input.h"
#include "smtpd/send/reserve.h"
#include "spool/mail.h"

/*
 * A small SMTP client.  Its server is a session of ours: that of the server at
 * the submission socket, else one in a process of its own, for which the user
 * needs the right to write to the queue.
 */

struct submission {
	const char *sender; /* as SMTP writes it; "": null */
	const struct recipients *recipients;
	const char *head; /* header section, lines end in LF */
	size_t head_len;
	struct input *body;
	bool seven_bit;
	unsigned notify; /* RFC 3461: as bits, 0: not given */
	enum ret ret;
	const char *envid; /* xtext, or "" */
	bool somebody;     /* gets it already: in another transaction */
};

/*
 * Has the server at the submission socket change the password of whoever runs
 * us.  An exit status; a refusal is logged.
 */
int submission_password(const struct config *, const char *before,
    const char *after) __attribute__((warn_unused_result));

/* An exit status of sysexits.h, after an error; 0 when it is durable. */
int submission_send(struct reserve *, const struct submission *)
    __attribute__((warn_unused_result));

#endif
