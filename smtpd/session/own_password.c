/* SPDX-License-Identifier: ISC */
/*
 * XPASSWD, for our own smtpd --passwd at the local socket alone: a user of this
 * machine changes the password of the same name.  Both passwords come in
 * base64, the present one first.
 */
#include "common/job/own_password.h"

#include "common/io/deadline.h"
#include "common/text/base64.h"
#include "smtpd/session/commands.h"
#include "smtpd/session/reply.h"
#include "smtpd/session/session.h"

#include <string.h>

enum { MOST_FAILURES = 3 };

/* One of the two; false: no base64, too long, or with a NUL. */
static bool
decode(const char *text, size_t len, char *password, size_t size)
{
	ssize_t n = base64_decode(text, len, password, size - 1);

	if (n == -1 || memchr(password, '\0', (size_t)n) != NULL) {
		return false;
	}
	password[n] = '\0';
	return true;
}

static bool
parse(const char *argument, struct own_password *p)
{
	size_t n = strcspn(argument, " ");

	return argument[n] == ' ' &&
	       decode(argument, n, p->before, sizeof(p->before)) &&
	       decode(argument + n + 1, strlen(argument + n + 1), p->after,
		   sizeof(p->after));
}

static enum next
tell(struct session *s, struct own_answer *a)
{
	a->reason[sizeof(a->reason) - 1] = '\0';
	switch ((enum own_result)a->result) {
	case OWN_CHANGED:
		return reply_send(s, REPLY_PASSWORD_CHANGED);
	case OWN_WEAK:
		return reply_send_with(
		    s, REPLY_PASSWORD_WEAK, REPLY_ARGS(a->reason));
	case OWN_SYSTEM:
		return reply_send(s, REPLY_PASSWORD_SYSTEM);
	case OWN_NOBODY:
		break;
	}
	return reply_send(s, REPLY_PASSWORD_NOBODY);
}

enum next
command_xpasswd(struct session *s, char *argument)
{
	struct own_answer answer = { .result = OWN_NOBODY };
	struct own_password p = { .before = "" };
	int64_t started = deadline_now();

	if (s->connection->role != ROLE_LOCAL) {
		return reply_send(s, REPLY_UNKNOWN);
	}
	bool good = parse(argument, &p);
	enum status status = STATUS_TEMPORARY;
	if (good) {
		status = channel_ask(s->connection->channel, REQUEST_PASSWD, &p,
		    sizeof(p), &answer, sizeof(answer));
	}
	explicit_bzero(&p, sizeof(p));
	if (!good) {
		return reply_send(s, REPLY_PASSWORD_SYNTAX);
	}
	if (status == STATUS_OK) {
		return tell(s, &answer);
	}
	if (status != STATUS_NO) {
		return reply_send(s, REPLY_PASSWORD_LATER);
	}
	deadline_sleep(started + AUTH_DELAY);
	return auth_refuse(s, REPLY_PASSWORD_WRONG, MOST_FAILURES);
}
