/* SPDX-License-Identifier: ISC */
/*
 * A set that is added to the chain of any message: where that is cut does not
 * matter; where there is a set, the chain has one more, and nothing is sealed
 * twice by the same words.  Results of others are read to their end, whatever
 * they are.
 */
#include "common/auth/arc.h"
#include "common/auth/arc_seal.h"
#include "common/auth/dmarc.h"
#include "common/auth/results_read.h"

#include "tests/fuzz/fuzz.h"

static const struct dmarc author = { .author = "example.org",
	.organization = "example.org" };
static const struct dkim_make_key key = { "example.org", "s",
	PUBLIC_KEY_ED25519 };

/* Adds the set; false: there is to be none. */
static bool
seal(const char *text, size_t size, size_t step, struct output *out)
{
	struct dkim_make *m = dkim_make_open();
	uint8_t digest[CRYPTO_SHA256];
	const char *why;

	MUST(m != NULL);
	for (size_t at = 0; at < size; at += step) {
		dkim_make_feed(
		    m, text + at, size - at < step ? size - at : step);
	}
	bool good = dkim_make_end(m);
	struct arc_seal *s = good ? arc_seal_open(m, "mx.example.org") : NULL;
	MUST(!good || s != NULL);
	if (good && arc_seal_wanted(s, &why)) {
		MUST(arc_seal_instance(s) >= 1 &&
		     arc_seal_instance(s) <= ARC_SETS);
		MUST(arc_seal_message(s, &key, 1796100000, digest));
		MUST(arc_seal_chain(s, digest, sizeof(digest), digest));
		arc_seal_fields(s, digest, sizeof(digest), out);
		MUST(!out->failed);
	} else {
		MUST(!good || why != NULL);
		good = false;
	}
	arc_seal_close(s);
	dkim_make_close(m);
	return good;
}

/* How many sets a chain has, and what would be said of it. */
static unsigned
count_sets(const char *text, size_t size, enum arc_result *result)
{
	struct arc *a = arc_open(text, size, 1796100000);
	struct arc_report r;

	MUST(a != NULL);
	arc_body_end(a);
	arc_report(a, &r);
	*result = r.result;
	arc_close(a);
	return r.sets;
}

static bool
trusts(const void *context, const char *sealer)
{
	(void)context;
	return sealer[0] != '\0';
}

static void
read_results(const char *text, size_t size)
{
	struct span all = { text, size }, rest = { NULL, 0 };
	struct results_item item;
	char value[256];
	size_t items = 0;

	bool mine = results_of(all, "mx.example.org", &rest);
	MUST(results_of_anybody(all, &rest) || !mine);
	rest = all;
	while (results_next(&rest, &item)) {
		MUST(item.method.len > 0 && ++items <= size);
		(void)results_value(&item, "header.from", value, sizeof(value));
	}
	(void)results_vouch(all, &author);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct output whole = { 0 }, parts = { 0 };
	enum arc_result before, after;

	read_results(text, size);
	bool sealed = seal(text, size, size + 1, &whole);
	for (size_t step = 1; step < size && step < 100; step = step * 5 + 1) {
		output_clear(&parts);
		MUST(seal(text, size, step, &parts) == sealed);
		MUST(parts.len == whole.len &&
		     (whole.len == 0 ||
			 memcmp(parts.data, whole.data, whole.len) == 0));
	}
	unsigned n = count_sets(text, size, &before);
	struct arc *a = arc_open(text, size, 1796100000);
	MUST(a != NULL && !arc_vouches(a, &author, trusts, NULL));
	arc_close(a);
	if (sealed) {
		output_add(&whole, text, size);
		MUST(count_sets(whole.data, whole.len, &after) == n + 1);
		MUST(after != ARC_NONE && after != ARC_PASS);
	}
	output_free(&parts);
	output_free(&whole);
	free(text);
	return 0;
}
