/* SPDX-License-Identifier: ISC */
/*
 * A message is told by its id, the digest of what a client sees of it.  Ids are
 * noted once their messages are in the mailbox; a kill between the two does no
 * harm, because the mailbox is looked at as well.
 */
#include "spool/intake.h"

#include "common/io/file.h"
#include "common/io/owned.h"
#include "common/io/statefile.h"
#include "common/tls/crypto.h"
#include "spool/append.h"
#include "spool/visible.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	ID = 16,
	TOGETHER = 4 * 1024 * 1024, /* octets of messages written together */
	TRIES = 5,
	READ = 4096, /* octets of the record, a multiple of ID */
};

/* How many messages have this id. */
struct slot {
	uint8_t id[ID];
	uint32_t there; /* in the mailbox at the beginning */
	uint32_t noted; /* in the record */
	uint32_t seen;  /* of those that were added */
	bool used;
};

struct intake {
	struct store store;
	enum intake_kind kind;
	int timeout;
	int record; /* "imported", locked */
	off_t recorded;
	struct slot *table;
	size_t size, used; /* a power of 2; more than half of it is empty */
	bool was_empty;
	struct crypto_hash hash;
	/* What was added and is not written yet: */
	struct append batch[APPEND_MOST];
	struct message messages[APPEND_MOST];
	size_t count;
	int64_t octets;
	size_t taken, known;
};

/* ---- the table ---- */

/* The slot of that id, or the empty one that it gets. */
static struct slot *
find(struct slot *table, size_t size, const uint8_t id[ID])
{
	uint64_t at;

	memcpy(&at, id, sizeof(at)); /* it is a digest */
	while (table[at & (size - 1)].used &&
	       memcmp(table[at & (size - 1)].id, id, ID) != 0) {
		at++;
	}
	return &table[at & (size - 1)];
}

static int
grow(struct intake *t)
{
	size_t size = t->size == 0 ? 1024 : t->size * 2;
	struct slot *table = calloc(size, sizeof(*table));

	if (table == NULL) {
		return -1;
	}
	for (size_t i = 0; i < t->size; i++) {
		if (t->table[i].used) {
			*find(table, size, t->table[i].id) = t->table[i];
		}
	}
	free(t->table);
	t->table = table;
	t->size = size;
	return 0;
}

/* NULL: no memory. */
static struct slot *
slot_of(struct intake *t, const uint8_t id[ID])
{
	if (t->used * 2 >= t->size && grow(t) == -1) {
		return NULL;
	}
	struct slot *s = find(t->table, t->size, id);
	if (!s->used) {
		memcpy(s->id, id, ID);
		s->used = true;
		t->used++;
	}
	return s;
}

/* ---- the beginning ---- */

/* Opens and locks the record; it may end in half an id. */
static int
open_record(struct intake *t)
{
	t->record =
	    owned_open_at(t->store.directory, "imported", O_RDWR | O_CREAT);
	if (t->record == -1) {
		return -1;
	}
	if (statefile_lock(t->record, F_WRLCK, 0, 0, 1, 0) == -1) {
		errno = errno == EAGAIN || errno == EACCES ? EBUSY : errno;
		return -1;
	}
	off_t end = lseek(t->record, 0, SEEK_END);
	t->recorded = end - end % ID;
	return end == -1 ? -1 : 0;
}

static int
read_record(struct intake *t)
{
	uint8_t ids[READ];

	for (off_t at = 0; at < t->recorded;) {
		off_t left = t->recorded - at;
		size_t n = left < READ ? (size_t)left : READ;
		if (file_read(t->record, ids, n, at) == -1) {
			return -1;
		}
		for (size_t i = 0; i < n; i += ID) {
			struct slot *s = slot_of(t, ids + i);
			if (s == NULL) {
				return -1;
			}
			s->noted++;
		}
		at += (off_t)n;
	}
	return 0;
}

static int
count_mailbox(struct intake *t, struct mailbox *m)
{
	if (mailbox_identify(m) == -1) {
		return -1;
	}
	for (size_t i = 0; i < mailbox_count(m); i++) {
		struct slot *s = slot_of(t, mailbox_message(m, i)->id);
		if (s == NULL) {
			return -1;
		}
		s->there++;
	}
	return 0;
}

/* True if there is nothing in it, not even a hidden message. */
static bool
is_empty(const char *mailbox)
{
	struct stat st;

	return stat(mailbox, &st) == -1 ? errno == ENOENT : st.st_size == 0;
}

/* Another program may change the mailbox meanwhile. */
static int
read_mailbox(struct intake *t)
{
	struct mailbox *m;
	int result = -1;

	t->was_empty = is_empty(t->store.mailbox);
	errno = ESTALE;
	for (int i = 0; i < TRIES && result == -1 && errno == ESTALE; i++) {
		if (mailbox_open(&m, &t->store, t->timeout) == -1) {
			return -1;
		}
		result = count_mailbox(t, m);
		int saved = errno;
		mailbox_close(m);
		errno = saved;
	}
	return result;
}

int
intake_open(struct intake **out, const struct store *store,
    enum intake_kind kind, int timeout)
{
	struct intake *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		return -1;
	}
	t->store = *store;
	t->kind = kind;
	t->timeout = timeout;
	t->record = -1;
	crypto_hash_begin(&t->hash);
	if (grow(t) == -1 || open_record(t) == -1 || read_record(t) == -1 ||
	    read_mailbox(t) == -1) {
		int saved = errno;
		intake_close(t);
		errno = saved;
		return -1;
	}
	*out = t;
	return 0;
}

void
intake_close(struct intake *t)
{
	if (t != NULL) {
		if (t->record != -1) {
			close(t->record);
		}
		free(t->table);
		free(t);
	}
}

/* ---- writing ---- */

/* Notes that a message is in the mailbox. */
static int
note(struct intake *t, struct slot *s)
{
	if (t->kind != INTAKE_IMPORT) {
		return 0;
	}
	if (file_write(t->record, s->id, ID, t->recorded) == -1) {
		return -1;
	}
	t->recorded += ID;
	s->noted++;
	return 0;
}

int
intake_flush(struct intake *t)
{
	int errors[APPEND_MOST], error = 0;
	size_t n = t->count;

	t->count = 0;
	t->octets = 0;
	if (n == 0) {
		return 0;
	}
	if (append_messages(t->batch, n, errors) == -1) {
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		const struct message *m = &t->messages[i];
		error = error == 0 ? errors[i] : error;
		if (errors[i] != 0 || m->pseudo) {
			continue;
		}
		t->taken++;
		struct slot *s = slot_of(t, m->id);
		if ((s == NULL || note(t, s) == -1) && error == 0) {
			error = errno;
		}
	}
	errno = error;
	return error == 0 ? 0 : -1;
}

static int
put(struct intake *t, int fd, const struct message *m)
{
	t->messages[t->count] = *m;
	t->batch[t->count] = (struct append){ .store = &t->store,
		.sender = "",
		.message = fd,
		.stored = &t->messages[t->count],
		.timeout = t->timeout };
	t->count++;
	t->octets += m->end - m->start;
	return t->count == APPEND_MOST || t->octets >= TOGETHER
	           ? intake_flush(t)
	           : 0;
}

int
intake_add(struct intake *t, int fd, const struct message *message)
{
	struct message m = *message;

	if (visible_digest(fd, &m, &t->hash) == -1) {
		return -1;
	}
	struct slot *s = slot_of(t, m.id);
	if (s == NULL) {
		return -1;
	}
	bool remembered = t->kind == INTAKE_IMPORT && s->noted > s->seen;
	s->seen++;
	if (s->seen > s->there && !remembered) {
		m.pseudo = false;
		return put(t, fd, &m);
	}
	t->known++;
	return remembered ? 0 : note(t, s);
}

int
intake_add_hidden(struct intake *t, int fd, const struct message *message)
{
	struct message m = *message;

	m.pseudo = true;
	return put(t, fd, &m);
}

size_t
intake_pending(const struct intake *t)
{
	return t->count;
}

size_t
intake_taken(const struct intake *t)
{
	return t->taken;
}

size_t
intake_known(const struct intake *t)
{
	return t->known;
}

bool
intake_was_empty(const struct intake *t)
{
	return t->was_empty;
}
