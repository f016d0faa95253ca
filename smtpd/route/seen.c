/* SPDX-License-Identifier: ISC */
/* A set of texts by open addressing. */
#include "smtpd/route/seen.h"

#include "common/text/hash.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_SIZE = 16 };

static size_t
hash(const char *text)
{
	uint64_t h = hash_add(HASH_START, text, strlen(text));

	return (size_t)(h ^ h >> 32);
}

static char **
place(char **texts, size_t size, const char *text)
{
	size_t i = hash(text) & (size - 1);

	while (texts[i] != NULL && strcmp(texts[i], text) != 0) {
		i = (i + 1) & (size - 1);
	}
	return &texts[i];
}

/* Keeps the table at most half full. */
static int
make_room(struct seen *s)
{
	if (s->count * 2 < s->size) {
		return 0;
	}
	size_t size = s->size == 0 ? FIRST_SIZE : s->size * 2;
	char **texts = calloc(size, sizeof(*texts));
	if (texts == NULL) {
		return -1;
	}
	for (size_t i = 0; i < s->size; i++) {
		if (s->texts[i] != NULL) {
			*place(texts, size, s->texts[i]) = s->texts[i];
		}
	}
	free(s->texts);
	s->texts = texts;
	s->size = size;
	return 0;
}

int
seen_add(struct seen *s, const char *text)
{
	if (make_room(s) == -1) {
		return -1;
	}
	char **to = place(s->texts, s->size, text);
	if (*to != NULL) {
		return 0;
	}
	*to = strdup(text);
	if (*to == NULL) {
		return -1;
	}
	s->count++;
	return 1;
}

void
seen_free(struct seen *s)
{
	for (size_t i = 0; i < s->size; i++) {
		free(s->texts[i]);
	}
	free(s->texts);
	*s = (struct seen){ .size = 0 };
}
