/* SPDX-License-Identifier: ISC */
/* Replies: the same however they are cut, and always within bounds. */
#include "smtpd/relay/judge.h"

#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct response whole, parts;
	const char *text = (const char *)data;
	char words[100];
	size_t took = 0;

	response_start(&whole);
	response_start(&parts);
	size_t n = response_feed(&whole, text, size);
	while (took < size && parts.state == RESPONSE_MORE) {
		took += response_feed(&parts, text + took, 1);
	}
	MUST(n == took && whole.state == parts.state);
	MUST(whole.len <= RESPONSE_TEXT && whole.text[whole.len] == '\0');
	MUST(strlen(whole.text) == whole.len);
	MUST(memcmp(whole.text, parts.text, whole.len + 1) == 0);
	MUST(whole.state == RESPONSE_MORE ||
	     (whole.wrong != NULL) == (whole.state == RESPONSE_NONSENSE));
	MUST(strlen(response_words(&whole, words, sizeof(words))) <
	     sizeof(words));
	for (int phase = PHASE_GREETING; phase <= PHASE_DOT; phase++) {
		enum judgement j =
		    judge_response(&whole, (enum phase)phase, false);
		MUST(
		    j != JUDGE_GOOD || (whole.code >= 200 && whole.code < 400));
		MUST(j != JUDGE_NEVER || whole.code / 100 == 5);
	}
	return 0;
}
