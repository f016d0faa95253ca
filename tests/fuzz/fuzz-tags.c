/* SPDX-License-Identifier: ISC */
/* Tag lists: what is valid has the same tags for both ways of reading it. */
#include "common/auth/tags.h"

#include "tests/fuzz/fuzz.h"

static void
values(struct span value, char *room)
{
	struct span rest = value, item;
	uint64_t number;
	size_t n = 0;

	while (tags_item(&rest, &item)) {
		MUST(item.len <= value.len);
		n++;
	}
	MUST(n >= 1 && n <= value.len + 1);
	(void)tags_number(value, &number);
	MUST(tags_base64(value, room, value.len) <= (ssize_t)value.len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), *room = fuzz_text(data, size);
	struct tags t = { text, text + size };
	bool valid = tags_valid(text, size);
	char name[64];
	struct span found;
	struct tag tag;
	enum tags_result r;
	size_t count = 0;

	while ((r = tags_next(&t, &tag)) != TAGS_END) {
		MUST(r == TAGS_TAG || !valid);
		MUST(++count <= TAGS_MOST || !valid);
		if (r != TAGS_TAG || tag.name.len >= sizeof(name)) {
			continue;
		}
		memcpy(name, tag.name.at, tag.name.len);
		name[tag.name.len] = '\0';
		MUST(tags_find(text, size, name, &found));
		MUST(!valid || found.at == tag.value.at);
		values(tag.value, room);
	}
	free(room);
	free(text);
	return 0;
}
