/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SESSION_COMMANDS_H
#define RESTANTE_SMTPD_SESSION_COMMANDS_H

#include "common/session/command.h"
#include "smtpd/session/reply.h"

/* The commands of SMTP. */
extern const struct command commands_smtp[];

/* Replies to a command that the table forbids. */
enum next commands_refuse(
    struct session *, const struct command *, enum refusal);

/* Those that have files of their own: transaction.c, data.c, auth.c,
   own_password.c. */
enum next command_mail(struct session *, char *);
enum next command_rcpt(struct session *, char *);
enum next command_data(struct session *, char *);
enum next command_bdat(struct session *, char *);
enum next command_auth(struct session *, char *);
enum next command_xpasswd(struct session *, char *);

/* For both that check passwords: */
enum { AUTH_DELAY = 1000 }; /* ms from an attempt to its refusal */

/* Refuses a password; the most-th one in a session ends it. */
enum next auth_refuse(struct session *, enum smtp_reply, unsigned most);

#endif
