/* SPDX-License-Identifier: ISC */
/* Envelopes in memory. */
#include "spool/mail.h"

#include "common/text/hash.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct mail_text {
	struct mail_text *next;
	char text[];
};

enum { FIRST_ROOM = 4 };

static const uint64_t last_size = 999999999999; /* MAIL_SIZE_DIGITS */

void
mail_init(struct mail *m)
{
	memset(m, 0, sizeof(*m));
	mail_new_id(m->id);
	m->arrival = time(NULL);
}

void
mail_free(struct mail *m)
{
	while (m->texts != NULL) {
		struct mail_text *next = m->texts->next;
		free(m->texts);
		m->texts = next;
	}
	free(m->recipients);
	m->recipients = NULL;
	m->count = m->room = 0;
}

char *
mail_strings(struct mail *m, size_t size)
{
	struct mail_text *t = malloc(sizeof(*t) + size);

	if (t == NULL) {
		return NULL;
	}
	t->next = m->texts;
	m->texts = t;
	return t->text;
}

/* True if the text ends below size and holds no control characters. */
static bool
fits(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c == '\0') {
			return true;
		}
		if (c < ' ' || c == 0x7f) {
			return false;
		}
	}
	return false;
}

bool
mail_is_recipient(const struct recipient *r)
{
	const unsigned all =
	    NOTIFY_NEVER | NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY;

	return r->text[0] != '\0' && fits(r->text, MAIL_TEXT) &&
	       fits(r->given, MAIL_TEXT) && fits(r->owner, USER_NAME + 1) &&
	       fits(r->orcpt, MAIL_ORCPT + 1) &&
	       fits(r->refused, MAIL_REFUSAL + 1) && (r->notify & ~all) == 0;
}

bool
mail_is_valid(const struct mail *m)
{
	if (!mail_is_id(m->id) || m->count == 0 || m->arrival < 0 ||
	    m->size > last_size || m->priority < -MAIL_PRIORITY ||
	    m->priority > MAIL_PRIORITY ||
	    !fits(m->sender, sizeof(m->sender)) ||
	    !fits(m->user, sizeof(m->user)) ||
	    !fits(m->client, sizeof(m->client)) ||
	    !fits(m->envid, sizeof(m->envid)) ||
	    !fits(m->held, sizeof(m->held))) {
		return false;
	}
	for (size_t i = 0; i < m->count; i++) {
		if (!mail_is_recipient(&m->recipients[i])) {
			return false;
		}
	}
	return true;
}

int
mail_head_size(char *head, size_t len, uint64_t size)
{
	char digits[MAIL_SIZE_DIGITS + 1];

	if (size > last_size) {
		errno = EFBIG;
		return -1;
	}
	snprintf(digits, sizeof(digits), "%012" PRIu64, size);
	memcpy(head + len - 2 - MAIL_SIZE_DIGITS, digits, MAIL_SIZE_DIGITS);
	return 0;
}

static const char *
or_empty(const char *text)
{
	return text == NULL ? "" : text;
}

static int
make_room(struct mail *m)
{
	if (m->count < m->room) {
		return 0;
	}
	size_t room = m->room == 0 ? FIRST_ROOM : m->room * 2;
	void *p = reallocarray(m->recipients, room, sizeof(*m->recipients));
	if (p == NULL) {
		return -1;
	}
	m->recipients = p;
	m->room = room;
	return 0;
}

static const char *
copy(char **to, const char *text)
{
	char *begin = *to;
	size_t size = strlen(text) + 1;

	memcpy(begin, text, size);
	*to += size;
	return begin;
}

int
mail_add(struct mail *m, const struct recipient *recipient)
{
	struct recipient r = *recipient; /* which may be one of ours */

	r.text = or_empty(r.text);
	r.given = or_empty(r.given);
	r.owner = or_empty(r.owner);
	r.orcpt = or_empty(r.orcpt);
	r.refused = or_empty(r.refused);
	if (!mail_is_recipient(&r)) {
		errno = EINVAL;
		return -1;
	}
	if (m->count >= MAIL_RECIPIENTS) {
		errno = E2BIG;
		return -1;
	}
	char *p =
	    mail_strings(m, strlen(r.text) + strlen(r.given) + strlen(r.owner) +
				strlen(r.orcpt) + strlen(r.refused) + 5);
	if (p == NULL || make_room(m) == -1) {
		return -1;
	}
	r.text = copy(&p, r.text);
	r.given = copy(&p, r.given);
	r.owner = copy(&p, r.owner);
	r.orcpt = copy(&p, r.orcpt);
	r.refused = copy(&p, r.refused);
	m->recipients[m->count++] = r;
	return 0;
}

time_t
mail_begins(const struct mail *m)
{
	return m->hold > m->arrival ? m->hold : m->arrival;
}

bool
mail_is_held(const struct mail *m, const struct slot_state *slot, time_t now)
{
	return m->hold > now && m->hold - now <= MAIL_HOLD &&
	       slot->next == m->hold;
}

bool
mail_insists_on_tls(const struct mail *m)
{
	return m->need_tls && m->sender[0] != '\0';
}

bool
mail_is_ours(const struct mail *m)
{
	return m->user[0] != '\0' || m->client[0] == '\0' ||
	       strcmp(m->client, "local") == 0;
}

void
mail_inherit(struct mail *child, const struct mail *parent)
{
	*child = *parent;
	mail_new_id(child->id);
	child->size = 0;
	child->held[0] = '\0'; /* that one was, and has been released */
	child->recipients = NULL;
	child->count = child->room = 0;
	child->texts = NULL;
}

/* 36 to the power of 12 is below 2 to the power of 63. */
static void
spell(uint64_t number, char id[MAIL_ID + 1])
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

	for (int i = 0; i < MAIL_ID; i++) {
		id[i] = digits[number % (sizeof(digits) - 1)];
		number /= sizeof(digits) - 1;
	}
	id[MAIL_ID] = '\0';
}

void
mail_new_id(char id[MAIL_ID + 1])
{
	uint64_t random;

	/* One call: arc4random(3) begins anew in each process. */
	if (getentropy(&random, sizeof(random)) == -1) {
		arc4random_buf(&random, sizeof(random));
	}
	spell(random, id);
}

void
mail_derive(struct mail_derived *d, const char *id)
{
	d->hash = hash_add(HASH_START, id, strlen(id));
}

void
mail_derive_add(struct mail_derived *d, const char *what, size_t number)
{
	uint64_t n = number;

	d->hash = hash_add(d->hash, what, strlen(what) + 1);
	d->hash = hash_add(d->hash, &n, sizeof(n));
}

void
mail_derived_id(const struct mail_derived *d, char id[MAIL_ID + 1])
{
	spell(d->hash, id);
}

bool
mail_is_id(const char *text)
{
	size_t n = 0;

	for (; n <= MAIL_ID && text[n] != '\0'; n++) {
		char c = text[n];
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			(c >= 'A' && c <= 'Z'))) {
			return false;
		}
	}
	return n == MAIL_ID;
}

bool
mail_is_later(const char line[MAIL_LINE])
{
	static const char first[] = "restante-queue ";
	size_t at = sizeof(first) - 1, end = at;

	if (memcmp(line, first, at) != 0) {
		return false;
	}
	while (end < MAIL_LINE - 1 && line[end] >= '0' && line[end] <= '9') {
		end++;
	}
	size_t digits = end - at;
	return (line[end] == ' ' || line[end] == '\n') && line[at] != '0' &&
	       (digits > 1 || (digits == 1 && line[at] != '1'));
}
