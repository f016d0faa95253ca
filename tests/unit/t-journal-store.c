/* SPDX-License-Identifier: ISC */
/* Files and names in memory, and what a power cut leaves of them. */
#include "tests/unit/t-journal-store.h"

struct disk_manners disk_manners = { .block = 512 };

/* ---- files ---- */

static struct change *
new_change(struct file *f)
{
	if (f->count == f->room) {
		f->room = f->room * 2 + 16;
		f->changes = realloc(f->changes, f->room * sizeof(*f->changes));
		scratch_need(f->changes != NULL, "realloc");
	}
	struct change *c = &f->changes[f->count++];
	memset(c, 0, sizeof(*c));
	return c;
}

static void
resize(struct bytes *b, size_t len)
{
	if (len > b->len) {
		bytes_fill(b, '\0', len - b->len);
	}
	b->len = len;
}

static void
note_size(struct file *f)
{
	struct change *c = new_change(f);

	c->is_size = true;
	c->at = f->now.len;
}

/* Notes the new content of the blocks that hold these bytes. */
static void
note_blocks(struct file *f, size_t from, size_t to)
{
	size_t block = disk_manners.block;

	for (size_t at = from / block * block; at < to; at += block) {
		struct change *c = new_change(f);
		c->at = at;
		memcpy(c->data, f->now.data + at,
		    f->now.len - at < block ? f->now.len - at : block);
	}
}

void
file_grow(struct file *f, size_t len)
{
	if (len > f->now.len) {
		resize(&f->now, len);
		note_size(f);
	}
}

void
file_put(struct file *f, const char *data, size_t len, size_t at)
{
	if (len == 0) {
		return;
	}
	file_grow(f, at + len);
	memcpy(f->now.data + at, data, len);
	note_blocks(f, at, at + len);
}

/*
 * The rest of the last block becomes zero, as data: file systems may write
 * that before they write the new size.
 */
void
file_cut(struct file *f, size_t len)
{
	size_t block = disk_manners.block;
	size_t end = (len + block - 1) / block * block;

	if (len < f->now.len && len < end) {
		struct change *c = new_change(f);
		c->at = end - block;
		memcpy(c->data, f->now.data + c->at, len - c->at);
	}
	resize(&f->now, len);
	note_size(f);
}

void
file_sync(struct file *f)
{
	f->disk.len = 0;
	bytes_add(&f->disk, f->now.data, f->now.len);
	f->count = 0;
}

/* Lets some of the changes reach the disk; part: in sixteenths. */
static void
write_back(struct file *f, size_t part, bool sizes)
{
	size_t len = f->disk.len;

	for (size_t i = 0; i < f->count; i++) {
		const struct change *c = &f->changes[i];
		if (random_below(16) >= part || (c->is_size && !sizes)) {
			continue;
		}
		if (c->is_size) {
			len = c->at;
			continue;
		}
		size_t end = c->at + disk_manners.block;
		if (end > f->disk.len) {
			resize(&f->disk, end);
		}
		memcpy(f->disk.data + c->at, c->data, disk_manners.block);
	}
	resize(&f->disk, len);
}

/* A sync that fails: the blocks are not tried again, though all looks well. */
void
file_sync_badly(struct file *f)
{
	size_t kept = 0;

	write_back(f, random_below(17), false);
	for (size_t i = 0; i < f->count; i++) {
		if (f->changes[i].is_size) {
			f->changes[kept++] = f->changes[i];
		}
	}
	f->count = kept;
}

void
file_power_cut(struct file *f, size_t part)
{
	write_back(f, part, true);
	f->now.len = 0;
	bytes_add(&f->now, f->disk.data, f->disk.len);
	f->count = 0;
}

/* ---- names ---- */

int
names_find(const struct names *n, const char *name)
{
	for (size_t i = 0; i < n->count; i++) {
		if (strcmp(n->list[i].name, name) == 0) {
			return n->list[i].file;
		}
	}
	return -1;
}

static void
set(struct names *n, const char *name, int file)
{
	size_t i = 0;

	while (i < n->count && strcmp(n->list[i].name, name) != 0) {
		i++;
	}
	if (i == n->count) {
		scratch_need(n->count++ < NAMES, "too many names");
		snprintf(n->list[i].name, NAME_LEN, "%s", name);
	}
	n->list[i].file = file;
}

void
names_set(struct directory *d, const char *name, int file)
{
	set(&d->now, name, file);
	if (d->count == d->room) {
		d->room = d->room * 2 + 16;
		d->changes = realloc(d->changes, d->room * sizeof(*d->changes));
		scratch_need(d->changes != NULL, "realloc");
	}
	struct name *n = &d->changes[d->count++];
	snprintf(n->name, NAME_LEN, "%s", name);
	n->file = file;
	n->with_last = false;
}

void
names_rename(struct directory *d, const char *from, const char *to)
{
	names_set(d, to, names_find(&d->now, from));
	names_set(d, from, -1);
	d->changes[d->count - 1].with_last = true;
}

void
names_sync(struct directory *d)
{
	d->disk = d->now;
	d->count = 0;
}

void
names_power_cut(struct directory *d, size_t part)
{
	bool taken = false;

	for (size_t i = 0; i < d->count; i++) {
		if (!d->changes[i].with_last) {
			taken = store_chance(16) < part;
		}
		if (taken) {
			set(&d->disk, d->changes[i].name, d->changes[i].file);
		}
	}
	d->now = d->disk;
	d->count = 0;
}

void
store_seed(uint64_t seed)
{
	random_state = seed * 0x9e3779b97f4a7c15u + 1;
}

size_t
store_chance(size_t limit)
{
	return random_below(limit);
}
