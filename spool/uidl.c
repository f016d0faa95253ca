/* SPDX-License-Identifier: ISC */
/*
 * UIDLs as Dovecot and popa3d make them, and as they were noted.
 *
 * Dovecot keeps in the first message of a mailbox
 *
 *	X-IMAPbase: UIDVALIDITY last-UID [keywords]
 *
 * (c-client's own message at the head of a mailbox has it as X-IMAP), and in
 * each message that it has seen
 *
 *	X-UID: UID
 *
 * with blanks after the number to have room.  The first field that makes
 * sense counts; a UID above the last one that was given out makes none.
 *
 * popa3d takes the MD5 of these lines, whole with their line ends and what is
 * folded after them, in the order in which they are there: every Delivered-To
 * and X-Delivery-ID, the first Received, and each Date and Message-ID as long
 * as no Received has been seen.
 *
 * What another server gave out is noted by an import (pop3d --import) in
 *
 *	X-Restante-UIDL: UIDL
 *
 * of which the first counts.
 */
#include "spool/uidl.h"

#include <string.h>
#include <strings.h>

/* The header section is over. */
static bool
ends_header(const struct mbox_line *line)
{
	return line->begins && line->ends && line->len == 0;
}

/* The length of name, which has its colon, if it is the line's; or 0. */
static size_t
named(const struct mbox_line *line, const char *name)
{
	size_t n = strlen(name);

	return line->begins && line->len >= n &&
	               strncasecmp(line->text, name, n) == 0
	           ? n
	           : 0;
}

/* ---- Dovecot ---- */

/* Reads a number of 32 bits at *at, and goes past it; false: there is none. */
static bool
number(const struct mbox_line *line, size_t *at, uint32_t *value)
{
	uint64_t n = 0;
	size_t from = *at;

	for (; *at < line->len && line->text[*at] >= '0' &&
	       line->text[*at] <= '9';
	     ++*at) {
		n = n * 10 + (uint64_t)(line->text[*at] - '0');
		if (n > UINT32_MAX) {
			return false;
		}
	}
	*value = (uint32_t)n;
	return *at > from;
}

static bool
blank(const struct mbox_line *line, size_t at)
{
	return at < line->len &&
	       (line->text[at] == ' ' || line->text[at] == '\t');
}

/* Reads the value of such a field: a number, after one blank or none. */
static bool
first_number(const struct mbox_line *line, size_t *at, uint32_t *value)
{
	*at += blank(line, *at);
	return line->ends && number(line, at, value) && *value > 0;
}

static bool
read_base(const struct mbox_line *line, size_t at, struct uidl_base *base)
{
	struct uidl_base found = { .last = 0 };

	if (!first_number(line, &at, &found.validity)) {
		return false;
	}
	if (at < line->len) {
		size_t digits = at;
		while (digits < line->len && line->text[digits] == ' ') {
			digits++;
		}
		if (digits == at || !number(line, &digits, &found.last) ||
		    (digits < line->len && !blank(line, digits))) {
			return false;
		}
	}
	*base = found;
	return true;
}

bool
uidl_base_line(struct uidl_base *base, const struct mbox_line *line)
{
	size_t at = named(line, "X-IMAPbase:");

	at = at > 0 ? at : named(line, "X-IMAP:");
	return !ends_header(line) && (at == 0 || !read_base(line, at, base));
}

bool
uidl_uid_line(struct uidl_uid *u, const struct mbox_line *line)
{
	size_t at = named(line, "X-UID:");
	uint32_t uid;

	if (at == 0 || !first_number(line, &at, &uid) ||
	    (u->base.last > 0 && uid > u->base.last)) {
		return !ends_header(line);
	}
	while (blank(line, at)) {
		at++;
	}
	u->uid = at == line->len ? uid : 0;
	return u->uid == 0;
}

uint64_t
uidl_uid_number(const struct uidl_uid *u)
{
	return u->uid == 0 || u->base.validity == 0
	           ? 0
	           : (uint64_t)u->uid << 32 | u->base.validity;
}

/* ---- what was noted ---- */

bool
uidl_is_valid(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] < 0x21 || text[i] > 0x7e) {
			return false;
		}
	}
	return len > 0 && len <= UIDL_MOST;
}

bool
uidl_noted_line(char uidl[UIDL_MOST + 1], const struct mbox_line *line)
{
	size_t at = named(line, MBOX_UIDL_FIELD ":"), end = line->len;

	if (at == 0 || !line->ends) {
		return !ends_header(line);
	}
	while (blank(line, at)) {
		at++;
	}
	while (end > at && blank(line, end - 1)) {
		end--;
	}
	if (uidl_is_valid(line->text + at, end - at)) {
		memcpy(uidl, line->text + at, end - at);
		uidl[end - at] = '\0';
	}
	return false;
}

/* ---- popa3d ---- */

void
uidl_digest_start(struct uidl_digest *d)
{
	MD5Init(&d->md5);
	d->received = false;
	d->taken = false;
}

/* True if the field that starts with this line is part of the digest. */
static bool
takes(struct uidl_digest *d, const struct mbox_line *line)
{
	if (named(line, "Received:") > 0) {
		bool first = !d->received;
		d->received = true;
		return first;
	}
	if (named(line, "Date:") > 0 || named(line, "Message-ID:") > 0) {
		return !d->received;
	}
	/* The case of this one X counts, and of no other letter. */
	return named(line, "Delivered-To:") > 0 ||
	       (named(line, "X-Delivery-ID:") > 0 && line->text[0] == 'X');
}

bool
uidl_digest_line(struct uidl_digest *d, const struct mbox_line *line)
{
	if (ends_header(line)) {
		return false;
	}
	if (line->begins && (line->len == 0 || !blank(line, 0))) {
		d->taken = takes(d, line);
	}
	if (d->taken) {
		MD5Update(&d->md5, (const uint8_t *)line->text, line->size);
	}
	return true;
}

/* Its first two words, which are those of a little-endian machine. */
uint64_t
uidl_digest_number(struct uidl_digest *d)
{
	uint8_t digest[MD5_DIGEST_LENGTH];
	uint64_t number = 0;

	MD5Final(digest, &d->md5);
	for (int i = 0; i < 8; i++) {
		number = number << 8 | digest[i < 4 ? 3 - i : 11 - i];
	}
	return number;
}
