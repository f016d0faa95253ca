/* SPDX-License-Identifier: ISC */
/* See the header. */
#include "smtpd/session/bad_line.h"

#include "smtpd/session/events.h"
#include "smtpd/session/reply.h"

enum next
bad_line_answer(struct session *s, enum line line)
{
	const char *const host[] = { session_hostname(s), NULL };

	switch (line) {
	case LINE_OK:
		return NEXT_COMMAND;
	case LINE_LONG:
		return reply_send(s, REPLY_LINE_LONG);
	case LINE_BAD:
		return reply_send(s, REPLY_LINE_BAD);
	case LINE_FLOOD:
		reply_send(s, REPLY_LINE_LONG);
		/* Nobody is left without 421 (RFC 5321 section 3.8). */
		event_end(s, "too many errors");
		reply_send_with(s, REPLY_LINE_FLOOD, host);
		break;
	case LINE_TIMEOUT:
	case LINE_LATE:
		event_end(s, "timeout");
		reply_send_with(s, REPLY_TOO_SLOW, host);
		break;
	case LINE_SHUTDOWN:
		reply_send_with(s, REPLY_SHUTDOWN, host);
		break;
	case LINE_EOF:
		event_end(s, "lost connection");
		break;
	}
	return NEXT_END;
}
