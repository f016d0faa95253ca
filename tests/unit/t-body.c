/* SPDX-License-Identifier: ISC */
/*
 * The message on its way out: our own reader of DATA gets what was stored, byte
 * for byte, wherever blocks end; and nothing in it ends the message early.
 */
#include "smtpd/relay/body.h"

#include "common/text/dotstuff.h"
#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#define T(text) text, sizeof(text) - 1

static const struct {
	const char *test, *in;
	size_t len;
	const char *data, *chunk; /* by DATA, by BDAT */
} cases[] = {
	{ "a line", T("a\r\n"), "a\r\n", "a\r\n" },
	{ "nothing", T(""), "", "" },
	{ "a dot", T(".\r\n"), "..\r\n", ".\r\n" },
	{ "dots at starts", T("..a\r\n.b\r\nc.\r\n"), "...a\r\n..b\r\nc.\r\n",
	    "..a\r\n.b\r\nc.\r\n" },
	{ "an end", T("a\r\n.\r\nMAIL FROM:<x>\r\n"),
	    "a\r\n..\r\nMAIL FROM:<x>\r\n", "a\r\n.\r\nMAIL FROM:<x>\r\n" },
	{ "no end of line", T("a"), "a\r\n", "a" },
	{ "a dot without", T("."), "..\r\n", "." },
	{ "bare LF", T("a\n.\nb\r\n"), "a\r\n..\r\nb\r\n", "a\r\n.\r\nb\r\n" },
	{ "bare CR", T("a\r.\rb\r\n"), "a\r\n..\r\nb\r\n", "a\r\n.\r\nb\r\n" },
	{ "a mixed end", T("a\n.\r\nb\r\n"), "a\r\n..\r\nb\r\n",
	    "a\r\n.\r\nb\r\n" },
	{ "CR at the end", T("a\r"), "a\r\n", "a\r\n" },
	{ "CR CR LF", T("a\r\r\nb\r\n"), "a\r\n\r\nb\r\n", "a\r\n\r\nb\r\n" },
	{ "empty lines", T("\r\n\r\n.\r\n"), "\r\n\r\n..\r\n",
	    "\r\n\r\n.\r\n" },
};

/* In two parts. */
static size_t
encode(enum dotstuff_form form, const char *in, size_t len, size_t split,
    char *out)
{
	struct dotstuff_encoder e = { .form = form };
	static char part[BODY_ROOM];
	size_t total = 0;

	for (int i = 0; i < 3; i++) {
		size_t n = i == 0   ? dotstuff_encode(&e, in, split, part)
		           : i == 1 ? dotstuff_encode(
					  &e, in + split, len - split, part)
		                    : dotstuff_encode_end(&e, part);
		memcpy(out + total, part, n);
		total += n;
	}
	return total;
}

static void
test_cases(void)
{
	char out[200];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool good = true;
		for (size_t split = 0; split <= cases[i].len; split++) {
			size_t n = encode(DOTSTUFF_DATA, cases[i].in,
			    cases[i].len, split, out);
			good = good && n == strlen(cases[i].data) &&
			       memcmp(out, cases[i].data, n) == 0;
			n = encode(DOTSTUFF_BDAT, cases[i].in, cases[i].len,
			    split, out);
			good = good && n == strlen(cases[i].chunk) &&
			       memcmp(out, cases[i].chunk, n) == 0;
		}
		ok(good, "%s, split anywhere", cases[i].test);
	}
}

/* What our DATA makes of it, with LF lines. */
static bool
arrives(const char *in, size_t len, size_t split)
{
	static char out[4096], back[4096];
	struct dotstuff d = { 0 };
	size_t n = encode(DOTSTUFF_DATA, in, len, split, out), got, i = 0;

	memcpy(out + n, ".\r\nX", 4);
	size_t took = dotstuff_decode(&d, out, n + 4, back, sizeof(back), &got);
	if (d.state != DOTSTUFF_END || d.bare || took != n + 3) {
		return false;
	}
	for (size_t k = 0; k < len; k++) {
		if (in[k] == '\r') {
			continue;
		}
		if (i >= got || back[i++] != in[k]) {
			return false;
		}
	}
	return i == got;
}

static void
test_round_trip(void)
{
	static const char *const parts[] = { "\r\n", ".", "a", "..", ".\r\n",
		"\r\n.\r\n" };
	bool good = true;

	for (int round = 0; round < 20000 && good; round++) {
		struct bytes b = { 0 };
		for (size_t n = random_below(30); n > 0; n--) {
			bytes_text(&b, parts[random_below(6)]);
		}
		bytes_text(&b, "\r\n");
		good = arrives(b.data, b.len, random_below(b.len + 1));
		free(b.data);
	}
	ok(good, "20 000 messages full of dots arrive as they are");
}

static void
test_size(void)
{
	char path[PATH_MAX];
	struct bytes b = { 0 };

	scratch_make();
	for (int i = 0; i < 30000; i++) {
		bytes_text(&b, ".line\r\n");
	}
	scratch_write(scratch_path(path, "m"), b.data, b.len);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct body whole = { .fd = fd, .length = b.len };
	struct body rest = { .fd = fd, .from = 7, .length = b.len - 7 };
	struct body more = { .fd = fd, .length = b.len + 1 };
	struct body other = { .front = ".x\r\n",
		.front_len = 4,
		.fd = fd,
		.from = 7,
		.length = b.len - 7 };
	ok(body_size(&whole, DOTSTUFF_BDAT) == (int64_t)b.len,
	    "BDAT's length is that of the file");
	ok(body_size(&rest, DOTSTUFF_DATA) == (int64_t)b.len - 7 + 29999,
	    "DATA's has the dots");
	ok(body_size(&other, DOTSTUFF_DATA) == (int64_t)b.len - 7 + 29999 + 5,
	    "and what stands in front, with its dots");
	ok(body_size(&more, DOTSTUFF_BDAT) == -1,
	    "a file that is too short is noticed");
	close(fd);
	free(b.data);
}

int
main(void)
{
	test_cases();
	test_round_trip();
	test_size();
	return tap_done();
}
