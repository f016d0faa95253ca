/* SPDX-License-Identifier: ISC */
/*
 * Signing, sealing and verifying without memory: each allocation fails in turn.
 * What comes out is what comes out otherwise, or nothing at all: never a
 * signature of something else, a pass that is none, or a set that lacks a part.
 */
#include "common/auth/arc.h"
#include "common/auth/arc_seal.h"
#include "common/auth/dkim.h"
#include "common/auth/dkim_make.h"

#include "tests/unit/tap.h"

#include <stdlib.h>
#include <string.h>

enum { NOW = 1796100000, PIECE = 50 };

static const char message[] =
    "Received: from x by y; Mon, 6 Jan 2025 10:00:00 +0000\r\n"
    "Authentication-Results: mx.example.org;\r\n\tdmarc=pass (p=none)\r\n"
    "\theader.from=example.org;\r\n\tarc=pass (i=1)\r\n"
    "ARC-Seal: i=1; a=ed25519-sha256; cv=none; d=a.example; s=x; b=YWJj\r\n"
    "ARC-Message-Signature: i=1; a=ed25519-sha256; d=a.example; s=x;\r\n"
    " h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=YWJj\r\n"
    "ARC-Authentication-Results: i=1; a.example; none\r\n"
    "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.org;"
    "\r\n s=x; h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; "
    "b=YWJj\r\n"
    "From: a@example.org\r\nSubject: words\r\n\r\ntext  of it\r\n\r\n";

/* ---- allocations ---- */

static long left = -1; /* until one fails; -1: none does */
static bool failed;

static bool
fails(void)
{
	if (left < 0 || left-- > 0) {
		return false;
	}
	failed = true;
	return true;
}

void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);
void *__wrap_malloc(size_t);
void *__wrap_calloc(size_t, size_t);
void *__wrap_realloc(void *, size_t);

void *
__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t size)
{
	return fails() ? NULL : __real_realloc(p, size);
}

/* ---- what is done; true: it has come to an end, which is in out ---- */

static const struct dkim_make_key key = { "example.org", "s",
	PUBLIC_KEY_ED25519 };

static struct dkim_make *
fed(void)
{
	struct dkim_make *m = dkim_make_open();

	for (size_t i = 0; m != NULL && i < sizeof(message) - 1; i += PIECE) {
		size_t n = sizeof(message) - 1 - i;
		dkim_make_feed(m, message + i, n < PIECE ? n : PIECE);
	}
	if (m != NULL && !dkim_make_end(m)) {
		dkim_make_close(m);
		return NULL;
	}
	return m;
}

static bool
sign(struct output *out)
{
	uint8_t digest[CRYPTO_SHA256];
	struct dkim_make *m = fed();
	bool good = m != NULL && dkim_make_digest(m, &key, NOW, digest);

	if (good) {
		dkim_make_field(m, digest, sizeof(digest), out);
	}
	dkim_make_close(m);
	return good && !out->failed;
}

static bool
seal(struct output *out)
{
	uint8_t digest[CRYPTO_SHA256];
	const char *why;
	struct dkim_make *m = fed();
	struct arc_seal *s =
	    m == NULL ? NULL : arc_seal_open(m, "mx.example.org");
	bool good = s != NULL && arc_seal_wanted(s, &why) &&
	            arc_seal_message(s, &key, NOW, digest) &&
	            arc_seal_chain(s, digest, sizeof(digest), digest);

	if (good) {
		arc_seal_fields(s, digest, sizeof(digest), out);
	}
	arc_seal_close(s);
	dkim_make_close(m);
	return good && !out->failed;
}

/* Never passes: with less memory it may be temporary trouble. */
static bool
verify(struct output *out)
{
	size_t head = (size_t)(strstr(message, "\r\n\r\n") + 4 - message);
	size_t rest = sizeof(message) - 1 - head;
	struct dkim *d = dkim_open(message, head, "example.org", NOW);
	struct arc *a = arc_open(message, head, NOW);
	struct dkim_report r = { .result = DKIM_TEMPERROR };
	struct arc_report chain = { .result = ARC_TEMPERROR };

	if (d != NULL) {
		dkim_body(d, message + head, rest);
		dkim_body_end(d);
		dkim_report(d, 0, &r);
	}
	if (a != NULL) {
		arc_body(a, message + head, rest);
		arc_body_end(a);
		arc_report(a, &chain);
	}
	bool whole =
	    r.result != DKIM_TEMPERROR && chain.result != ARC_TEMPERROR;
	output_text(out, dkim_result_name(r.result));
	output_text(out, arc_result_name(chain.result));
	dkim_close(d);
	arc_close(a);
	return whole && !out->failed;
}

static void
sweep(const char *name, bool (*run)(struct output *))
{
	struct output whole = { 0 };
	long n = 0;
	bool same = true;

	ok(run(&whole) && whole.len > 0, "%s: with all memory", name);
	do {
		struct output out = { 0 };
		failed = false;
		left = n++;
		bool done = run(&out);
		left = -1;
		same =
		    same &&
		    (!done || (out.len == whole.len &&
				  memcmp(out.data, whole.data, out.len) == 0));
		output_free(&out);
	} while (failed && n < 10000);
	ok(same && n > 3, "%s: each of %ld allocations fails", name, n - 1);
	output_free(&whole);
}

int
main(void)
{
	sweep("sign", sign);
	sweep("seal", seal);
	sweep("verify", verify);
	return tap_done();
}
