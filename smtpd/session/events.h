/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SESSION_EVENTS_H
#define RESTANTE_SMTPD_SESSION_EVENTS_H

#include "smtpd/session/reply.h"
#include "smtpd/session/session.h"

/*
 * The log lines of a session: one line for each event, in the form of Postfix,
 * so that programs that read Postfix's logs can read ours.  For sessions of
 * programs on this machine, only their messages are logged.
 */

enum { EVENT_CLIENT = 96, EVENT_TEXT = REPLY_TEXT + 512 };

/* The client: "unknown[192.0.2.1]".  Returns text. */
const char *event_client(const struct session *, char text[EVENT_CLIENT]);

/*
 * "connect from", which also counts the session; "disconnect from", with how
 * often each command was given.  Of a session without the first one nothing is
 * logged about its connection.
 */
void event_connect(struct session *);
void event_disconnect(const struct session *);

/* "TLS connection established from"; "SSL_accept error from". */
void event_tls(const struct session *);
void event_tls_failed(const struct session *, const char *why);

/* How the session ends: "lost connection", "timeout", "too many errors". */
void event_end(const struct session *, const char *how);

/* A login that was right; one that was not, and why. */
void event_login(const struct session *);
void event_login_failed(const struct session *, const char *method,
    const char *why, const char *name);

/*
 * A refusal.  where: "NOQUEUE" or the message's id; stage: RCPT, MAIL, DATA,
 * END-OF-MESSAGE; args: of the reply's text, or NULL; to: the recipient that it
 * is about, or NULL.
 */
void event_reject(const struct session *, const char *where, const char *stage,
    enum smtp_reply, const char *const *args, const struct address *to);

/* The same in the words of another server: a line with its codes. */
void event_reject_line(const struct session *, const char *where,
    const char *stage, enum smtp_reply, const char *line,
    const struct address *to);

/* Something that a filter has done to a message: "reject", "discard", "hold".
 */
void event_filter(const struct session *, const char *what, const char *text);

/* A client that is not served at all, as struct service has it. */
void event_refused(const char *address, const char *reply, const char *why);

/*
 * Writes the text that is logged for a reply at that stage: its codes, then its
 * words for the log; subject: the recipient or sender that it is about.
 * Returns text.
 */
const char *event_words(enum smtp_reply, const char *const *args,
    const char *stage, const char *subject, char text[EVENT_TEXT]);

/* A message has come in whole: from whom, and its Message-ID ("": none). */
void event_message(
    const struct session *, const char *id, const char *message_id);

#endif
