/* SPDX-License-Identifier: ISC */
/* What an expansion collects, and how it ends. */
#include "smtpd/route/walk.h"

#include "common/log/log.h"
#include "smtpd/route/target.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void
walk_step(const struct frame *f, const char *fmt, ...)
{
	const struct expand *e = f->walk->e;
	char text[ALIAS_TARGET + ADDRESS_TEXT];
	va_list ap;

	if (e->trace == NULL) {
		return;
	}
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	e->trace(e->context, f->depth, text);
}

bool
walk_fail(const struct frame *f, enum expanded result)
{
	f->walk->result = result;
	return false;
}

/* What is being expanded, for people. */
static const char *
list(const struct frame *f)
{
	return f->name != NULL            ? f->name
	       : f->walk->forward != NULL ? "~/.forward"
	                                  : f->walk->given;
}

bool
walk_broken(const struct frame *f, const char *why)
{
	log_error("%s: %s; mail for %s waits", list(f), why, f->walk->given);
	walk_step(f, "%s: %s", list(f), why);
	return walk_fail(f, EXPANDED_BROKEN);
}

bool
walk_no_memory(const struct frame *f)
{
	log_error("cannot expand %s: %s", f->walk->given, strerror(errno));
	return walk_fail(f, EXPANDED_TEMPORARY);
}

/* What marks a text as met: its kind, whose it is, and the text. */
static int
note(struct walk *w, char kind, const char *owner, const char *text)
{
	char key[MAIL_TEXT + USER_NAME + 4];

	snprintf(key, sizeof(key), "%c%s:%s", kind, owner, text);
	/* The case of a domain does not matter. */
	char *at = strrchr(key, '@');
	for (; at != NULL && *at != '\0'; at++) {
		*at = *at >= 'A' && *at <= 'Z' ? (char)(*at | 0x20) : *at;
	}
	return seen_add(&w->seen, key);
}

int
walk_is_new(struct walk *w, const char *name)
{
	return note(w, '=', "", name);
}

/* Of a user the mailbox alone counts, not how it is reached. */
static int
note_target(
    struct walk *w, enum target target, const char *text, const char *owner)
{
	switch (target) {
	case TARGET_ADDRESS:
		return note(w, 'a', "", text);
	case TARGET_USER:
		return note(w, 'u', "", text);
	case TARGET_FILE:
		return note(w, 'f', owner, text);
	case TARGET_PIPE:
		return note(w, 'p', owner, text);
	}
	return 0;
}

bool
walk_add(const struct frame *f, enum target target, const char *text,
    const char *owner)
{
	struct walk *w = f->walk;
	int new = note_target(w, target, text, owner);

	if (new == -1) {
		return walk_no_memory(f);
	}
	if (new == 0) {
		return true;
	}
	if (w->mail->count >= EXPAND_TARGETS) {
		return walk_broken(f, "too many targets");
	}
	const struct recipient r = {
		.target = target,
		.text = text,
		.given = w->given,
		.owner = owner,
		.orcpt = f->name != NULL || w->forward != NULL ? w->orcpt
		                                               : w->from->orcpt,
		.notify = w->from->notify,
	};
	if (mail_add(w->mail, &r) == 0) {
		return true;
	}
	return errno == ENOMEM
	           ? walk_no_memory(f)
	           : walk_broken(f, "a target that cannot be queued");
}

bool
walk_add_user(const struct frame *f, const char *user, bool at_once)
{
	const char *forward = f->walk->forward;

	at_once = at_once || (forward != NULL && strcmp(forward, user) == 0);
	walk_step(f, "%s: a user here%s", user,
	    at_once ? ", into the mailbox at once" : "");
	return walk_add(f, TARGET_USER, user, at_once ? user : "");
}

bool
walk_add_unknown(const struct frame *f, const struct address *a)
{
	const struct config *config = f->walk->e->config;
	struct address full = *a;
	char text[ADDRESS_TEXT];

	walk_step(
	    f, "%s: no such user here", address_text(a, text, sizeof(text)));
	if (f->name == NULL && f->walk->forward == NULL) {
		return walk_fail(f, EXPANDED_NONE);
	}
	if (full.domain[0] == '\0') {
		strlcpy(full.domain, config->hostname, sizeof(full.domain));
	}
	address_text(&full, text, sizeof(text));
	log_warn("%s names %s, and there is no such user here", list(f), text);
	return walk_add(f, TARGET_ADDRESS, text, "");
}

bool
walk_start(struct walk *w, const struct frame *f)
{
	for (size_t i = 0; i < w->mail->count; i++) {
		const struct recipient *r = &w->mail->recipients[i];
		if (note_target(w, r->target, r->text, r->owner) == -1) {
			return walk_no_memory(f);
		}
	}
	if (w->from->orcpt[0] == '\0') {
		target_orcpt(w->given, w->orcpt);
	} else {
		strlcpy(w->orcpt, w->from->orcpt, sizeof(w->orcpt));
	}
	return true;
}

enum expanded
walk_finish(struct walk *w, size_t before)
{
	struct mail *m = w->mail;

	seen_free(&w->seen);
	if (w->result != EXPANDED_OK) {
		m->count = before;
	}
	for (size_t i = before; i < m->count && m->count - before > 1; i++) {
		m->recipients[i].notify = target_list_notify(w->from->notify);
	}
	return w->result;
}
