/* SPDX-License-Identifier: ISC */
/*
 * What relay agents need to sign a message.  They ask the runner, which has no
 * key either, but knows the names of those of the signer, and passes hashes on
 * to it.  Nobody waits for it: a question stays with its agent until there is
 * an answer, and if the signer ends or says nothing, the mail waits.  It is
 * never sent without the signature that it should have.
 */
#include "common/auth/dkim_signature.h"
#include "common/keeper/signer.h"
#include "smtpd/queue/scheduler_private.h"

#include "common/io/deadline.h"
#include "common/io/statefile.h"
#include "common/log/log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	PATIENCE = 10 * 1000, /* ms for reading the keys, or for a signature */
	AGAIN = 10 * 1000,    /* ms from one start to the next */
};

static const char cannot_start[] =
    "cannot start the process with the DKIM keys";

/* ---- answers ---- */

static void
answer(struct agent *a, struct agent_answer *answer)
{
	a->ticket = 0;
	if (agent_answer(a->channel, answer) == -1) {
		agent_close(a); /* so that it waits no longer */
	}
}

static void
answer_later(struct agent *a, const char *why)
{
	struct agent_answer later = { .good = 0 };

	strlcpy(later.why, why, sizeof(later.why));
	answer(a, &later);
}

/* Mail without a signature is not an error, but somebody should know. */
static void
say_unsigned(struct runner *r, const char *domain)
{
	if (!r->signing.said && domain[0] != '\0' &&
	    statefile_due(r->config, "unsigned")) {
		log_warn("mail of %s goes without a DKIM signature: there is "
			 "no key; to make one, type: smtpd --dkim %s",
		    domain, domain);
	}
	r->signing.said = true;
}

static void
answer_without(struct runner *r, struct agent *a, const char *domain)
{
	struct agent_answer none = { .good = 1, .count = 0 };

	say_unsigned(r, domain);
	answer(a, &none);
}

/* A smarthost may sign for us; who sends by MX has to do it. */
void
signing_remind(struct runner *r, const struct batch *b)
{
	struct hop hop;

	if (r->signing.said || b->local ||
	    !mail_is_ours(&b->message->file.mail) ||
	    r->config->dkim_sign == DKIM_SIGN_OFF || !batch_hop(r, b, &hop)) {
		return;
	}
	bool mx = hop.mx && hop.transport == TRANSPORT_SMTP;
	explicit_bzero(&hop, sizeof(hop)); /* a password may be in it */
	if (mx && dkim_keys_exist(r->config) == 0) {
		say_unsigned(r, r->config->srs_domain);
	}
}

/* The domain with keys that the author's is, or is below, nearest. */
static const char *
nearest(const struct signing *s, const char *domain)
{
	const char *best = NULL;

	for (size_t i = 0; i < s->count; i++) {
		const char *name = s->names[i].domain;
		if (dkim_is_below(domain, name) &&
		    (best == NULL || strlen(name) > strlen(best))) {
			best = name;
		}
	}
	return best;
}

static uint32_t
number_of(const struct signing *s, size_t i)
{
	return s->generation * DKIM_KEYS + (uint32_t)i;
}

/* Puts a key into the answer: RSA first. */
static void
add_key(const struct signing *s, size_t i, struct agent_answer *out)
{
	size_t at = out->count;

	if (at == 2) {
		return;
	}
	if (at == 1 && s->names[i].kind == PUBLIC_KEY_RSA) {
		out->keys[1] = out->keys[0];
		at = 0;
	}
	out->keys[at].number = number_of(s, i);
	out->keys[at].name = s->names[i];
	out->count++;
}

static void
answer_keys(struct runner *r, struct agent *a)
{
	const struct signing *s = &r->signing;
	struct agent_answer out = { .good = 1 };
	const char *domain = nearest(s, a->question.domain);
	char why[CONFIG_ERROR];

	if (domain == NULL) {
		answer_without(r, a, a->question.domain);
		return;
	}
	for (size_t i = 0; i < s->count; i++) {
		if (strcmp(s->names[i].domain, domain) != 0) {
			continue;
		}
		if (s->names[i].usable != 1) {
			snprintf(why, sizeof(why),
			    "the DKIM key %s of %s cannot be used: see the "
			    "log, or type: smtpd --check",
			    s->names[i].selector, domain);
			answer_later(a, why);
			return;
		}
		add_key(s, i, &out);
	}
	if (r->config->dkim_sign == DKIM_SIGN_RSA && out.count == 2) {
		out.count = 1;
	}
	answer(a, &out);
}

/* Asks the signer. */
static void
order(struct runner *r, struct agent *a)
{
	struct signer_order o = { .ticket = a->ticket,
		.slot = (uint32_t)(a - r->agents),
		.key = a->question.key % DKIM_KEYS };

	/* By another generation's number it would be another key. */
	if (a->question.key != number_of(&r->signing, o.key)) {
		answer(a, &(struct agent_answer){ .stale = 1 });
		return;
	}
	memcpy(o.digest, a->question.digest, sizeof(o.digest));
	if (send(r->signing.channel, &o, sizeof(o),
		MSG_NOSIGNAL | MSG_DONTWAIT) == -1) {
		answer_later(a, "the process with the DKIM keys is busy");
		return;
	}
	r->signing.waiting++;
	r->signing.until = deadline_now() + PATIENCE;
}

static void
proceed(struct runner *r, struct agent *a)
{
	switch ((enum agent_want)a->question.want) {
	case WANT_KEYS:
		answer_keys(r, a);
		break;
	case WANT_SIGNATURE:
		order(r, a);
		break;
	}
}

/* Whoever has a question gets that answer. */
static void
answer_all(struct runner *r, const char *why)
{
	for (size_t i = 0; i < r->nagents; i++) {
		struct agent *a = &r->agents[i];
		if (a->destination != NULL && a->channel != -1 &&
		    a->ticket != 0) {
			answer_later(a, why);
		}
	}
}

/* ---- the process ---- */

static void
forget(struct signing *s)
{
	close(s->channel);
	s->channel = -1;
	free(s->names);
	s->names = NULL;
	s->count = s->taken = 0;
	s->known = s->stale = false;
	s->until = 0;
	s->waiting = 0;
	s->pid = 0;
}

static void
end(struct signing *s)
{
	kill(s->pid, SIGKILL);
	(void)waitpid(s->pid, NULL, 0);
	forget(s);
}

/* It is of no use: it is ended, and what it was to answer waits. */
static void
lose(struct runner *r, const char *why)
{
	struct signing *s = &r->signing;

	log_error("mail that is to be signed waits: %s", why);
	end(s);
	strlcpy(s->why, why, sizeof(s->why));
	s->again = deadline_now() + AGAIN;
	answer_all(r, why);
}

static bool
start(struct runner *r)
{
	struct signing *s = &r->signing;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1) {
		return false;
	}
	pid_t pid = agent_start_signer(r, pair[1]);
	int error = errno;
	close(pair[1]);
	if (pid == -1) {
		close(pair[0]);
		errno = error;
		return false;
	}
	s->pid = pid;
	s->channel = pair[0];
	s->until = deadline_now() + PATIENCE;
	s->why[0] = '\0';
	return true;
}

/* A question, when nobody has the keys yet. */
static void
want_signer(struct runner *r, struct agent *a)
{
	const struct signing *s = &r->signing;

	if (s->why[0] != '\0' && deadline_now() < s->again) {
		answer_later(a, s->why);
	} else if (!start(r)) {
		answer_later(a, cannot_start);
	}
}

static bool
differs(uint64_t known, uint64_t now)
{
	return known != 0 && now != 0 && known != now;
}

/* True if the keys for a domain may be others than those that are known. */
static bool
have_changed(const struct runner *r, const char *domain)
{
	const struct signing *s = &r->signing;
	const struct config *config = r->config;
	const char *best = nearest(s, domain);

	if (differs(s->folder, dkim_keys_version(config, NULL, NULL))) {
		return true;
	}
	/* A folder that had no key has one by now, perhaps. */
	if (deadline_now() >= s->begun + AGAIN &&
	    dkim_keys_folder(config, domain, best == NULL ? 0 : strlen(best))) {
		return true;
	}
	for (size_t i = 0; i < s->count && best != NULL; i++) {
		const struct dkim_name *n = &s->names[i];
		if (strcmp(n->domain, best) == 0 &&
		    (differs(n->folder,
			 dkim_keys_version(config, n->domain, NULL)) ||
			differs(n->file, dkim_keys_version(config, n->domain,
					     n->selector)))) {
			return true;
		}
	}
	return false;
}

/* Starts it anew, once nobody waits for a signature of before. */
static void
renew(struct runner *r)
{
	if (r->signing.waiting > 0) {
		return;
	}
	end(&r->signing);
	if (!start(r)) {
		answer_all(r, cannot_start);
	}
}

/* A question, when the keys are known. */
static void
take_known(struct runner *r, struct agent *a)
{
	struct signing *s = &r->signing;

	if (!s->stale && a->question.want == WANT_KEYS) {
		s->stale = have_changed(r, a->question.domain);
	}
	if (!s->stale) {
		proceed(r, a);
	} else if (a->question.want == WANT_SIGNATURE) {
		answer(a, &(struct agent_answer){ .stale = 1 });
	} else {
		renew(r);
	}
}

void
signing_take(struct runner *r, struct agent *a, const struct agent_question *q)
{
	a->question = *q;
	a->ticket = ++r->signing.tickets;
	if (q->want == WANT_SIGNATURE && ++a->signatures > AGENT_SIGNATURES) {
		answer_later(a, "internal error: too many signatures");
	} else if (r->signing.pid == 0) {
		want_signer(r, a);
	} else if (r->signing.known) {
		take_known(r, a);
	}
}

/* ---- what it says ---- */

/* The names are all here: now there are answers. */
static void
begin(struct runner *r)
{
	r->signing.known = true;
	r->signing.generation++;
	r->signing.begun = deadline_now();
	r->signing.until = 0;
	for (size_t i = 0; i < r->nagents; i++) {
		struct agent *a = &r->agents[i];
		if (a->destination != NULL && a->channel != -1 &&
		    a->ticket != 0) {
			proceed(r, a);
		}
	}
}

static void
take_report(struct runner *r, struct signer_report *report)
{
	struct signing *s = &r->signing;

	report->error[sizeof(report->error) - 1] = '\0';
	if (report->good != 1 || report->count > DKIM_KEYS) {
		lose(r, report->error);
		return;
	}
	s->names = calloc(report->count + 1, sizeof(*s->names));
	if (s->names == NULL) {
		lose(r, "no memory");
		return;
	}
	s->count = report->count;
	s->folder = report->folder;
	if (s->count == 0) {
		begin(r);
	}
}

static void
take_name(struct runner *r, const struct dkim_name *name)
{
	struct signing *s = &r->signing;
	struct dkim_name *n = &s->names[s->taken++];

	*n = *name;
	n->domain[sizeof(n->domain) - 1] = '\0';
	n->selector[sizeof(n->selector) - 1] = '\0';
	if (s->taken == s->count) {
		begin(r);
	}
}

static void
take_result(struct runner *r, const struct signer_result *result)
{
	struct signing *s = &r->signing;
	struct agent *a =
	    result->slot < r->nagents ? &r->agents[result->slot] : NULL;

	s->waiting -= s->waiting > 0;
	s->until = s->waiting > 0 ? deadline_now() + PATIENCE : 0;
	/* The agent may have ended, and its place be another's. */
	if (a == NULL || a->destination == NULL || a->channel == -1 ||
	    a->ticket == 0 || a->ticket != result->ticket) {
		a = NULL;
	} else if (result->good == 1 &&
		   result->signature.size <= SIGNATURE_SIZE) {
		struct agent_answer out = { .good = 1,
			.signature = result->signature };
		answer(a, &out);
	} else {
		answer_later(a, "the DKIM key does not sign");
	}
	if (s->stale) {
		renew(r);
	}
}

void
signing_serve(struct runner *r)
{
	struct signing *s = &r->signing;
	union {
		struct signer_report report;
		struct dkim_name name;
		struct signer_result result;
	} m;
	/* No more than it may have to say, at a time. */
	for (int i = 0; i < DKIM_KEYS + 1 && s->pid != 0; i++) {
		ssize_t n = recv(s->channel, &m, sizeof(m), MSG_DONTWAIT);
		if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
			return;
		}
		if (s->known && n == sizeof(m.result)) {
			take_result(r, &m.result);
		} else if (s->names == NULL && n == sizeof(m.report)) {
			take_report(r, &m.report);
		} else if (s->names != NULL && !s->known &&
			   n == sizeof(m.name)) {
			take_name(r, &m.name);
		} else {
			lose(r, n <= 0 ? "the process with the DKIM keys has "
					 "ended"
				       : "the process with the DKIM keys sends "
					 "malformed messages");
		}
	}
}

void
signing_keep(struct runner *r)
{
	const struct signing *s = &r->signing;

	if (s->pid != 0 && s->until != 0 && deadline_now() >= s->until) {
		lose(r, "the process with the DKIM keys does not answer");
	}
}

void
signing_close(struct runner *r)
{
	struct signing *s = &r->signing;

	if (s->pid != 0) {
		end(s);
	}
}
