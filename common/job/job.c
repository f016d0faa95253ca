/* SPDX-License-Identifier: ISC */
/* The rules of the requests: the whole of what a session can ask for. */
#include "common/job/job.h"

#include "common/job/login.h"

const struct request_rule request_rules[REQUESTS] = {
	[REQUEST_TLS] = { "TLS", WHEN_CLEAR, ANSWERED_INLINE, GIVEN_NOTHING,
	    0 },
	[REQUEST_PEER] = { "PEER", WHEN_PROXIED, ANSWERED_INLINE, GIVEN_NOTHING,
	    sizeof(struct welcome) },
	[REQUEST_OFFENCE] = { "OFFENCE", WHEN_ANY, ANSWERED_INLINE,
	    GIVEN_NOTHING, 0 },
	[REQUEST_LOGIN] = { "LOGIN", WHEN_BEFORE_LOGIN, ANSWERED_BY_STATUS,
	    GIVEN_NOTHING, 0 },
	[REQUEST_SALT] = { "SALT", WHEN_BEFORE_LOGIN, ANSWERED_BY_WORKER,
	    GIVEN_NOTHING, sizeof(struct password_salt) },
	[REQUEST_PROOF] = { "PROOF", WHEN_BEFORE_LOGIN, ANSWERED_BY_WORKER,
	    GIVEN_NOTHING, PASSWORD_DIGEST },
	[REQUEST_NAME] = { "NAME", WHEN_BEFORE_LOGIN, ANSWERED_BY_WORKER,
	    GIVEN_NOTHING, USER_NAME + 1 },
	[REQUEST_RCPT] = { "RCPT", WHEN_ANY, ANSWERED_BY_WORKER, GIVEN_NOTHING,
	    CHANNEL_DATA },
	[REQUEST_DELIVER] = { "DELIVER", WHEN_ANY, ANSWERED_BY_WORKER,
	    GIVEN_BODY, 0 },
	[REQUEST_FLUSH] = { "FLUSH", WHEN_ANY, ANSWERED_BY_WORKER,
	    GIVEN_NOTHING, 0 },
	[REQUEST_DNSBL] = { "DNSBL", WHEN_ONCE, ANSWERED_BY_WORKER,
	    GIVEN_NOTHING, CHANNEL_DATA },
	[REQUEST_MAILBOX] = { "MAILBOX", WHEN_NEVER, ANSWERED_BY_STATUS,
	    GIVEN_CLIENT, 0 },
	[REQUEST_ENQUEUE] = { "ENQUEUE", WHEN_NEVER, ANSWERED_BY_WORKER,
	    GIVEN_BODY, 0 },
};

bool
request_allowed(uint32_t kind, const struct asker *asker)
{
	if (kind >= REQUESTS) {
		return false;
	}
	enum when when = request_rules[kind].when;
	/* The server must know who the client is before anything else. */
	if ((when == WHEN_PROXIED) != asker->proxied) {
		return false;
	}
	switch (when) {
	case WHEN_ANY:
	case WHEN_PROXIED:
		break;
	case WHEN_ONCE:
		return (asker->asked & 1U << kind) == 0;
	case WHEN_BEFORE_LOGIN:
		return !asker->logged_in;
	case WHEN_CLEAR:
		return !asker->tls;
	case WHEN_NEVER:
		return false;
	}
	return true;
}
