/* SPDX-License-Identifier: ISC */
/*
 * The end of DATA.  A server that takes anything but CR LF "." CR LF for it
 * lets a message smuggle another one in; one whose answer depends on where
 * the network cuts does so now and then.
 */
#include "common/text/dotstuff.h"

#include "tests/unit/t-dotstuff.h"
#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

enum { MOST = 64 };

/* Decodes in pieces of the given sizes of input and output. */
static size_t
in_pieces(struct dotstuff *d, const char *in, size_t len, size_t split,
    size_t size, char *out, size_t *outlen)
{
	size_t at = 0;

	*outlen = 0;
	memset(d, 0, sizeof(*d));
	while (at < len && d->state != DOTSTUFF_END) {
		size_t piece = at < split ? split - at : len - at;
		char small[MOST];
		size_t n = 0;
		size_t taken =
		    dotstuff_decode(d, in + at, piece, small, size, &n);
		if (n > size || taken > piece || (taken == 0 && n == 0)) {
			return (size_t)-1; /* too much, or no progress */
		}
		memcpy(out + *outlen, small, n);
		*outlen += n;
		at += taken;
	}
	return at;
}

/* Compares with the reference, at each split and with each output size. */
static bool
agrees(const char *in, size_t len)
{
	char want[MOST], got[MOST];
	struct reference r = reference_decode(in, len, want);
	struct dotstuff d;
	size_t n;

	for (size_t split = 0; split <= len; split++) {
		for (size_t size = 2; size <= len + 2; size++) {
			size_t taken =
			    in_pieces(&d, in, len, split, size, got, &n);
			if (!reference_same(&r, want, &d, taken, got, n)) {
				note(
				    "split at %zu, output of %zu", split, size);
				return false;
			}
		}
	}
	return true;
}

/* Octet by octet, with all that may go wrong at once. */
static bool
agrees_bytewise(const char *in, size_t len)
{
	char want[MOST], got[MOST];
	struct reference r = reference_decode(in, len, want);
	struct dotstuff d = { .bare = false };
	size_t at = 0, n = 0;

	while (at < len && d.state != DOTSTUFF_END) {
		size_t k;
		at += dotstuff_decode(&d, in + at, 1, got + n, 2, &k);
		n += k;
	}
	return reference_same(&r, want, &d, at, got, n);
}

static const struct {
	const char *name, *text;
	size_t len;
} ends[] = {
	{ "CR", "\r", 1 },
	{ "LF", "\n", 1 },
	{ "CRLF", "\r\n", 2 },
	{ "nothing", "", 0 },
	{ "NUL", "\0", 1 },
	{ "CRCR", "\r\r", 2 },
	{ "CRNULLF", "\r\0\n", 3 },
	{ "LFCR", "\n\r", 2 },
};

enum { ENDS = sizeof(ends) / sizeof(ends[0]) };

/* "ab" END "." END "cd": only CRLF "." CRLF ends it. */
static void
test_matrix(void)
{
	for (size_t i = 0; i < ENDS * ENDS; i++) {
		size_t a = i / ENDS, b = i % ENDS, len = 0;
		char text[MOST], out[MOST];
		struct dotstuff d = { .bare = false };
		memcpy(text, "ab", 2);
		memcpy(text + 2, ends[a].text, ends[a].len);
		len = 2 + ends[a].len;
		text[len++] = '.';
		memcpy(text + len, ends[b].text, ends[b].len);
		len += ends[b].len;
		memcpy(text + len, "cd", 2);
		len += 2;
		size_t n, taken = dotstuff_decode(&d, text, len, out, MOST, &n);
		bool ends_it = strcmp(ends[a].name, "CRLF") == 0 &&
		               strcmp(ends[b].name, "CRLF") == 0;
		ok((d.state == DOTSTUFF_END) == ends_it &&
			taken == (ends_it ? len - 2 : len) &&
			agrees(text, len) && agrees_bytewise(text, len),
		    "%s . %s %s", ends[a].name, ends[b].name,
		    ends_it ? "ends it" : "does not end it");
	}
}

static const struct {
	const char *name, *in;
	size_t len;
	const char *out;
	bool bare, nul, end;
} cases[] = {
	{ "no text", ".\r\n", 3, "", false, false, true },
	{ "an empty line", "\r\n.\r\n", 5, "\n", false, false, true },
	{ "a line", "a\r\n.\r\n", 6, "a\n", false, false, true },
	{ "what follows stays", "a\r\n.\r\nQUIT\r\n", 12, "a\n", false, false,
	    true },
	{ "a doubled dot", "..\r\n.\r\n", 7, ".\n", false, false, true },
	{ "a dot and text", ".a\r\n.\r\n", 7, "a\n", false, false, true },
	{ "three dots", "...\r\n.\r\n", 8, "..\n", false, false, true },
	{ "a dot inside", "a.\r\n.\r\n", 7, "a.\n", false, false, true },
	{ "no end yet", "a\r\n.", 4, "a\n", false, false, false },
	{ "no LF yet", "a\r\n.\r", 5, "a\n", false, false, false },
	{ "a bare CR", "a\rb\r\n", 5, "a\nb\n", true, false, false },
	{ "a bare LF", "a\nb\r\n", 5, "a\nb\n", true, false, false },
	{ "a dot after a bare LF", "a\n.b\r\n", 6, "a\n.b\n", true, false,
	    false },
	{ "two dots after a bare LF", "a\n..b\r\n", 7, "a\n..b\n", true, false,
	    false },
	{ "a dot after a bare CR", "a\r.b\r\n", 6, "a\n.b\n", true, false,
	    false },
	{ "bare LF at the start", "\n.\r\n", 4, "\n.\n", true, false, false },
	{ "CR CR LF", "a\r\r\n.\r\n", 7, "a\n", true, false, true },
	{ "more CRs", "a\r\r\r\r\n.\r\n", 9, "a\n", true, false, true },
	{ "CRs and no LF", "a\r\r\rb\r\n", 7, "a\n\n\nb\n", true, false,
	    false },
	{ "dot CR CR LF", ".\r\r\n.\r\n", 7, "\n", true, false, true },
	{ "NUL", "a\0b\r\n.\r\n", 8, "ab\n", false, true, true },
	{ "NUL in front of a dot", "\0.\r\n.\r\n", 7, ".\n", false, true,
	    true },
	{ "NUL in the end", "\r\n.\0\r\n", 6, "\n\n", false, true, false },
	{ "8-bit", "\377\r\n.\r\n", 6, "\377\n", false, false, true },
};

static void
test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char out[MOST];
		struct dotstuff d = { .bare = false };
		size_t n;
		dotstuff_decode(
		    &d, cases[i].in, cases[i].len, out, sizeof(out), &n);
		ok(n == strlen(cases[i].out) &&
			memcmp(out, cases[i].out, n) == 0 &&
			d.bare == cases[i].bare && d.nul == cases[i].nul &&
			(d.state == DOTSTUFF_END) == cases[i].end &&
			agrees(cases[i].in, cases[i].len),
		    "%s", cases[i].name);
	}
}

static void
test_random(void)
{
	static const char alphabet[] = { '\r', '\n', '.', '\0', 'a' };
	unsigned wrong = 0, ended = 0;

	for (unsigned i = 0; i < 100000; i++) {
		char in[MOST], want[MOST], got[MOST];
		size_t len = random_below(25);
		for (size_t k = 0; k < len; k++) {
			in[k] = alphabet[random_below(sizeof(alphabet))];
		}
		struct reference r = reference_decode(in, len, want);
		struct dotstuff d;
		size_t n;
		size_t taken = in_pieces(&d, in, len, random_below(len + 1),
		    2 + random_below(len + 1), got, &n);
		wrong += !reference_same(&r, want, &d, taken, got, n) ||
		         !agrees_bytewise(in, len);
		ended += r.end;
	}
	ok(wrong == 0, "100000 random inputs: as the reference says");
	ok(ended > 100 && ended < 99900, "some of them ended, some did not");
}

/* Each input of up to seven octets, so that none has been forgotten. */
static void
test_all(void)
{
	static const char alphabet[] = { '\r', '\n', '.', '\0', 'a' };
	unsigned wrong = 0, total = 1;

	for (size_t len = 1; len <= 7; len++) {
		total *= sizeof(alphabet);
		for (unsigned i = 0; i < total; i++) {
			char in[MOST];
			unsigned rest = i;
			for (size_t k = 0; k < len; k++) {
				in[k] = alphabet[rest % sizeof(alphabet)];
				rest /= (unsigned)sizeof(alphabet);
			}
			wrong += !agrees_bytewise(in, len);
		}
	}
	ok(wrong == 0, "all inputs of up to 7 octets: as the reference says");
}

/* Lines of this machine's programs may end in LF alone, or in CR LF. */
static const struct {
	const char *name, *in, *out, *left;
	bool ends;
} lines[] = {
	{ "LF", "a\n.\nQUIT", "a\n", "QUIT", true },
	{ "CR LF", "a\r\n.\r\nQUIT", "a\n", "QUIT", true },
	{ "both", "a\n..\r\n..b\n.\r\nQ", "a\n.\n.b\n", "Q", true },
	{ "a dot in a line", "a\n.b\nc.\n", "a\nb\nc.\n", "", false },
	{ "nothing else", ".\n", "", "", true },
};

static void
test_lf(void)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const char *in = lines[i].in;
		struct dotstuff d = { .lf = true };
		char out[MOST];
		size_t at = 0, n = 0;
		while (in[at] != '\0' && d.state != DOTSTUFF_END) {
			size_t k;
			at += dotstuff_decode(&d, in + at, 1, out + n, 2, &k);
			n += k;
		}
		ok(n == strlen(lines[i].out) &&
			memcmp(out, lines[i].out, n) == 0 && !d.bare &&
			strcmp(in + at, lines[i].left) == 0 &&
			(d.state == DOTSTUFF_END) == lines[i].ends,
		    "LF is a line end: %s", lines[i].name);
	}
}

int
main(void)
{
	test_lf();
	test_matrix();
	test_cases();
	test_random();
	test_all();
	return tap_done();
}
