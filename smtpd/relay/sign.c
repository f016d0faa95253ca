/* SPDX-License-Identifier: ISC */
/*
 * DKIM signatures and sets of ARC for what this hop gets, after it was
 * converted for it.  The agent hashes; the octets of a signature come from the
 * signer, by way of the runner.
 */
#include "smtpd/relay/transaction_private.h"

#include "common/auth/arc_seal.h"
#include "common/log/log.h"
#include "common/log/stats.h"

#include <errno.h>
#include <string.h>

bool
sign_wanted(const struct client *c, const struct mail_object *m)
{
	return c->signs &&
	       (m->sealed || (c->config->dkim_sign != DKIM_SIGN_OFF &&
				 (m->author || mail_is_ours(m->mail))));
}

/* What comes of a signature: STALE: the keys are others by now. */
enum made { MADE, LATER, STALE };

static enum made
defer(struct client *c, const char *why)
{
	stats_add(STATS_SIGN_FAILED, 1);
	client_set_verdict(c, OUTCOME_DEFERRED, "4.3.0",
	    "the message cannot be signed now: %s", why);
	return LATER;
}

static enum made
ask(struct client *c, const struct agent_question *q, struct agent_answer *a)
{
	if (agent_ask(c->channel, q, a) == -1) {
		return defer(c, "no answer from the queue runner");
	}
	return a->good == 1 ? MADE : a->stale == 1 ? STALE : defer(c, a->why);
}

static struct dkim_make_key
key_of(const struct dkim_name *name)
{
	return (struct dkim_make_key){ .domain = name->domain,
		.selector = name->selector,
		.kind = name->kind == PUBLIC_KEY_RSA ? PUBLIC_KEY_RSA
		                                     : PUBLIC_KEY_ED25519 };
}

static enum made
sign_by(struct client *c, struct mail_object *m, struct dkim_make *make,
    const struct dkim_name *name, uint32_t number)
{
	const struct dkim_make_key key = key_of(name);
	struct agent_question q = {
		.serial = m->serial, .want = WANT_SIGNATURE, .key = number
	};
	struct agent_answer a;

	if (!dkim_make_digest(make, &key, time(NULL), q.digest)) {
		return defer(c, "no memory");
	}
	enum made made = ask(c, &q, &a);
	if (made != MADE) {
		return made;
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
	return MADE;
}

/* Signs by DKIM, in the name of the author's domain. */
static enum made
sign_author(struct client *c, struct mail_object *m, struct dkim_make *make)
{
	struct agent_question q = { .serial = m->serial, .want = WANT_KEYS };
	struct agent_answer keys;

	if (!dkim_make_author(make, q.domain)) {
		return MADE; /* it is nobody's whom a signature would help */
	}
	enum made made = ask(c, &q, &keys);
	for (uint32_t i = 0; made == MADE && i < keys.count; i++) {
		made = sign_by(
		    c, m, make, &keys.keys[i].name, keys.keys[i].number);
	}
	stats_add(STATS_SIGNED, made == MADE && keys.count > 0);
	return made;
}

/* ---- ARC ---- */

/* Asks for the two signatures of a set. */
static enum made
seal_by(struct client *c, struct mail_object *m, struct arc_seal *seal,
    const struct dkim_name *name, uint32_t number)
{
	const struct dkim_make_key key = key_of(name);
	struct agent_question q = {
		.serial = m->serial, .want = WANT_SIGNATURE, .key = number
	};
	struct agent_answer a;

	if (!arc_seal_message(seal, &key, time(NULL), q.digest)) {
		return defer(c, "no memory");
	}
	enum made made = ask(c, &q, &a);
	if (made != MADE) {
		return made;
	}
	if (!arc_seal_chain(
		seal, a.signature.octets, a.signature.size, q.digest)) {
		return defer(c, "no memory");
	}
	made = ask(c, &q, &a);
	if (made != MADE) {
		return made;
	}
	arc_seal_fields(
	    seal, a.signature.octets, a.signature.size, &m->signatures);
	if (m->signatures.failed) {
		return defer(c, "no memory");
	}
	log_info("%s: arc-seal i=%u cv=%s d=%s s=%s hop=%s", m->mail->id,
	    arc_seal_instance(seal), arc_seal_status(seal), key.domain,
	    key.selector, c->peer.peer);
	stats_add(STATS_ARC_SEALED, 1);
	return MADE;
}

/* Adds a set to the chain of a stranger's message, in our own name. */
static enum made
seal_message(struct client *c, struct mail_object *m, struct dkim_make *make)
{
	struct agent_question q = { .serial = m->serial, .want = WANT_KEYS };
	struct agent_answer keys;
	const char *why;

	struct arc_seal *seal = arc_seal_open(make, c->config->auth_id);
	if (seal == NULL) {
		return defer(c, "no memory");
	}
	strlcpy(q.domain, c->config->srs_domain, sizeof(q.domain));
	enum made made = MADE;
	if (!arc_seal_wanted(seal, &why)) {
		log_info("%s: no ARC seal: %s", m->mail->id, why);
	} else if ((made = ask(c, &q, &keys)) == MADE && keys.count > 0) {
		made = seal_by(
		    c, m, seal, &keys.keys[0].name, keys.keys[0].number);
	}
	arc_seal_close(seal);
	return made;
}

bool
sign_message(struct client *c, struct mail_object *m, struct dkim_make *make)
{
	size_t before = m->signatures.len;
	enum made made = STALE;

	if (!dkim_make_end(make)) {
		if (errno != E2BIG) {
			return defer(c, "no memory") == MADE;
		}
		log_info("%s: no signature: the header section is too long, "
			 "or has too many fields of a name",
		    m->mail->id);
		return true;
	}
	for (int i = 0; made == STALE && i < AGENT_CHANGES; i++) {
		m->signatures.len = before;
		made = m->sealed ? seal_message(c, m, make)
		                 : sign_author(c, m, make);
	}
	if (made == STALE) {
		made = defer(c, "its keys are being changed");
	}
	return made == MADE;
}
