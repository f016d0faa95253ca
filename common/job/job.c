/* SPDX-License-Identifier: ISC */
/* The rules of the requests: the whole of what a session can ask for. */
#include "common/job/job.h"

#include "common/job/login.h"
#include "common/job/own_password.h"
#include "common/text/idna.h"
#include "common/tls/signature.h"

/*
 * A check of a login asks the users file, NSS, PAM (15 s) or the program for
 * tokens (10 s); a recipient NSS, and the disk of a mailbox.  A delivery waits
 * for a lock (some seconds), and for as long as the disk takes; two workers in
 * turn, DELIVER and ENQUEUE, stay within the ten minutes that a client waits
 * (RFC 5321 section 4.5.3.2.6).
 */
enum {
	CHECK = 2 * 60 * 1000,
	DELIVERY = 4 * 60 * 1000,
	FILTERS = 10 * 60 * 1000, /* which a worker keeps to by itself */
};

static const char login[] = "the users file, NSS, PAM and oauth-command",
		  account[] = "NSS, the greylist and the disk of the mailbox",
		  mailbox[] = "the disk and the locks of the mailbox",
		  queue[] = "the disk of the queue";

const struct request_rule request_rules[REQUESTS] = {
	[REQUEST_TLS] = { "TLS", WHEN_CLEAR, ANSWERED_INLINE, GIVEN_NOTHING, 0,
	    0, NULL },
	[REQUEST_PEER] = { "PEER", WHEN_PROXIED, ANSWERED_INLINE, GIVEN_NOTHING,
	    sizeof(struct welcome), 0, NULL },
	[REQUEST_OFFENCE] = { "OFFENCE", WHEN_ANY, ANSWERED_INLINE,
	    GIVEN_NOTHING, 0, 0, NULL },
	[REQUEST_SIGN] = { "SIGN", WHEN_TLS_ONCE, ANSWERED_INLINE,
	    GIVEN_NOTHING, sizeof(struct signature), 0, NULL },
	[REQUEST_LOGIN] = { "LOGIN", WHEN_BEFORE_LOGIN, ANSWERED_BY_STATUS,
	    GIVEN_NOTHING, 0, CHECK, login },
	[REQUEST_SALT] = { "SALT", WHEN_BEFORE_LOGIN, ANSWERED_BY_WORKER,
	    GIVEN_NOTHING, sizeof(struct password_salt), CHECK, login },
	[REQUEST_PROOF] = { "PROOF", WHEN_BEFORE_LOGIN, ANSWERED_BY_WORKER,
	    GIVEN_NOTHING, PASSWORD_DIGEST, CHECK, login },
	[REQUEST_NAME] = { "NAME", WHEN_BEFORE_LOGIN, ANSWERED_BY_WORKER,
	    GIVEN_NOTHING, USER_NAME + 1, CHECK, login },
	[REQUEST_PASSWD] = { "PASSWD", WHEN_OWNER, ANSWERED_BY_WORKER,
	    GIVEN_NOTHING, sizeof(struct own_answer), CHECK, login },
	[REQUEST_RCPT] = { "RCPT", WHEN_ANY, ANSWERED_BY_WORKER, GIVEN_NOTHING,
	    CHANNEL_DATA, CHECK, account },
	[REQUEST_DELIVER] = { "DELIVER", WHEN_ANY, ANSWERED_BY_WORKER,
	    GIVEN_BODY, 0, DELIVERY, mailbox },
	[REQUEST_FLUSH] = { "FLUSH", WHEN_ANY, ANSWERED_BY_WORKER,
	    GIVEN_NOTHING, 0, CHECK, queue },
	[REQUEST_DNSBL] = { "DNSBL", WHEN_ONCE, ANSWERED_BY_WORKER,
	    GIVEN_NOTHING, CHANNEL_DATA, CHECK, "the name servers" },
	[REQUEST_LABEL] = { "LABEL", WHEN_ANY, ANSWERED_BY_WORKER,
	    GIVEN_NOTHING, IDNA_LABEL + 1, CHECK, "the GnuTLS library" },
	[REQUEST_VERIFY] = { "VERIFY", WHEN_ANY, ANSWERED_BY_WORKER, GIVEN_BODY,
	    CHANNEL_DATA, CHECK, "the name servers" },
	[REQUEST_FILTER] = { "FILTER", WHEN_ANY, ANSWERED_BY_WORKER, GIVEN_BODY,
	    CHANNEL_DATA, FILTERS, "the filter" },
	[REQUEST_NEXT_HOP] = { "NEXT_HOP", WHEN_ANY, ANSWERED_BY_WORKER,
	    GIVEN_NOTHING, CHANNEL_DATA, CHECK, "the next hop" },
	[REQUEST_MAILBOX] = { "MAILBOX", WHEN_NEVER, ANSWERED_BY_STATUS,
	    GIVEN_CLIENT, 0, 0, mailbox },
	[REQUEST_ENQUEUE] = { "ENQUEUE", WHEN_NEVER, ANSWERED_BY_WORKER,
	    GIVEN_BODY, 0, DELIVERY, queue },
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
	case WHEN_TLS_ONCE:
		return asker->tls && (asker->asked & 1U << kind) == 0;
	case WHEN_BEFORE_LOGIN:
		return !asker->logged_in;
	case WHEN_OWNER:
		return asker->role == ROLE_LOCAL ||
		       (asker->role == ROLE_PASSWD && asker->logged_in);
	case WHEN_CLEAR:
		return !asker->tls;
	case WHEN_NEVER:
		return false;
	}
	return true;
}
