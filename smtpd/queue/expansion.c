/* SPDX-License-Identifier: ISC */
/*
 * The queue may hold mail for an address of our own domains: a report, or the
 * target of a ~/.forward.  It is expanded as in a session, into a message of
 * its own, whose id is derived from this one's, so that it is not made twice
 * after a crash.  Runs as root.
 */
#include "common/login/aliases_load.h"
#include "smtpd/queue/scheduler_private.h"

#include "common/log/log.h"
#include "common/tls/tls.h"
#include "smtpd/route/expand.h"
#include "smtpd/route/target.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool
load_names(struct runner *r, char error[CONFIG_ERROR])
{
	if (r->names == NULL) {
		r->names = names_load(r->config, error);
	}
	if (r->names != NULL && r->aliases == NULL) {
		r->aliases = aliases_load(r->config, error);
	}
	return r->names != NULL && r->aliases != NULL;
}

void
expansion_prepare(struct runner *r)
{
	/* What cannot be read is said when it is needed. */
	if (!load_names(r, r->unreadable)) {
		return;
	}
	r->lists = lists_read(r->config, r->aliases);
	if (aliases_have_high(r->aliases) || lists_have_high(r->lists)) {
		tls_preload();
	}
}

/* Copies the message without its recipients, under an id of its own. */
static void
inherit_mail(struct mail *child, const struct mail *parent, uint32_t recipient)
{
	struct mail_derived d;

	mail_inherit(child, parent);
	mail_derive(&d, parent->id);
	mail_derive_add(&d, "expand", recipient);
	mail_derived_id(&d, child->id);
}

static void
commit_expansion(struct runner *r, struct queue_file *f, struct mail *child,
    struct result *result)
{
	struct queue_body body = { .fd = queue_open_body(f),
		.from = f->body,
		.length = (off_t)f->mail.size,
		.part = true,
		.wire = true };
	char text[128];

	/* Commit point: from here on the recipients go on in the child. */
	if (body.fd == -1 ||
	    (queue_commit(&r->queue, child, &body) == -1 && errno != EEXIST)) {
		snprintf(text, sizeof(text), "cannot put it into the queue: %s",
		    strerror(errno));
		result_set(result, OUTCOME_DEFERRED, "4.3.0", "local", text);
	} else {
		r->committed = true;
		snprintf(text, sizeof(text), "forwarded as %s", child->id);
		result_set(result, OUTCOME_EXPANDED, "2.0.0", "local", text);
		/* RFC 3461 section 5.2.7.3: the report on a list is ours. */
		result->relayed = child->count > 1;
	}
	if (body.fd != -1) {
		close(body.fd);
	}
}

void
expansion_run(struct runner *r, struct queue_file *f, struct result *result)
{
	const struct recipient *to = &f->mail.recipients[result->recipient];
	char error[CONFIG_ERROR];
	struct mail child;

	if (!load_names(r, error)) {
		log_error(
		    "%s", r->unreadable[0] != '\0' ? r->unreadable : error);
		result_set(result, OUTCOME_DEFERRED, "4.3.5", "local",
		    "cannot read the list of users");
		return;
	}
	const struct expand expand = { .config = r->config,
		.names = r->names,
		.aliases = r->aliases,
		.lists = r->lists,
		.srs = forwarding_keys() };
	inherit_mail(&child, &f->mail, result->recipient);
	switch (expand_recipient(&expand, to, &child)) {
	case EXPANDED_OK:
		if (child.count > 0) {
			commit_expansion(r, f, &child, result);
			break;
		}
		result_set(result, OUTCOME_DEFERRED, "4.3.5", "local",
		    "the alias has no recipients");
		break;
	case EXPANDED_NONE:
		result_set(result, OUTCOME_FAILED, "5.1.1", "local",
		    "there is no such user here");
		break;
	case EXPANDED_HELD:
		result_set(result, OUTCOME_FAILED, "5.7.1", "local",
		    "the message is marked as spam, and is not forwarded");
		break;
	case EXPANDED_TEMPORARY:
		result_set(result, OUTCOME_DEFERRED, "4.3.0", "local",
		    "cannot look up the recipient now; the log says why");
		break;
	case EXPANDED_BROKEN:
		result_set(result, OUTCOME_DEFERRED, "4.3.5", "local",
		    "the aliases of this address are a loop, too deep, or "
		    "lists with "
		    "nobody in them; the log says which");
		break;
	}
	mail_free(&child);
}
