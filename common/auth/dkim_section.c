/* SPDX-License-Identifier: ISC */
/* Which fields of a header section are signed (RFC 6376 section 5.4.2). */
#include "common/auth/dkim_private.h"

#include "common/auth/tags.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* An order of names, in any case. */
static int
compare(const void *a, const void *b)
{
	const struct section_name *x = a, *y = b;

	return x->name.len < y->name.len ? -1
	       : x->name.len > y->name.len
	           ? 1
	           : strncasecmp(x->name.at, y->name.at, x->name.len);
}

/* Adds field i, which is below those before it.  0, or -1: no memory. */
static int
add_name(struct section *s, size_t i, size_t none)
{
	const struct field *f = &s->fields[i];
	struct section_name *own = &s->names[i], **found;

	*own = (struct section_name){ { f->name, f->name_len }, none };
	found = tsearch(own, &s->tree, compare);
	if (found == NULL) {
		return -1;
	}
	s->above[i] = (*found)->lowest;
	(*found)->lowest = i;
	return 0;
}

static size_t
count_fields(const char *header, size_t len)
{
	const char *at = header, *end = header + len;
	struct field f;
	size_t count = 0;

	while (header_next(&at, end, &f)) {
		count++;
	}
	return count;
}

int
section_open(struct section *s, const char *header, size_t len)
{
	*s = (struct section){ .count = 0 };
	if (len > DKIM_HEADER) {
		errno = E2BIG;
		return -1;
	}
	size_t count = count_fields(header, len);
	s->fields = calloc(count + 1, sizeof(*s->fields));
	s->used = calloc(count + 1, sizeof(*s->used));
	s->above = calloc(count + 1, sizeof(*s->above));
	s->names = calloc(count + 1, sizeof(*s->names));
	if (s->fields == NULL || s->used == NULL || s->above == NULL ||
	    s->names == NULL) {
		section_close(s);
		errno = ENOMEM;
		return -1;
	}
	for (const char *at = header; s->count < count; s->count++) {
		if (!header_next(&at, header + len, &s->fields[s->count])) {
			break;
		}
		if (add_name(s, s->count, count) == -1) {
			section_close(s);
			errno = ENOMEM;
			return -1;
		}
	}
	return 0;
}

static void
keep(void *name)
{
	(void)name; /* it is one of an array */
}

void
section_close(struct section *s)
{
	free(s->fields);
	free(s->used);
	tdestroy(s->tree, keep);
	free(s->above);
	free(s->names);
	*s = (struct section){ .count = 0 };
}

static void
add(void *context, const char *octets, size_t len)
{
	crypto_hash_add(context, octets, len);
}

struct canon_sink
section_sink(struct crypto_hash *hash)
{
	return (struct canon_sink){ add, hash };
}

/* The lowest field of that name that was not taken yet, and not the signature
   itself; NULL: there is none, and so nothing is hashed. */
static const struct field *
take_field(
    struct section *s, struct span name, const struct dkim_signature *own)
{
	const struct section_name key = { .name = name };
	struct section_name *const *found = tfind(&key, &s->tree, compare);
	size_t i = found == NULL ? s->count : (*found)->lowest;

	for (; i < s->count; i = s->above[i]) {
		const struct field *f = &s->fields[i];
		if (!s->used[i] && f->text != own->field.text) {
			s->used[i] = true;
			return f;
		}
	}
	return NULL;
}

void
section_hash(struct section *s, const struct dkim_signature *own,
    uint8_t digest[CRYPTO_SHA256])
{
	struct crypto_hash hash;
	struct canon_sink sink = section_sink(&hash);
	struct span rest = own->names, name;

	crypto_hash_begin(&hash);
	memset(s->used, 0, s->count * sizeof(*s->used));
	while (tags_item(&rest, &name)) {
		/* Lines without a name are not what an empty one asks for. */
		const struct field *f =
		    name.len == 0 ? NULL : take_field(s, name, own);
		if (f != NULL) {
			canon_field(own->header, f, &sink);
		}
	}
	canon_signature(own->header, &own->field, &sink);
	crypto_hash_result(&hash, digest);
}
