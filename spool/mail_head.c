/* SPDX-License-Identifier: ISC */
/*
 * Writes the head of a queue file (restante-queue(5)):
 *
 *   restante-queue 1  000002          the number of recipients
 *   w- 0003 1763800000 1763790000     one line for each: what changes
 *   s- 0001 0000000000 1763790000
 *   id: 4k2m8x0a1b7c                  and then what does not
 *   arrival: 1763780000
 *   sender: alice@example.org
 *   to: a bob@example.net
 *   notify: failure,delay
 *   to: u carol
 *   size: 000000004711
 *
 * and an empty line.  The first lines have 32 octets each, so that one is
 * overwritten in place and lies in one sector of any disk.
 */
#include "spool/mail.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char mail_states[] = "wsxfr";
const char mail_targets[] = "aufp";
const char *const mail_by_modes[] = { "", "notify", "return" };
const char *const mail_notify[] = { "never", "success", "failure", "delay",
	NULL };

static const int64_t last_time = 9999999999; /* ten digits */
static const uint64_t last_size = 999999999999;

static int64_t
bounded(time_t t)
{
	return t < 0 ? 0 : t > last_time ? last_time : t;
}

void
mail_slot(const struct slot_state *s, char line[MAIL_LINE])
{
	char text[MAIL_LINE + 1];
	unsigned attempts = s->attempts > 9999 ? 9999 : s->attempts;

	snprintf(text, sizeof(text),
	    "%c%c %04u %010" PRId64 " %010" PRId64 "  \n",
	    mail_states[s->state], s->delay_notice ? 'd' : '-', attempts,
	    bounded(s->next), bounded(s->last));
	memcpy(line, text, MAIL_LINE);
}

static bool
is_clean(const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		if (c < ' ' || c == 0x7f) {
			return false;
		}
	}
	return true;
}

static bool
is_valid(const struct mail *m)
{
	if (!mail_is_id(m->id) || m->count == 0 || m->arrival < 0 ||
	    m->priority < -MAIL_PRIORITY || m->priority > MAIL_PRIORITY ||
	    !is_clean(m->sender) || !is_clean(m->user) ||
	    !is_clean(m->client) || !is_clean(m->envid)) {
		return false;
	}
	for (size_t i = 0; i < m->count; i++) {
		if (!mail_is_recipient(&m->recipients[i])) {
			return false;
		}
	}
	return true;
}

/* A line that is left out when it would say nothing. */
static void
put(FILE *f, const char *key, const char *value)
{
	if (value[0] != '\0') {
		fprintf(f, "%s: %s\n", key, value);
	}
}

static void
put_notify(FILE *f, unsigned notify)
{
	const char *before = "notify: ";

	for (size_t i = 0; mail_notify[i] != NULL; i++) {
		if ((notify >> i & 1) != 0) {
			fprintf(f, "%s%s", before, mail_notify[i]);
			before = ",";
		}
	}
	if (notify != 0) {
		putc('\n', f);
	}
}

static void
put_recipient(FILE *f, const struct recipient *r)
{
	fprintf(f, "to: %c %s\n", mail_targets[r->target], r->text);
	put(f, "given", r->given);
	put(f, "owner", r->owner);
	put(f, "orcpt", r->orcpt);
	put_notify(f, r->notify);
}

static void
put_mail(FILE *f, const struct mail *m)
{
	static const char *const rets[] = { "", "full", "hdrs" };
	char slot[MAIL_LINE];

	fprintf(f, "restante-queue 1  %06zu       \n", m->count);
	for (size_t i = 0; i < m->count; i++) {
		mail_slot(&m->recipients[i].slot, slot);
		fwrite(slot, sizeof(slot), 1, f);
	}
	fprintf(f, "id: %s\narrival: %" PRId64 "\nsender: %s\n", m->id,
	    bounded(m->arrival), m->sender);
	put(f, "user", m->user);
	put(f, "client", m->client);
	put(f, "envid", m->envid);
	put(f, "ret", rets[m->ret]);
	put(f, "body", m->eight_bit ? "8bit" : "");
	put(f, "utf8", m->utf8 ? "yes" : "");
	put(f, "tls",
	    m->need_tls       ? "required"
	    : m->tls_optional ? "optional"
			      : "");
	if (m->hold != 0) {
		fprintf(f, "hold: %" PRId64 "\n", bounded(m->hold));
	}
	if (m->by.mode != BY_UNSAID) {
		fprintf(f, "by: %s %" PRId64 "%s\n", mail_by_modes[m->by.mode],
		    bounded(m->by.time), m->by.trace ? " trace" : "");
	}
	if (m->priority != 0) {
		fprintf(f, "priority: %d\n", m->priority);
	}
	for (size_t i = 0; i < m->count; i++) {
		put_recipient(f, &m->recipients[i]);
	}
	fprintf(f, "size: %012" PRIu64 "\n\n", m->size);
}

char *
mail_head(const struct mail *m, size_t *len)
{
	char *text = NULL;

	if (!is_valid(m) || m->size > last_size) {
		errno = EINVAL;
		return NULL;
	}
	FILE *f = open_memstream(&text, len);
	if (f == NULL) {
		return NULL;
	}
	put_mail(f, m);
	bool bad = ferror(f) != 0;
	if (fclose(f) == EOF || bad) {
		free(text);
		errno = ENOMEM;
		return NULL;
	}
	if (*len > MAIL_HEAD) {
		free(text);
		errno = E2BIG;
		return NULL;
	}
	return text;
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
