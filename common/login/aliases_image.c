/* SPDX-License-Identifier: ISC */
/* The image of an aliases file: its entries, the table of them, their texts. */
#include "common/login/aliases_image.h"

#include "common/login/image.h"
#include "common/names/aliases_file.h"

#include <sys/mman.h>

#define NAME "aliases.image"

/* Its numbers. */
enum { COUNT, SIZE, TEXT, MALFORMED, HIGH, LISTS };

/* True if all parts are there: there is an end to each text, and to looking for
   a key. */
static bool
fits(const struct image *image)
{
	uint64_t count = image->numbers[COUNT], size = image->numbers[SIZE];
	uint64_t text = image->numbers[TEXT];

	return count <= UINT32_MAX && size <= UINT32_MAX && count < size &&
	       (size & (size - 1)) == 0 && text > 0 && text <= image->len &&
	       image->len - text == count * sizeof(struct alias_entry) +
	                                size * sizeof(uint32_t) &&
	       ((const char *)image->body)[image->len - 1] == '\0';
}

bool
aliases_image_map(struct aliases *a, const struct config *config)
{
	struct image image;

	if (!image_map(&image, config, NAME, &a->file)) {
		return false;
	}
	if (!fits(&image)) {
		munmap(image.map, image.map_len);
		return false;
	}
	a->entries = image.body;
	a->count = (size_t)image.numbers[COUNT];
	a->table = (const uint32_t *)(a->entries + a->count);
	a->size = (size_t)image.numbers[SIZE];
	a->text = (const char *)(a->table + a->size);
	a->text_len = (size_t)image.numbers[TEXT];
	a->malformed = (size_t)image.numbers[MALFORMED];
	a->high = image.numbers[HIGH] != 0;
	a->lists = image.numbers[LISTS] != 0;
	a->map = image.map;
	a->map_len = image.map_len;
	return true;
}

bool
aliases_image_write(const struct aliases *a, const struct config *config)
{
	const uint64_t numbers[IMAGE_NUMBERS] = { [COUNT] = a->count,
		[SIZE] = a->size,
		[TEXT] = a->text_len,
		[MALFORMED] = a->malformed,
		[HIGH] = a->high,
		[LISTS] = a->lists };
	const struct iovec parts[] = {
		{ .iov_base = (void *)(uintptr_t)a->entries,
		    .iov_len = a->count * sizeof(*a->entries) },
		{ .iov_base = (void *)(uintptr_t)a->table,
		    .iov_len = a->size * sizeof(*a->table) },
		{ .iov_base = (void *)(uintptr_t)a->text,
		    .iov_len = a->text_len },
	};

	return a->count > 0 &&
	       image_write(config, NAME, &a->file, numbers, parts, 3);
}
