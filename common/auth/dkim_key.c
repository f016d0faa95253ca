/* SPDX-License-Identifier: ISC */
/* Key records (RFC 6376 section 3.6.1): pure. */
#include "common/auth/dkim_key.h"

#include "common/auth/tags.h"

#include <string.h>

static bool
find(struct span record, const char *name, struct span *value)
{
	return tags_find(record.at, record.len, name, value);
}

/* Wildcards and other uses leave records of other kinds at such names. */
static bool
is_key(struct span record)
{
	struct span value;

	if (record.len == 0 || !tags_valid(record.at, record.len) ||
	    !find(record, "p", &value)) {
		return false;
	}
	return !find(record, "v", &value) ||
	       (value.len == 5 && memcmp(value.at, "DKIM1", 5) == 0);
}

static bool
is_kind(struct span record, enum public_key_kind kind)
{
	struct span value;

	if (!find(record, "k", &value)) {
		return kind == PUBLIC_KEY_RSA;
	}
	return tags_is(value, kind == PUBLIC_KEY_RSA ? "rsa" : "ed25519");
}

static const char *
read_record(struct span record, enum public_key_kind kind, struct dkim_key *k)
{
	struct span value;

	if (!find(record, "p", &value) || value.len == 0) {
		return "the key is revoked";
	}
	ssize_t n = tags_base64(value, k->octets, sizeof(k->octets));
	if (n <= 0) {
		return "the key is malformed";
	}
	k->len = (size_t)n;
	if (!is_kind(record, kind)) {
		return "the key is of another kind";
	}
	if (find(record, "h", &value) && !tags_lists(value, "sha256")) {
		return "the key is not for sha256";
	}
	if (find(record, "s", &value) && !tags_lists(value, "email") &&
	    !tags_lists(value, "*")) {
		return "the key is not for mail";
	}
	if (find(record, "t", &value)) {
		k->testing = tags_lists(value, "y");
		k->strict = tags_lists(value, "s");
	}
	return NULL;
}

const char *
dkim_key_read(const struct span *records, size_t count,
    enum public_key_kind kind, struct dkim_key *k)
{
	const struct span *one = NULL;

	k->len = 0;
	k->testing = k->strict = false;
	for (size_t i = 0; i < count; i++) {
		if (!is_key(records[i])) {
			continue;
		}
		if (one != NULL) {
			return "there are several keys";
		}
		one = &records[i];
	}
	if (one == NULL) {
		return count == 0 ? "no key" : "no record there is a key";
	}
	return read_record(*one, kind, k);
}
