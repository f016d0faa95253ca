/* SPDX-License-Identifier: ISC */
/*
 * Where the recipients of a message go: into batches, one for each destination;
 * from a destination that does not work to the fallback of the route; or back
 * into the queue.
 */
#include "smtpd/queue/scheduler_private.h"

#include "common/io/deadline.h"
#include "common/log/log.h"
#include "smtpd/queue/by.h"
#include "smtpd/queue/retry.h"
#include "smtpd/route/archive.h"
#include "smtpd/route/route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- routes ---- */

enum where { WHERE_LOCAL, WHERE_HOP, WHERE_OURS, WHERE_NOWHERE };

/*
 * Parses an address of the queue, for its domain.  One that is not UTF-8 is
 * split at the "@", and left to its next hop to judge.
 */
static bool
parse_address(const char *text, struct address *a)
{
	char path[MAIL_TEXT + 2];
	const char *rest, *at = strrchr(text, '@');

	if (snprintf(path, sizeof(path), "<%s>", text) >= (int)sizeof(path)) {
		return false;
	}
	switch (address_path_utf8(path, a, &rest)) {
	case PATH_OK:
		return *rest == '\0' && !address_is_null(a);
	case PATH_8BIT:
		return at != NULL && at > text &&
		       (size_t)(at - text) < sizeof(a->local) &&
		       strlcpy(a->local, text, (size_t)(at - text) + 1) > 0 &&
		       strlcpy(a->domain, at + 1, sizeof(a->domain)) <
		           sizeof(a->domain);
	case PATH_SYNTAX:
	case PATH_LONG:
	case PATH_LATER:
		break;
	}
	return false;
}

/* REQUIRETLS (RFC 8689) overrides the route, except for a local socket. */
static void
insist_on_tls(struct hop *hop)
{
	if (!hop->unix_socket && hop->tls < HOP_TLS_VERIFY) {
		hop->tls = HOP_TLS_VERIFY;
	}
}

/*
 * TLS-Required: No (RFC 8689 section 5): the message does not wait for TLS.  A
 * hop with a password keeps its TLS: no message may expose that.
 */
static void
do_without_tls(struct hop *hop)
{
	enum hop_tls least = hop->wrapped ? HOP_TLS_MUST : HOP_TLS_MAY;

	if (hop->user[0] == '\0' && hop->tls > least) {
		hop->tls = least;
	}
}

/* Finds the route of a recipient, by what it is. */
static void
find_route(const struct runner *r, const struct mail *mail,
    const struct recipient *to, struct route *route)
{
	struct address address;

	if (to->target == TARGET_USER) {
		route_user(r->config, route);
	} else if (parse_address(to->text, &address)) {
		route_find(r->config, mail->sender, &address, route);
	} else {
		route->kind = ROUTE_NONE;
		strlcpy(route->why, "not a mail address", sizeof(route->why));
	}
}

static enum where
locate(const struct runner *r, const struct mail *mail,
    const struct recipient *to, struct route *route)
{
	if (to->target == TARGET_FILE || to->target == TARGET_PIPE) {
		return WHERE_LOCAL;
	}
	find_route(r, mail, to, route);
	if (mail_insists_on_tls(mail)) {
		insist_on_tls(&route->hop);
		insist_on_tls(&route->fallback);
		route->has_fallback =
		    route->has_fallback && !route->fallback.mx;
	} else if (mail->tls_optional) {
		do_without_tls(&route->hop);
		do_without_tls(&route->fallback);
	}
	switch (route->kind) {
	case ROUTE_LOCAL:
		return to->target == TARGET_USER ? WHERE_LOCAL : WHERE_OURS;
	case ROUTE_HOP:
		return WHERE_HOP;
	case ROUTE_NONE:
		break;
	}
	return WHERE_NOWHERE;
}

bool
batch_hop(const struct runner *r, const struct batch *b, struct hop *hop)
{
	const struct mail *mail = &b->message->file.mail;
	struct route route;

	if (locate(r, mail, &mail->recipients[b->results[0].recipient],
		&route) != WHERE_HOP ||
	    (b->fallback && !route.has_fallback)) {
		return false;
	}
	*hop = b->fallback ? route.fallback : route.hop;
	return true;
}

/* Finds the route of a batch; false: it has no fallback, or was there. */
static bool
has_fallback(const struct runner *r, const struct batch *b, struct route *route)
{
	const struct mail *mail = &b->message->file.mail;

	return !b->fallback && !b->local && b->count > 0 &&
	       locate(r, mail, &mail->recipients[b->results[0].recipient],
		   route) == WHERE_HOP &&
	       route->has_fallback;
}

/* The destination that is this hop; NULL: no memory. */
static struct destination *
hop_destination(struct runner *r, const struct hop *hop)
{
	char key[HOP_TEXT];
	struct destination *d = destination_get(r, hop_text(hop, key));

	if (d != NULL) {
		d->named = !hop->mx;
		d->store = hop->transport == TRANSPORT_LMTP;
	}
	return d;
}

static bool
fall_back(struct runner *r, struct batch *b)
{
	struct route route;

	if (!has_fallback(r, b, &route)) {
		return false;
	}
	struct destination *d = hop_destination(r, &route.fallback);
	if (d == NULL) {
		return false;
	}
	b->fallback = true;
	b->again = false;
	destination_put(r, d, b);
	return true;
}

/* Moves the recipients that may go elsewhere at once to a batch of theirs. */
static struct batch *
split_off(struct batch *b)
{
	struct batch *rest = batch_new(b->message);
	size_t kept = 0;

	for (size_t i = 0; i < b->count; i++) {
		struct result *result = &b->results[i];
		if (rest == NULL || !result->known || result->noted ||
		    result->kind != OUTCOME_DEFERRED ||
		    (result->relayed & DEFERRED_ELSEWHERE) == 0 ||
		    batch_add(rest, result->recipient) == NULL) {
			b->results[kept++] = *result;
			continue;
		}
		log_info("%s: %s; the fallback is tried", b->message->file.id,
		    result->text != NULL ? result->text : "deferred");
		result_free(result);
	}
	b->count = kept;
	return rest;
}

void
batch_divert(struct runner *r, struct batch *b)
{
	struct route route;

	if (b->message->spoiled || !has_fallback(r, b, &route)) {
		return;
	}
	struct batch *rest = split_off(b);
	if (rest != NULL && !fall_back(r, rest)) {
		batch_end(r, rest);
	}
}

/* ---- a message's beginning ---- */

static bool
to_be_tried(const struct runner *r, const struct mail *mail,
    const struct recipient *to, time_t now)
{
	return to->slot.state == RECIPIENT_WAITING &&
	       !mail_is_held(mail, &to->slot, now) &&
	       (r->run->force || r->run->id != NULL || r->run->match != NULL ||
		   retry_due(now, &to->slot));
}

/* True if the recipient's destination has no room in memory. */
static bool
recipient_crowded(const struct runner *r, const struct mail *mail,
    const struct recipient *to, uint32_t *hash)
{
	char text[HOP_TEXT], owner[OWNER_KEY];
	const char *key = NULL;
	struct route route;

	switch (locate(r, mail, to, &route)) {
	case WHERE_OURS:
	case WHERE_NOWHERE:
		return false;
	case WHERE_HOP:
		key = hop_text(&route.hop, text);
		break;
	case WHERE_LOCAL:
		key = owner_key(r->config, to, owner);
		break;
	}
	*hash = destination_hash(key);
	const struct destination *d = destination_find(r, *hash);
	return d != NULL && d->nwaiting >= destination_share(r);
}

/*
 * True if no recipient's destination has room: one that is slow must not keep
 * the others of the message waiting.  hash: that destination, if there is one;
 * 0: several.
 */
static bool
crowded(const struct runner *r, const struct queue_file *f, time_t now,
    uint32_t *hash)
{
	const struct mail *mail = &f->mail;
	bool found = false;
	uint32_t other;

	for (size_t i = 0; i < mail->count; i++) {
		const struct recipient *to = &mail->recipients[i];
		if (!to_be_tried(r, mail, to, now)) {
			continue;
		}
		if (to->refused[0] != '\0' ||
		    !recipient_crowded(r, mail, to, &other)) {
			return false;
		}
		*hash = !found || *hash == other ? other : 0;
		found = true;
	}
	return found;
}

/* True if the recipient gets what a batch gets, from the same sender. */
static bool
goes_along(const struct runner *r, const struct batch *b, uint32_t i)
{
	const struct mail *mail = &b->message->file.mail;
	const struct recipient *to = &mail->recipients[i];

	if (b->local || b->count == 0) {
		return true;
	}
	const struct recipient *first =
	    &mail->recipients[b->results[0].recipient];
	return archive_is_copy(r->config, to) ==
	           archive_is_copy(r->config, first) &&
	       forwarding_is(r->config, mail, to) ==
	           forwarding_is(r->config, mail, first) &&
	       forwarding_seals(r->config, mail, to) ==
	           forwarding_seals(r->config, mail, first);
}

/* Adds a recipient to the message's last batch for a destination. */
static bool
add_to_batch(
    struct runner *r, struct claimed *m, struct destination *d, uint32_t i)
{
	if (d == NULL) {
		return false;
	}
	struct batch *b = destination_last(d, message_rank(m));
	if (b == NULL || b->message != m || b->count == ORDER_RECIPIENTS ||
	    d->command || b->fallback || !goes_along(r, b, i)) {
		b = batch_new(m);
		if (b == NULL) {
			return false;
		}
		destination_put(r, d, b);
	}
	return batch_add(b, i) != NULL;
}

static bool
add_local(struct runner *r, struct claimed *m, uint32_t i)
{
	const struct recipient *to = &m->file.mail.recipients[i];
	char key[OWNER_KEY];
	struct destination *d =
	    destination_get(r, owner_key(r->config, to, key));

	if (d != NULL) {
		d->local = true;
		d->command = to->target != TARGET_USER;
	}
	return add_to_batch(r, m, d, i);
}

static bool
fail_recipient(struct batch *ours, uint32_t i, const char *dsn, const char *why)
{
	struct result *result = batch_add(ours, i);

	if (result != NULL) {
		result_set(result, OUTCOME_FAILED, dsn, "", why);
	}
	return result != NULL;
}

/* Puts a recipient into a batch; ours: for results that need no agent. */
static bool
distribute(struct runner *r, struct claimed *m, uint32_t i, struct batch *ours)
{
	const struct mail *mail = &m->file.mail;
	const struct recipient *to = &mail->recipients[i];
	struct route route;
	struct result *result;

	if (to->refused[0] != '\0') {
		return fail_recipient(ours, i, "5.7.1", to->refused);
	}
	if (by_is_over(mail, time(NULL))) {
		return fail_recipient(ours, i, "5.4.7",
		    "the delivery time that the sender asked for has passed");
	}
	switch (locate(r, mail, to, &route)) {
	case WHERE_LOCAL:
		return add_local(r, m, i);
	case WHERE_HOP:
		return add_to_batch(r, m, hop_destination(r, &route.hop), i);
	case WHERE_OURS:
		result = batch_add(ours, i);
		if (result != NULL) {
			expansion_run(r, &m->file, result);
		}
		return result != NULL;
	case WHERE_NOWHERE:
		result = batch_add(ours, i);
		if (result != NULL) {
			result_set(result, OUTCOME_DEFERRED, "4.3.5", "none",
			    route.why);
		}
		return result != NULL;
	}
	return false;
}

bool
message_open(struct runner *r, struct queue_file *f, struct put_aside *aside)
{
	time_t now = time(NULL);
	struct claimed who = { .file = *f };

	party_set(&who);
	who.room = party_room(&who);
	aside->room = party_has_room(r, who.room) ? 0 : who.room;
	aside->hash = 0;
	if (aside->room != 0 || crowded(r, f, now, &aside->hash)) {
		return false;
	}
	struct claimed *m = calloc(1, sizeof(*m));
	struct batch *ours = m == NULL ? NULL : batch_new(m);
	if (ours == NULL) {
		free(m);
		queue_release(f);
		runner_fail(r, "no memory");
		return true;
	}
	m->standing = who.standing;
	memcpy(m->parties, who.parties, sizeof(m->parties));
	m->room = who.room;
	r->rooms[m->room]++;
	ours->local = true;
	TAILQ_INIT(&m->waiting);
	m->file = *f;
	r->messages++;
	r->recipients += f->mail.count;
	for (uint32_t i = 0; i < f->mail.count; i++) {
		if (to_be_tried(r, &f->mail, &f->mail.recipients[i], now) &&
		    !distribute(r, m, i, ours)) {
			m->spoiled = true;
			runner_fail(r, "no memory");
			break;
		}
	}
	outcome_conclude(r, ours);
	batch_end(r, ours);
	return true;
}

/* ---- destinations that do not work ---- */

void
batch_refuse(struct runner *r, struct batch *b, const struct result *why)
{
	if (b->message->spoiled) {
		batch_end(r, b);
		return;
	}
	if (fall_back(r, b)) {
		return;
	}
	for (size_t i = 0; i < b->count; i++) {
		if (!b->results[i].known) {
			result_set(&b->results[i], OUTCOME_DEFERRED, why->dsn,
			    why->host, why->text);
			b->results[i].dead = true;
		}
	}
	outcome_conclude(r, b);
	batch_end(r, b);
}

void
destination_die(
    struct runner *r, struct destination *d, const struct result *why)
{
	result_set(&d->why, OUTCOME_DEAD, why->dsn, why->host, why->text);
	d->dead_until = deadline_now() + (d->named ? DEAD_NAMED : DEAD_TIME);
	(void)destination_bury(r, d);
}

bool
destination_bury(struct runner *r, struct destination *d)
{
	struct batch *b;

	if (d->dead_until == 0 || deadline_now() >= d->dead_until) {
		d->dead_until = 0;
		return false;
	}
	/* Each costs a few writes to the disk: the agents must not wait for
	   all of them. */
	for (int n = 0; n < BURIED_AT_ONCE; n++) {
		b = destination_take(r, d);
		if (b == NULL) {
			break;
		}
		batch_refuse(r, b, &d->why);
	}
	return true;
}
