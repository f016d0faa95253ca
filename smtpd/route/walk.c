/* SPDX-License-Identifier: ISC */
/* What an expansion has met and collected, and how it ends. */
#include "smtpd/route/walk_private.h"

#include "common/log/log.h"
#include "common/text/hash.h"
#include "smtpd/route/target.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a set of texts, by open addressing ---- */

enum { FIRST_SIZE = 16 };

static size_t
hash_text(const char *text)
{
	uint64_t h = hash_add(HASH_START, text, strlen(text));

	return (size_t)(h ^ h >> 32);
}

/* Where the text is in the table, or is to be put. */
static char **
place_of(char **texts, size_t size, const char *text)
{
	size_t i = hash_text(text) & (size - 1);

	while (texts[i] != NULL && strcmp(texts[i], text) != 0) {
		i = (i + 1) & (size - 1);
	}
	return &texts[i];
}

/* Keeps the table at most half full. */
static int
grow_seen(struct seen *s)
{
	if (s->count * 2 < s->size) {
		return 0;
	}
	size_t size = s->size == 0 ? FIRST_SIZE : s->size * 2;
	char **texts = calloc(size, sizeof(*texts));
	if (texts == NULL) {
		return -1;
	}
	for (size_t i = 0; i < s->size; i++) {
		if (s->texts[i] != NULL) {
			*place_of(texts, size, s->texts[i]) = s->texts[i];
		}
	}
	free(s->texts);
	s->texts = texts;
	s->size = size;
	return 0;
}

/* Adds a copy.  1: it is new; 0: it was there; -1: no memory. */
static int
seen_add(struct seen *s, const char *text)
{
	if (grow_seen(s) == -1) {
		return -1;
	}
	char **to = place_of(s->texts, s->size, text);
	if (*to != NULL) {
		return 0;
	}
	*to = strdup(text);
	if (*to == NULL) {
		return -1;
	}
	s->count++;
	return 1;
}

static void
seen_free(struct seen *s)
{
	for (size_t i = 0; i < s->size; i++) {
		free(s->texts[i]);
	}
	free(s->texts);
	*s = (struct seen){ .size = 0 };
}

/* ---- steps and ends ---- */

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

/* What is being expanded, for the log. */
static const char *
list_name(const struct frame *f)
{
	return f->name != NULL            ? f->name
	       : f->walk->forward != NULL ? "~/.forward"
	                                  : f->walk->given;
}

bool
walk_broken(const struct frame *f, const char *why)
{
	log_error(
	    "%s: %s; mail for %s waits", list_name(f), why, f->walk->given);
	walk_step(f, "%s: %s", list_name(f), why);
	return walk_fail(f, EXPANDED_BROKEN);
}

bool
walk_no_memory(const struct frame *f)
{
	log_error("cannot expand %s: %s", f->walk->given, strerror(errno));
	return walk_fail(f, EXPANDED_TEMPORARY);
}

/* Notes a text as met, with its kind and owner.  As seen_add(). */
static int
note_text(struct expansion *w, char kind, const char *owner, const char *text)
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
walk_is_new(struct expansion *w, const char *name)
{
	return note_text(w, '=', "", name);
}

/* A user is one target, however the mailbox is reached. */
static int
note_target(struct expansion *w, enum target target, const char *text,
    const char *owner)
{
	switch (target) {
	case TARGET_ADDRESS:
		return note_text(w, 'a', "", text);
	case TARGET_USER:
		return note_text(w, 'u', "", text);
	case TARGET_FILE:
		return note_text(w, 'f', owner, text);
	case TARGET_PIPE:
		return note_text(w, 'p', owner, text);
	}
	return 0;
}

bool
walk_add(const struct frame *f, enum target target, const char *text,
    const char *owner)
{
	struct expansion *w = f->walk;
	int new = note_target(w, target, text, owner);

	w->met = true;
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
walk_add_user(const struct frame *f, const char *user, enum user_target target)
{
	const char *forward = f->walk->forward;
	bool at_once = target == USER_MAILBOX ||
	               (forward != NULL && strcmp(forward, user) == 0);
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
	log_warn(
	    "%s names %s, and there is no such user here", list_name(f), text);
	return walk_add(f, TARGET_ADDRESS, text, "");
}

bool
walk_start(struct expansion *w, const struct frame *f)
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
walk_finish(struct expansion *w, size_t before)
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
