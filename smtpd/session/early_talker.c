/* SPDX-License-Identifier: ISC */
/* Early talkers, and pipelining where there must be none. */
#include "smtpd/session/early_talker.h"

#include "common/io/deadline.h"
#include "common/log/log.h"
#include "common/log/stats.h"
#include "smtpd/session/bad_line.h"
#include "smtpd/session/events.h"
#include "smtpd/session/exempt.h"
#include "smtpd/session/reply.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <strings.h>

enum { SHOWN = 100 }; /* octets of what was said, in the log */

/* True if the client has sent something that is not read yet. */
static bool
has_spoken(struct session *s)
{
	const char *data;

	return stream_buffered(s->stream, &data) > 0 ||
	       stream_poll(s->stream) == LINE_OK;
}

/* Counts and logs it, in words that readers of logs know from Postfix. */
static void
note_early(const struct session *s, const char *after)
{
	const char *said;
	size_t len = stream_buffered(s->stream, &said);
	char line[SHOWN + 1], client[EVENT_CLIENT];

	len = len < SHOWN ? len : SHOWN;
	memcpy(line, said, len);
	line[len] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	const char *verb = command_counts_verb(line);
	bool secret = strcmp(verb, "AUTH") == 0 || strcmp(verb, "UNKNOWN") == 0;
	stats_add(STATS_REJECTED_POLICY, 1);
	log_info("improper command pipelining after %s from %s: %s", after,
	    event_client(s, client), secret ? verb : line);
}

/* The wait has ended before its time; false if it has to go on. */
static bool
was_early(struct session *s)
{
	switch (stream_poll(s->stream)) {
	case LINE_OK:
		note_early(s, "CONNECT");
		reply_send_with(
		    s, REPLY_EARLY, REPLY_ARGS(session_hostname(s)));
		return true;
	case LINE_TIMEOUT: /* of TLS, and no data */
		return false;
	case LINE_LONG:
	case LINE_BAD:
	case LINE_FLOOD:
	case LINE_EOF:
	case LINE_LATE:
	case LINE_SHUTDOWN:
		break;
	}
	return true;
}

bool
early_talker_greet(struct session *s)
{
	int64_t delay = s->connection->config->greet_delay;
	int64_t deadline = deadline_now() + delay * 1000;

	if (delay == 0 || exempt_client(s)) {
		return true;
	}
	/* What came right after a PROXY header has been read already. */
	while (has_spoken(s) || deadline_wait(stream_fd(s->stream), POLLIN,
				    deadline, true) == 0) {
		if (was_early(s)) {
			return false;
		}
	}
	if (errno == EINTR) {
		bad_line_answer(s, LINE_SHUTDOWN);
		return false;
	}
	return true;
}

/* True if a client has to wait for the reply to such a command. */
static bool
ends_group(const struct session *s, const char *line)
{
	static const char *const verbs[] = { "DATA", "EHLO", "EXPN", "HELO",
		"NOOP", "VRFY" };
	size_t n = strcspn(line, " \t");

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (n == strlen(verbs[i]) &&
		    strncasecmp(line, verbs[i], n) == 0) {
			return true;
		}
	}
	/* A client that did not say EHLO was not told of PIPELINING. */
	return !s->esmtp && n == 4 &&
	       (strncasecmp(line, "MAIL", n) == 0 ||
		   strncasecmp(line, "RCPT", n) == 0);
}

bool
early_talker_command(struct session *s, const char *line)
{
	char verb[8];

	if (!s->connection->config->pipelining_check || !ends_group(s, line) ||
	    exempt_client(s) || !has_spoken(s)) {
		return true;
	}
	strlcpy(verb, line, sizeof(verb));
	verb[strcspn(verb, " \t")] = '\0';
	note_early(s, verb);
	reply_send_with(
	    s, REPLY_PIPELINED, REPLY_ARGS(session_hostname(s), verb));
	return false;
}
