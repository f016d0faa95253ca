/* SPDX-License-Identifier: ISC */
/*
 * Conversions: the same however the message is cut; what comes out is ASCII in
 * short lines, ends in one if the input did, and needs no other conversion.
 */
#include "smtpd/relay/convert/convert.h"

#include "smtpd/relay/body.h"
#include "smtpd/relay/convert/survey.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/t-convert.h"

static void
check(const char *wire, size_t len, const struct convert_terms *terms)
{
	struct convert *whole, *parts, *again;
	struct survey s = { 0 };
	enum convert_result result =
	    convert_all(&whole, terms, wire, len, len + 1);

	MUST(result == convert_all(&parts, terms, wire, len, 3));
	MUST(result != CONVERT_NO_MEMORY);
	MUST((result == CONVERT_IMPOSSIBLE) == (whole->dsn != NULL));
	if (result == CONVERT_CHANGED) {
		MUST(whole->out.len == parts->out.len);
		MUST(memcmp(whole->out.data, parts->out.data, whole->out.len) ==
		     0);
		survey_feed(&s, whole->out.data, whole->out.len);
		MUST(!s.long_line);
		MUST(terms->eight_bit || !s.eight_bit);
		MUST(convert_all(&again, terms, whole->out.data, whole->out.len,
			 8192) == CONVERT_SAME);
		convert_close(again);
	}
	if (result == CONVERT_SAME) {
		survey_feed(&s, wire, len);
		MUST(!s.long_line && (terms->eight_bit || !s.eight_bit));
	}
	convert_close(whole);
	convert_close(parts);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct convert_terms terms[] = {
		{ .eight_bit = false, .utf8 = false },
		{ .eight_bit = true, .utf8 = true },
		{ .eight_bit = true, .utf8 = false },
	};
	struct dotstuff_encoder line_ends = { .form = DOTSTUFF_BDAT };

	if (size > BODY_BLOCK) {
		return 0;
	}
	char *in = fuzz_text(data, size), *wire = malloc(BODY_ROOM);
	MUST(wire != NULL);
	size_t len = dotstuff_encode(&line_ends, in, size, wire);
	len += dotstuff_encode_end(&line_ends, wire + len);
	for (size_t i = 0; i < sizeof(terms) / sizeof(terms[0]); i++) {
		check(wire, len, &terms[i]);
	}
	free(in);
	free(wire);
	return 0;
}
