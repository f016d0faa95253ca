/* SPDX-License-Identifier: ISC */
/* A message as RFC 6858 has it for clients that know no UTF-8. */
#include "common/mime/surrogate.h"

#include "common/mime/field.h"

#include <stdlib.h>
#include <string.h>

struct surrogate *
surrogate_open(void)
{
	struct surrogate *s = malloc(sizeof(*s));

	if (s != NULL) {
		memset(s, 0, offsetof(struct surrogate, room));
		multipart_init(&s->walk, s->room, sizeof(s->room));
	}
	return s;
}

void
surrogate_close(struct surrogate *s)
{
	if (s != NULL) {
		output_free(&s->field);
		free(s);
	}
}

void
surrogate_feed(struct surrogate *s, const char *data, size_t len)
{
	multipart_feed(&s->walk, data, len);
}

void
surrogate_finish(struct surrogate *s)
{
	multipart_finish(&s->walk);
}

/* True if a signature is over the header in hand: RFC 1847 section 2.1. */
static bool
is_sealed(const struct surrogate *s)
{
	for (unsigned i = 0; i < s->walk.depth; i++) {
		if (strcmp(s->walk.parts[i].type, "multipart/signed") == 0) {
			return true;
		}
	}
	return false;
}

/* True if there is another text for the field in hand: it is s->field. */
static bool
convert(struct surrogate *s)
{
	struct field field;

	output_clear(&s->field);
	bool changed = !is_sealed(s) &&
	               header_split(s->walk.text, s->walk.len, &field) &&
	               field_surrogate(&field, &s->field) == FIELD_CHANGED;
	s->changed = s->changed || changed;
	s->failed = s->failed || s->field.failed;
	return changed && !s->failed;
}

bool
surrogate_next(struct surrogate *s, const char **text, size_t *len)
{
	enum multipart_event event;

	*len = 0;
	while (*len == 0 &&
	       (event = multipart_next(&s->walk)) != MULTIPART_MORE &&
	       event != MULTIPART_DONE) {
		*text = s->walk.text;
		*len = s->walk.len;
		if (event == MULTIPART_FIELD && convert(s)) {
			*text = s->field.data;
			*len = s->field.len;
		}
	}
	return *len > 0;
}
