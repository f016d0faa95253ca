/* SPDX-License-Identifier: ISC */
/*
 * Encoded words: whatever text there is comes back, on lines that are short
 * enough, and what is decoded is always UTF-8.
 */
#include "common/mime/word.h"

#include "common/mime/charset.h"
#include "tests/fuzz/fuzz.h"

static void
check_lines(const char *text, size_t column)
{
	for (;;) {
		size_t n = strcspn(text, "\n");
		MUST(column + n <= 998);
		MUST(column + n <= WORD_LINE || strstr(text, "=?") == NULL ||
		     strstr(text, "=?") > text + n);
		if (text[n] == '\0') {
			return;
		}
		text += n + 1;
		MUST(*text == ' ' && strspn(text, " \n") < strlen(text));
		column = 0;
	}
}

/* What must come back: blanks for control characters. */
static void
clean(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if ((text[i] >= 0 && text[i] < ' ') || text[i] == 0x7f) {
			text[i] = ' ';
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	char *code = malloc(WORD_ENCODED(size));
	char *back = malloc(WORD_DECODED(WORD_ENCODED(size)));
	bool utf8 = charset_is_utf8(text, size);

	MUST(code != NULL && back != NULL);
	ssize_t n = word_decode(text, size, back, WORD_DECODED(size));
	MUST(n >= 0 && charset_is_utf8(back, (size_t)n));
	n = word_decode_phrase(text, size, back, WORD_DECODED(size));
	MUST(n >= 0 && charset_is_utf8(back, (size_t)n));
	clean(text, size);
	for (int context = WORD_TEXT; context <= WORD_WORDS; context++) {
		n = word_encode((enum word_context)context, text, size, 9, "\n",
		    code, WORD_ENCODED(size));
		MUST(n >= 0 && strlen(code) == (size_t)n);
		check_lines(code, 9);
		ssize_t m = word_decode_phrase(code,
		    context == WORD_TEXT ? 0 : (size_t)n, back,
		    WORD_DECODED((size_t)n));
		if (context == WORD_TEXT) {
			m = word_decode(
			    code, (size_t)n, back, WORD_DECODED((size_t)n));
		}
		MUST(!utf8 ||
		     (m == (ssize_t)size && memcmp(back, text, size) == 0));
	}
	free(back);
	free(code);
	free(text);
	return 0;
}
