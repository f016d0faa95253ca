/* SPDX-License-Identifier: ISC */
/*
 * DKIM signatures of what this hop gets, after it was converted for it.  The
 * agent hashes; the octets of a signature come from the signer, by way of the
 * runner.
 */
#include "smtpd/relay/transaction_private.h"

#include "common/log/log.h"
#include "common/log/stats.h"

#include <errno.h>
#include <string.h>

bool
sign_wanted(const struct client *c, const struct mail_object *m)
{
	return c->signs && mail_is_ours(m->mail);
}

static bool
defer(struct client *c, const char *why)
{
	stats_add(STATS_SIGN_FAILED, 1);
	client_set_verdict(c, OUTCOME_DEFERRED, "4.3.0",
	    "the message cannot be signed now: %s", why);
	return false;
}

/* Asks; false: the message waits. */
static bool
ask(struct client *c, const struct agent_question *q, struct agent_answer *a)
{
	if (agent_ask(c->channel, q, a) == -1) {
		return defer(c, "no answer from the queue runner");
	}
	return a->good == 1 || defer(c, a->why);
}

static bool
sign_by(struct client *c, struct mail_object *m, struct dkim_make *make,
    const struct dkim_name *name, uint32_t number)
{
	const struct dkim_make_key key = { .domain = name->domain,
		.selector = name->selector,
		.kind = name->kind == PUBLIC_KEY_RSA ? PUBLIC_KEY_RSA
		                                     : PUBLIC_KEY_ED25519 };
	struct agent_question q = {
		.serial = m->serial, .want = WANT_SIGNATURE, .key = number
	};
	struct agent_answer a;

	if (!dkim_make_digest(make, &key, time(NULL), q.digest)) {
		return defer(c, "no memory");
	}
	if (!ask(c, &q, &a)) {
		return false;
	}
	dkim_make_field(
	    make, a.signature.octets, a.signature.size, &m->signatures);
	if (m->signatures.failed) {
		return defer(c, "no memory");
	}
	log_info("%s: dkim-sign d=%s s=%s a=%s hop=%s", m->mail->id, key.domain,
	    key.selector,
	    key.kind == PUBLIC_KEY_RSA ? "rsa-sha256" : "ed25519-sha256",
	    c->peer.peer);
	return true;
}

bool
sign_message(struct client *c, struct mail_object *m, struct dkim_make *make)
{
	struct agent_question q = { .serial = m->serial, .want = WANT_KEYS };
	struct agent_answer keys;

	if (!dkim_make_end(make)) {
		if (errno != E2BIG) {
			return defer(c, "no memory");
		}
		log_info("%s: no DKIM signature: the header section is too "
			 "long, or has too many fields of a name",
		    m->mail->id);
		return true;
	}
	if (!dkim_make_author(make, q.domain)) {
		return true; /* it is nobody's whom a signature would help */
	}
	if (!ask(c, &q, &keys)) {
		return false;
	}
	for (uint32_t i = 0; i < keys.count; i++) {
		if (!sign_by(
			c, m, make, &keys.keys[i].name, keys.keys[i].number)) {
			return false;
		}
	}
	stats_add(STATS_SIGNED, keys.count > 0);
	return true;
}
