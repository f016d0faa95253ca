/* SPDX-License-Identifier: ISC */
/* Octets that are written, in memory that grows. */
#include "common/text/output.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static bool
grow(struct output *o, size_t len)
{
	if (len > SIZE_MAX / 4 - o->len) {
		return false;
	}
	size_t room = (o->len + len) * 2;
	char *data = realloc(o->data, room);
	if (data == NULL) {
		return false;
	}
	o->data = data;
	o->room = room;
	return true;
}

void
output_add(struct output *o, const void *data, size_t len)
{
	if (len == 0 || o->failed) {
		return;
	}
	if (len > o->room - o->len && !grow(o, len)) {
		o->failed = true;
		return;
	}
	memcpy(o->data + o->len, data, len);
	o->len += len;
}

void
output_text(struct output *o, const char *text)
{
	output_add(o, text, strlen(text));
}

void
output_clear(struct output *o)
{
	o->len = 0;
}

void
output_free(struct output *o)
{
	free(o->data);
	*o = (struct output){ 0 };
}

size_t
output_column(const struct output *o)
{
	const char *lf = o->len == 0 ? NULL : memrchr(o->data, '\n', o->len);

	return lf == NULL ? o->len : o->len - (size_t)(lf + 1 - o->data);
}
