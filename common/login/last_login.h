/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_LOGIN_LAST_LOGIN_H
#define RESTANTE_COMMON_LOGIN_LAST_LOGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * When, whence and how a user logged in last: a file for each protocol in the
 * user's directory, restante-spool(5).  Never synced: after a power cut the
 * file may hold the login before.
 */

struct last_login {
	int64_t when; /* seconds since 1970 */
	char protocol[8];
	char address[64];
};

enum { LAST_LOGIN_LINE = 96 }; /* octets of such a file */

/* The names of the files, of "pop3" and "smtp". */
#define LAST_LOGIN_POP3 "last-login.pop3"
#define LAST_LOGIN_SMTP "last-login.smtp"

/* Writes the line of a login, filled with blanks and ended by LF, not NUL. */
void last_login_format(const struct last_login *, char line[LAST_LOGIN_LINE]);

/* Parses such a line; false if it is malformed. */
bool last_login_parse(const char line[LAST_LOGIN_LINE], struct last_login *);

/*
 * Reads, and writes, a file by name in the user's directory.  0, or -1 with
 * errno; EINVAL: the file is malformed.
 */
int last_login_read(const char *directory, const char *name,
    struct last_login *) __attribute__((warn_unused_result));

/* Records a login that has just succeeded; logs a failure to write it. */
void last_login_note(
    const char *directory, const char *name, const char *address, bool tls);

#endif
