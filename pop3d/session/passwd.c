/* SPDX-License-Identifier: ISC */
/*
 * Port 106, where webmail programs change passwords for their users: USER, PASS
 * with the present password, NEWPASS, QUIT; 200 is the reply to what was done,
 * and 500 to what was not.  No RFC has this protocol; these are the verbs and
 * the replies that its clients know.  Only programs of this machine come here.
 *
 * Whatever is no command ends the session, before somebody can say more: the
 * header of a proxy is none, nor is what a browser sends.
 */
#include "common/io/deadline.h"
#include "common/job/own_password.h"
#include "common/log/log.h"
#include "common/log/stats.h"
#include "common/sasl/sasl.h"
#include "common/session/secure.h"
#include "pop3d/session/session.h"

#include <string.h>

enum {
	MOST_FAILURES = 3,
	FAILURE_DELAY = 1000, /* ms from PASS to its refusal */
};

enum passwd_reply {
	SAY_WRONG,
	SAY_LATER,
	SAY_LATER_CHANGE,
	SAY_NO_COMMAND,
	SAY_ORDER,
	SAY_LINE,
	SAY_SLOW,
	SAY_SHUTDOWN,
	SAY_ERRORS,
	SAY_NAME_LONG,
	SAY_USER_FIRST,
	SAY_NEEDS_TLS,
	SAY_SYSTEM,
	SAY_NOBODY,
	SAY_WEAK, /* reason */
	SAY_LONG,
};

/* Refusals; some ask for what a person at a web page can do. */
static const char *const texts[] = {
	[SAY_WRONG] = "Wrong name or password",
	[SAY_LATER] = "Cannot check passwords now, try again soon",
	[SAY_LATER_CHANGE] = "Cannot change the password now, try again soon",
	[SAY_NO_COMMAND] = "USER, PASS, NEWPASS and QUIT are the commands here",
	[SAY_ORDER] = "The order is USER, PASS, NEWPASS, QUIT",
	[SAY_LINE] = "A line is too long, or holds NUL or a bare CR",
	[SAY_SLOW] = "Too slow, closing",
	[SAY_SHUTDOWN] = "Shutting down, try again soon",
	[SAY_ERRORS] = "Too many errors, closing",
	[SAY_NAME_LONG] = "Name too long",
	[SAY_USER_FIRST] = "USER comes first",
	[SAY_NEEDS_TLS] = "Passwords need TLS here",
	[SAY_SYSTEM] = "This is the system's password: passwd(1) changes it",
	[SAY_NOBODY] = "There is no password of yours here",
	[SAY_WEAK] = "The password %s: choose another one",
	[SAY_LONG] = "The password is too long: 255 octets are the most",
};

/* Refuses.  fault: it is an error of the client's. */
static enum next
refuse(
    struct session *s, enum passwd_reply reply, const char *reason, bool fault)
{
	char text[256];

	s->counts.errors++;
	if (fault) {
		offence_report(s->connection, OFFENCE_SYNTAX);
	}
	offence_delay(s->connection);
	stream_printf(s->stream, "500 %s\r\n",
	    reply_text_fill(
		texts[reply], REPLY_ARGS(reason), text, sizeof(text)));
	return NEXT_COMMAND;
}

/* The same, and the session is over. */
static enum next
end(struct session *s, enum passwd_reply reply, bool fault)
{
	refuse(s, reply, "", fault);
	return NEXT_END;
}

static enum next
user(struct session *s, char *name)
{
	if (!secure_for_passwords(s->connection, s->stream)) {
		return end(s, SAY_NEEDS_TLS, false);
	}
	if (config_system_users(s->config)) {
		return end(s, SAY_SYSTEM, false);
	}
	name += strspn(name, " ");
	if (strlcpy(s->login.name, name, sizeof(s->login.name)) >=
	    sizeof(s->login.name)) {
		return end(s, SAY_NAME_LONG, true);
	}
	/* The reply is the same for every name, so that it tells no users. */
	stream_printf(s->stream, "200 The present password, please\r\n");
	return NEXT_COMMAND;
}

/* As long for a known user as for an unknown one. */
static enum next
failed(struct session *s, int64_t started)
{
	char name[LOGIN_NAME + 1];

	stats_login(sasl_name(MECHANISM_PLAIN), false);
	log_warn("LOGIN FAILED, user=%s, ip=[%s], port=[%u], for a new "
		 "password",
	    log_value(s->login.name, name, sizeof(name)), s->peer->address,
	    s->peer->port);
	deadline_sleep(started + FAILURE_DELAY);
	refuse(s, SAY_WRONG, "", false);
	return ++s->failures >= MOST_FAILURES ? NEXT_END : NEXT_COMMAND;
}

/* The password is kept: it is checked once more when another takes its place.
 */
static enum next
pass(struct session *s, char *password)
{
	int64_t started = deadline_now();
	enum status status = STATUS_NO;

	if (s->login.name[0] == '\0') {
		return end(s, SAY_USER_FIRST, true);
	}
	s->login.mechanism = MECHANISM_PLAIN;
	if (stream_flush(s->stream) == -1) {
		return NEXT_END;
	}
	if (strlcpy(s->login.secret, password, sizeof(s->login.secret)) <
	    sizeof(s->login.secret)) {
		status = channel_call(s->connection->channel, REQUEST_LOGIN,
		    &s->login, LOGIN_SIZE(0));
	}
	stream_forget(s->stream);
	if (status == STATUS_OK) {
		s->state = STATE_TRANSACTION;
		stats_login(sasl_name(MECHANISM_PLAIN), true);
		stream_printf(s->stream, "200 The new password, please\r\n");
		return NEXT_COMMAND;
	}
	explicit_bzero(s->login.secret, sizeof(s->login.secret));
	return status == STATUS_NO ? failed(s, started)
	                           : end(s, SAY_LATER, false);
}

/* Says what has become of the change. */
static enum next
tell(struct session *s, const struct own_answer *a)
{
	switch ((enum own_result)a->result) {
	case OWN_CHANGED:
		s->state = STATE_UPDATE;
		explicit_bzero(s->login.secret, sizeof(s->login.secret));
		stream_printf(s->stream, "200 The password is changed\r\n");
		return NEXT_COMMAND;
	case OWN_WEAK:
		return refuse(s, SAY_WEAK, a->reason, false);
	case OWN_SYSTEM:
		return end(s, SAY_SYSTEM, false);
	case OWN_NOBODY:
		break;
	}
	return end(s, SAY_NOBODY, false);
}

static enum next
newpass(struct session *s, char *password)
{
	struct own_answer answer = { .result = OWN_NOBODY };
	struct own_password p = { .before = "" };

	if (strlcpy(p.after, password, sizeof(p.after)) >= sizeof(p.after)) {
		explicit_bzero(&p, sizeof(p));
		return refuse(s, SAY_LONG, "", false);
	}
	strlcpy(p.before, s->login.secret, sizeof(p.before));
	stream_forget(s->stream);
	enum status status = channel_ask(s->connection->channel, REQUEST_PASSWD,
	    &p, sizeof(p), &answer, sizeof(answer));
	explicit_bzero(&p, sizeof(p));
	answer.reason[sizeof(answer.reason) - 1] = '\0';
	if (status == STATUS_OK) {
		return tell(s, &answer);
	}
	/* Somebody else has changed it since PASS. */
	return end(
	    s, status == STATUS_NO ? SAY_WRONG : SAY_LATER_CHANGE, false);
}

static enum next
quit(struct session *s, char *argument)
{
	(void)argument;
	s->ending = ENDING_QUIT;
	stream_printf(s->stream, "200 Bye\r\n");
	return NEXT_END;
}

enum { ANY = STATE_AUTHORIZATION | STATE_TRANSACTION | STATE_UPDATE };

static const struct command commands[] = {
	{ "USER", STATE_AUTHORIZATION, ARG_REQUIRED, user },
	{ "PASS", STATE_AUTHORIZATION, ARG_REQUIRED, pass },
	{ "NEWPASS", STATE_TRANSACTION, ARG_REQUIRED, newpass },
	{ "QUIT", ANY, ARG_NONE, quit },
	{ NULL, 0, ARG_NONE, NULL },
};

/* ---- the command loop ---- */

static unsigned
state(const struct session *s)
{
	return s->state;
}

static bool
always(const struct session *s)
{
	(void)s;
	return true;
}

static void
excess(struct session *s, enum excess what)
{
	(void)what;
	refuse(s, SAY_ERRORS, "", false);
}

static enum next
bad_line(struct session *s, enum line got, const char *line)
{
	(void)line;
	switch (got) {
	case LINE_LONG:
	case LINE_BAD:
	case LINE_FLOOD:
		return end(s, SAY_LINE, true);
	case LINE_TIMEOUT:
	case LINE_LATE:
		s->ending = ENDING_TIMEOUT;
		return end(s, SAY_SLOW, false);
	case LINE_SHUTDOWN:
		return end(s, SAY_SHUTDOWN, false);
	case LINE_OK:
	case LINE_EOF:
		break;
	}
	return NEXT_END;
}

static enum next
refuse_command(
    struct session *s, const struct command *command, enum refusal why)
{
	(void)command;
	return end(s, why == REFUSE_UNKNOWN ? SAY_NO_COMMAND : SAY_ORDER, true);
}

void
passwd_converse(struct session *s)
{
	enum line_check (*const checks[])(struct session *, char *) = { NULL };
	const struct dialogue dialogue = {
		.commands = commands,
		.state = state,
		.longest = LINE_COMMAND,
		.longest_auth = LINE_COMMAND,
		.must_log_in = always,
		.must_progress = always,
		.excess = excess,
		.bad_line = bad_line,
		.checks = checks,
		.refuse = refuse_command,
	};

	stream_printf(s->stream, "200 restante at %s: who is it?\r\n",
	    s->config->hostname);
	stream_interruptible(s->stream, true);
	dialogue_run(&dialogue, s, s->stream, &s->counts);
	explicit_bzero(s->login.secret, sizeof(s->login.secret));
}
