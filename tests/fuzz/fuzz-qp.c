/* SPDX-License-Identifier: ISC */
/*
 * Transfer encodings: binary data comes back as it was, whatever the pieces;
 * what comes out of an encoder pleases a strict decoder.
 */
#include "common/mime/qp.h"
#include "common/text/base64.h"

#include "tests/fuzz/fuzz.h"

static size_t
qp_all(bool encode, bool binary, const char *in, size_t len, size_t step,
    char *out, bool *bad)
{
	struct qp_encoder e = { .binary = binary, .crlf = true };
	struct qp_decoder d = { 0 };
	size_t n = 0, some, taken;

	for (size_t i = 0; i < len; i += taken) {
		size_t now = len - i < step ? len - i : step;
		taken = encode ? qp_encode(&e, in + i, now, out + n,
				     QP_ROOM + step, &some)
		               : qp_decode(&d, in + i, now, out + n,
				     QP_ROOM + step, &some);
		MUST(some <= QP_ROOM + step);
		n += some;
	}
	n += encode ? qp_encode_end(&e, out + n) : qp_decode_end(&d, out + n);
	*bad = d.bad;
	return n;
}

static size_t
base64_all(
    bool encode, const char *in, size_t len, size_t step, char *out, bool *bad)
{
	struct base64_encoder e = { .crlf = true };
	struct base64_decoder d = { 0 };
	size_t n = 0, some, taken;

	for (size_t i = 0; i < len; i += taken) {
		size_t now = len - i < step ? len - i : step;
		taken = encode ? base64_encode_lines(&e, in + i, now, out + n,
				     BASE64_ROOM + step, &some)
		               : base64_decode_lines(&d, in + i, now, out + n,
				     BASE64_ROOM + step, &some);
		MUST(some <= BASE64_ROOM + step);
		n += some;
	}
	n += encode ? base64_encode_end(&e, out + n)
	            : base64_decode_end(&d, out + n);
	*bad = d.bad;
	return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	char *code = malloc(4 * size + 8192), *back = malloc(4 * size + 8192);
	bool bad;

	MUST(code != NULL && back != NULL);
	for (size_t step = 1; step < 3000; step = step * 7 + 1) {
		size_t n = qp_all(true, true, text, size, step, code, &bad);
		size_t m = qp_all(false, true, code, n, step, back, &bad);
		MUST(!bad && m == size && memcmp(back, text, size) == 0);
		m = qp_all(true, false, text, size, step, code, &bad);
		(void)qp_all(false, false, code, m, step, back, &bad);
		MUST(!bad);
		n = base64_all(true, text, size, step, code, &bad);
		m = base64_all(false, code, n, step, back, &bad);
		MUST(!bad && m == size && memcmp(back, text, size) == 0);
		m = qp_all(false, false, text, size, step, code, &bad);
		n = qp_all(false, false, text, size, size + 1, back, &bad);
		MUST(m == n && n <= size && memcmp(code, back, n) == 0);
		m = base64_all(false, text, size, step, code, &bad);
		n = base64_all(false, text, size, size + 1, back, &bad);
		MUST(m == n && n <= size && memcmp(code, back, n) == 0);
	}
	free(back);
	free(code);
	free(text);
	return 0;
}
