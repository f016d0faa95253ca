/* SPDX-License-Identifier: ISC */
/*
 * The changes that a session makes to its mailbox, all under one lock: what is
 * to go is kept aside by whoever asked for that, what was read is marked, and
 * then the one is removed.
 */
#include "spool/mailbox_inside.h"

#include "spool/flags.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What is chosen, in terms of the mailbox as it is now. */
static int
translate(const struct mailbox *m, const struct listing *now,
    const bool *chosen, bool *there)
{
	size_t *where = calloc(m->listing.count + 1, sizeof(*where));

	if (where == NULL || listing_match(&m->listing, now, where) == -1) {
		free(where);
		return -1;
	}
	for (size_t i = m->listing.pseudo; i < m->listing.count; i++) {
		if (chosen[i - m->listing.pseudo] && where[i] != SIZE_MAX) {
			there[where[i]] = true;
		}
	}
	free(where);
	return 0;
}

/* Marks what has been read; then the index is made to fit again. */
static int
mark_read(const struct listing *now, struct hold *h, const bool *read)
{
	bool marked = false;

	for (size_t i = 0; i < now->count; i++) {
		int result =
		    read[i] ? flags_mark_read(h->lock.fd, &now->list[i]) : 0;
		if (result == -1) {
			return -1;
		}
		marked = marked || result == 1;
	}
	size_t size = now->count * sizeof(*now->list);
	struct message *copy = marked ? malloc(size) : NULL;
	if (copy != NULL) {
		memcpy(copy, now->list, size);
		index_store(h->directory, h->lock.fd, copy, now->count);
		free(copy);
	}
	return 0;
}

static int
change(struct mailbox *m, struct hold *h, const struct listing *now,
    const struct mailbox_update *u, bool *gone, bool *read)
{
	size_t count = 0;

	if (translate(m, now, u->deleted, gone) == -1 ||
	    (u->read != NULL && translate(m, now, u->read, read) == -1)) {
		return -1;
	}
	for (size_t i = 0; i < now->count; i++) {
		count += gone[i];
		read[i] = read[i] && !gone[i];
	}
	if (count > 0 && u->keep != NULL &&
	    u->keep(u->context, h->lock.fd, now->list, gone, now->count) ==
		-1) {
		return -1;
	}
	if (u->read != NULL && mark_read(now, h, read) == -1) {
		return -1;
	}
	return listing_expunge(now, h, gone);
}

static int
update(struct mailbox *m, struct hold *h, const struct mailbox_update *u)
{
	struct listing now;
	int result = -1;

	if (listing_load(&now, h) == -1) {
		return -1;
	}
	bool *gone = calloc(now.count + 1, sizeof(*gone));
	bool *read = calloc(now.count + 1, sizeof(*read));
	if (gone != NULL && read != NULL) {
		result = change(m, h, &now, u, gone, read);
	}
	int saved = errno;
	free(gone);
	free(read);
	listing_free(&now);
	errno = saved;
	return result;
}

int
mailbox_update(struct mailbox *m, const struct mailbox_update *u, int timeout)
{
	struct hold h;

	if (m->listing.count == 0) {
		return 0;
	}
	if (mailbox_check(m) == -1) {
		return -1;
	}
	if (store_take(&h, &m->store, LOCK_TO_WRITE, timeout) == -1) {
		return errno == ENOENT ? 0 : -1;
	}
	int result = update(m, &h, u);
	store_release(&h);
	return result;
}
