/* SPDX-License-Identifier: ISC */
/* The image of a users file: an entry for each line, and their texts. */
#include "common/login/users_image.h"

#include "common/login/image.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define NAME "users.image"

/* Its numbers. */
enum { COUNT, TEXT, KINDS };

/* ---- names as they are read ---- */

static bool
grow(void **list, size_t *room, size_t wanted, size_t size)
{
	size_t n = *room == 0 ? 64 : *room;

	if (wanted <= *room) {
		return true;
	}
	while (n < wanted) {
		n *= 2;
	}
	void *p = reallocarray(*list, n, size);
	if (p == NULL) {
		return false;
	}
	*list = p;
	*room = n;
	return true;
}

/* Where the text is kept. */
static uint32_t
keep(struct users_names *n, const char *text)
{
	size_t size = strlen(text) + 1;
	uint32_t at = (uint32_t)n->used;

	memcpy(n->text + n->used, text, size);
	n->used += size;
	return at;
}

bool
users_names_add(struct users_names *n, const struct user_line *u, uint64_t line)
{
	void *entries = n->entries, *text = n->text;
	bool ok = n->used < UINT32_MAX - 4 * USER_NAME &&
	          n->count < UINT32_MAX &&
	          grow(&entries, &n->room, n->count + 1, sizeof(*n->entries));
	n->entries = entries;
	ok = ok && grow(&text, &n->text_room, n->used + 2 * USER_NAME + 3, 1);
	n->text = text;
	if (!ok) {
		return false;
	}
	if (n->used == 0) {
		n->text[n->used++] = '\0'; /* the empty owner */
	}
	struct names_entry *e = &n->entries[n->count++];
	e->name = keep(n, u->name);
	for (char *p = n->text + e->name; *p != '\0'; p++) {
		*p = (char)(*p >= 'A' && *p <= 'Z' ? *p | 0x20 : *p);
	}
	e->owner = u->owner[0] == '\0' ? 0 : keep(n, u->owner);
	e->line = line & (UINT64_MAX >> 1);
	e->further = u->label[0] != '\0';
	return true;
}

static int
compare(const void *a, const void *b, void *text)
{
	const struct names_entry *x = a, *y = b;
	const char *t = text;
	int c = strcmp(t + x->name, t + y->name);

	if (c != 0) {
		return c;
	}
	if (x->further != y->further) {
		return x->further ? 1 : -1;
	}
	return x->line < y->line ? -1 : x->line > y->line;
}

void
users_names_finish(struct users_names *n, struct names *names)
{
	if (n->count > 0) {
		qsort_r(n->entries, n->count, sizeof(*n->entries), compare,
		    n->text);
	}
	names->entries = names->owned_entries = n->entries;
	names->text = names->owned_text = n->text;
	names->count = n->count;
	names->text_len = n->used;
	memset(n, 0, sizeof(*n));
}

void
users_names_free(struct users_names *n)
{
	free(n->entries);
	free(n->text);
	memset(n, 0, sizeof(*n));
}

/* ---- the image ---- */

bool
users_image_map(
    struct names *n, const struct config *config, const struct stat *users)
{
	struct image image;

	if (!image_map(&image, config, NAME, users)) {
		return false;
	}
	uint64_t count = image.numbers[COUNT];
	if (count > image.len / sizeof(struct names_entry) ||
	    image.numbers[TEXT] !=
		image.len - count * sizeof(struct names_entry) ||
	    image.numbers[TEXT] == 0 ||
	    ((const char *)image.body)[image.len - 1] != '\0') {
		munmap(image.map, image.map_len);
		return false;
	}
	n->entries = image.body;
	n->count = (size_t)count;
	n->text = (const char *)(n->entries + n->count);
	n->text_len = (size_t)image.numbers[TEXT];
	names_set_kinds(n, (unsigned)image.numbers[KINDS]);
	n->map = image.map;
	n->map_len = image.map_len;
	return true;
}

bool
users_image_write(const struct names *n, const struct config *config)
{
	const uint64_t numbers[IMAGE_NUMBERS] = { [COUNT] = n->count,
		[TEXT] = n->text_len,
		[KINDS] = names_kinds(n) };
	const struct iovec parts[] = {
		{ .iov_base = (void *)(uintptr_t)n->entries,
		    .iov_len = n->count * sizeof(*n->entries) },
		{ .iov_base = (void *)(uintptr_t)n->text,
		    .iov_len = n->text_len },
	};

	return n->count > 0 &&
	       image_write(config, NAME, &n->file, numbers, parts, 2);
}
