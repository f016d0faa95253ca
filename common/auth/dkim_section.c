/* SPDX-License-Identifier: ISC */
/* Which fields of a header section are signed (RFC 6376 section 5.4.2). */
#include "common/auth/dkim_private.h"

#include "common/auth/tags.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* FNV-1a of a name in small letters. */
static uint32_t
name_hash(const char *name, size_t len)
{
	uint32_t hash = 2166136261U;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)name[i];
		c = c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32) : c;
		hash = (hash ^ c) * 16777619U;
	}
	return hash;
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
	s->names = calloc(count + 1, sizeof(*s->names));
	if (s->fields == NULL || s->used == NULL || s->names == NULL) {
		section_close(s);
		errno = ENOMEM;
		return -1;
	}
	for (const char *at = header; s->count < count; s->count++) {
		struct field *f = &s->fields[s->count];
		if (!header_next(&at, header + len, f)) {
			break;
		}
		s->names[s->count] = name_hash(f->name, f->name_len);
	}
	return 0;
}

void
section_close(struct section *s)
{
	free(s->fields);
	free(s->used);
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
	uint32_t hash = name_hash(name.at, name.len);

	for (size_t i = s->count; i-- > 0;) {
		const struct field *f = &s->fields[i];
		if (s->names[i] == hash && !s->used[i] &&
		    f->text != own->field.text && f->name_len == name.len &&
		    strncasecmp(f->name, name.at, name.len) == 0) {
			s->used[i] = true;
			return f;
		}
	}
	return NULL;
}

int
section_hash(struct section *s, const struct dkim_signature *own,
    uint8_t digest[CRYPTO_SHA256])
{
	struct crypto_hash *hash = crypto_hash_open();
	struct span rest = own->names, name;

	if (hash == NULL) {
		return -1;
	}
	struct canon_sink sink = section_sink(hash);
	memset(s->used, 0, s->count * sizeof(*s->used));
	while (tags_item(&rest, &name)) {
		const struct field *f = take_field(s, name, own);
		if (f != NULL) {
			canon_field(own->header, f, &sink);
		}
	}
	canon_signature(own->header, &own->field, &sink);
	crypto_hash_result(hash, digest);
	crypto_hash_close(hash);
	return 0;
}
