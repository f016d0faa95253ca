/* SPDX-License-Identifier: ISC */
/*
 * UIDLs in the style of another server, for clients that have retrieved mail
 * there.  Theirs may be the same for several messages: all but the first
 * then have our own UIDL after it, which depends on nothing but the
 * content of the message.  So have those that popa3d knows nothing of, since
 * they would take each other's place when one is deleted.
 */
#include "pop3d/mailbox/uidl.h"

#include "pop3d/mailbox/uidl_private.h"
#include "spool/uidl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
take_base(void *context, const struct mbox_line *line)
{
	return uidl_base_line(context, line);
}

static bool
take_uid(void *context, const struct mbox_line *line)
{
	return uidl_uid_line(context, line);
}

static bool
take_digest(void *context, const struct mbox_line *line)
{
	return uidl_digest_line(context, line);
}

/* A message that another program has removed meanwhile needs no number. */
static int
read_uid(
    struct mailbox *m, size_t i, const struct uidl_base *base, uint64_t *number)
{
	struct uidl_uid uid = { .base = *base };
	int result = mailbox_read_stored(m, i, take_uid, &uid);

	*number = result == 0 ? uidl_uid_number(&uid) : 0;
	return result == -1 && errno == ESTALE ? 0 : result;
}

static int
read_digest(struct mailbox *m, size_t i, uint64_t *number)
{
	struct uidl_digest digest;

	uidl_digest_start(&digest);
	int result = mailbox_read_stored(m, i, take_digest, &digest);
	*number = uidl_digest_number(&digest);
	if (result == -1 && errno == ESTALE) {
		*number = 0;
		return 0;
	}
	return result;
}

static int
read_all(struct uidls *u, struct mailbox *m, enum uidl_style style)
{
	struct uidl_base base = { .validity = 0 };
	size_t n = mailbox_count(m);
	int result = 0;

	/* Without its base no UIDL would be right: a failure is one. */
	if (n > 0 && style == UIDL_DOVECOT &&
	    mailbox_read_stored(m, MAILBOX_FIRST, take_base, &base) == -1) {
		return -1;
	}
	for (size_t i = 0; result == 0 && i < n; i++) {
		result = style == UIDL_DOVECOT
		             ? read_uid(m, i, &base, &u->numbers[i])
		             : read_digest(m, i, &u->numbers[i]);
	}
	return result;
}

/* ---- those that are the same ---- */

static int
by_number(const void *a, const void *b)
{
	const uint64_t *x = *(const uint64_t *const *)a;
	const uint64_t *y = *(const uint64_t *const *)b;

	if (*x != *y) {
		return *x < *y ? -1 : 1;
	}
	return x < y ? -1 : 1;
}

static int
find_shared(struct uidls *u, size_t count)
{
	const uint64_t **order = calloc(count + 1, sizeof(*order));

	if (order == NULL) {
		return -1;
	}
	for (size_t i = 0; i < count; i++) {
		order[i] = &u->numbers[i];
	}
	qsort(order, count, sizeof(*order), by_number);
	for (size_t i = 0; i < count; i++) {
		u->shared[order[i] - u->numbers] =
		    *order[i] == UIDL_DIGEST_EMPTY ||
		    (i > 0 && *order[i] == *order[i - 1]);
	}
	free(order);
	return 0;
}

/* Our own ids are for messages that the other server had none for. */
static int
identify(const struct uidls *u, struct mailbox *m, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (u->numbers[i] == 0 || u->shared[i]) {
			return mailbox_identify(m);
		}
	}
	return 0;
}

/* Reads the numbers of that style. */
static int
read_numbers(struct uidls *u, struct mailbox *m, enum uidl_style style)
{
	u->numbers = calloc(u->count + 1, sizeof(*u->numbers));
	u->shared = calloc(u->count + 1, sizeof(*u->shared));
	return u->numbers == NULL || u->shared == NULL ||
	               read_all(u, m, style) == -1 ||
	               find_shared(u, u->count) == -1 ||
	               identify(u, m, u->count) == -1
	           ? -1
	           : 0;
}

int
uidls_open(struct uidls **out, struct mailbox *m, enum uidl_style style)
{
	struct uidls *u = calloc(1, sizeof(*u));

	if (u == NULL) {
		return -1;
	}
	u->count = mailbox_count(m);
	int result = style == UIDL_HEADER ? uidls_read_noted(u, m)
	                                  : read_numbers(u, m, style);
	if (result == -1) {
		int saved = errno;
		uidls_close(u);
		errno = saved;
		return -1;
	}
	*out = u;
	return 0;
}

void
uidls_close(struct uidls *u)
{
	if (u != NULL) {
		for (size_t i = 0; u->noted != NULL && i < u->count; i++) {
			free(u->noted[i]);
		}
		free(u->noted);
		free(u->numbers);
		free(u->shared);
		free(u);
	}
}

void
uidls_text(const struct uidls *u, const struct mailbox *m, size_t index,
    char text[MAILBOX_UIDL + 1])
{
	char own[MAILBOX_UIDL + 1];

	if (u != NULL && u->noted != NULL && u->noted[index] != NULL) {
		strlcpy(text, u->noted[index], MAILBOX_UIDL + 1);
		return;
	}
	mailbox_uidl(mailbox_message(m, index), own);
	if (u == NULL || u->noted != NULL || u->numbers[index] == 0) {
		memcpy(text, own, sizeof(own));
		return;
	}
	/* 16 digits, a dot, 32 digits, and 11 octets for copies at most */
	bool shared = u->shared[index];
	snprintf(text, MAILBOX_UIDL + 1, "%016llx%s%.50s",
	    (unsigned long long)u->numbers[index], shared ? "." : "",
	    shared ? own : "");
}
