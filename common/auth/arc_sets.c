/* SPDX-License-Identifier: ISC */
/* The sets of a chain (RFC 8617 section 4.2), and what a seal is of. */
#include "common/auth/arc_private.h"

#include "common/auth/results_read.h"
#include "common/auth/tags.h"

#include <stdlib.h>
#include <string.h>

const char *const arc_part_names[ARC_PARTS] = { "ARC-Authentication-Results",
	"ARC-Message-Signature", "ARC-Seal" };

/* The number of an ARC-Authentication-Results; 0: none.  *rest: after it. */
static unsigned
number_of(const struct field *f, struct span *rest)
{
	const struct span value = { f->value, f->value_len };
	struct span digits;
	uint64_t number;

	return results_instance(value, &digits, rest) &&
	               tags_number(digits, &number) && number <= ARC_SETS
	           ? (unsigned)number
	           : 0;
}

static unsigned
signature_instance(const struct field *f)
{
	struct span value;
	uint64_t number;

	return tags_find(f->value, f->value_len, "i", &value) &&
	               tags_number(value, &number) && number <= ARC_SETS
	           ? (unsigned)number
	           : 0;
}

/* Puts a field into its set.  false: that is none, or has one. */
static bool
place(struct arc_sets *a, enum arc_part part, const struct field *f)
{
	struct span results = { NULL, 0 };
	unsigned i = part == ARC_RESULTS ? number_of(f, &results)
	                                 : signature_instance(f);

	if (i == 0 || a->sets[i].fields[part] != NULL) {
		return false;
	}
	a->sets[i].fields[part] = f;
	if (part == ARC_RESULTS) {
		a->sets[i].results = results;
	}
	a->count = i > a->count ? i : a->count;
	return true;
}

int
arc_sets_open(struct arc_sets *a, const struct section *section)
{
	*a = (struct arc_sets){ .complete = true };
	a->sets = calloc(ARC_SETS + 1, sizeof(*a->sets));
	if (a->sets == NULL) {
		return -1;
	}
	for (size_t i = 0; i < section->count; i++) {
		const struct field *f = &section->fields[i];
		for (enum arc_part p = 0; p < ARC_PARTS; p++) {
			if (header_is(f, arc_part_names[p])) {
				a->found = true;
				a->complete = place(a, p, f) && a->complete;
			}
		}
	}
	for (unsigned i = 1; i <= a->count; i++) {
		for (enum arc_part p = 0; p < ARC_PARTS; p++) {
			a->complete =
			    a->complete && a->sets[i].fields[p] != NULL;
		}
	}
	return 0;
}

void
arc_sets_close(struct arc_sets *a)
{
	free(a->sets);
	*a = (struct arc_sets){ .count = 0 };
}

bool
arc_seal_says(const struct field *seal, const char *word)
{
	struct span value;

	return tags_find(seal->value, seal->value_len, "cv", &value) &&
	       tags_is(value, word);
}

void
arc_seal_hash(const struct arc_sets *a, unsigned first, unsigned last,
    uint8_t digest[CRYPTO_SHA256])
{
	struct crypto_hash hash;
	struct canon_sink sink = section_sink(&hash);

	crypto_hash_begin(&hash);
	for (unsigned i = first; i <= last; i++) {
		const struct arc_set *s = &a->sets[i];
		canon_field(CANON_RELAXED, s->fields[ARC_RESULTS], &sink);
		canon_field(CANON_RELAXED, s->fields[ARC_MESSAGE], &sink);
		if (i < last) {
			canon_field(CANON_RELAXED, s->fields[ARC_SEAL], &sink);
		} else {
			canon_signature(
			    CANON_RELAXED, s->fields[ARC_SEAL], &sink);
		}
	}
	crypto_hash_result(&hash, digest);
}
