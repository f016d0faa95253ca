/* SPDX-License-Identifier: ISC */
/* HMAC-MD5, by libmd: GnuTLS does not let go of the state of a hash. */
#include "common/sasl/cram.h"

#include <md5.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { MD5_BLOCK = 64, MD5_SIZE = 16 };

static void
state_to_hex(const MD5_CTX *ctx, char *hex)
{
	for (int i = 0; i < 4; i++) {
		snprintf(hex + i * 8, 9, "%08x", (unsigned)ctx->state[i]);
	}
}

void
cram_make(const char *password, char states[CRAM_STATES + 1])
{
	uint8_t key[MD5_BLOCK] = { 0 }, pad[MD5_BLOCK];
	MD5_CTX ctx;
	size_t len = strlen(password);

	if (len > MD5_BLOCK) {
		MD5Init(&ctx);
		MD5Update(&ctx, (const uint8_t *)password, len);
		MD5Final(key, &ctx);
	} else {
		memcpy(key, password, len);
	}
	for (int half = 0; half < 2; half++) {
		for (int i = 0; i < MD5_BLOCK; i++) {
			pad[i] = key[i] ^ (half == 0 ? 0x5c : 0x36);
		}
		MD5Init(&ctx);
		MD5Update(&ctx, pad, sizeof(pad));
		state_to_hex(&ctx, states + half * CRAM_STATES / 2);
	}
	explicit_bzero(key, sizeof(key));
	explicit_bzero(pad, sizeof(pad));
}

/* An MD5 that has seen one block and whose state is in hex. */
static bool
state_from_hex(MD5_CTX *ctx, const char *hex)
{
	MD5Init(ctx);
	ctx->count = MD5_BLOCK * 8;
	for (int i = 0; i < 4; i++) {
		uint32_t v = 0;
		for (int k = 0; k < 8; k++) {
			char c = hex[i * 8 + k];
			int d = c >= '0' && c <= '9'   ? c - '0'
			        : c >= 'a' && c <= 'f' ? c - 'a' + 10
			                               : -1;
			if (d < 0) {
				return false;
			}
			v = v << 4 | (uint32_t)d;
		}
		ctx->state[i] = v;
	}
	return true;
}

bool
cram_answer(const char *states, const void *challenge, size_t len,
    char answer[CRAM_ANSWER + 1])
{
	MD5_CTX inner, outer;
	uint8_t digest[MD5_SIZE];

	if (!state_from_hex(&outer, states) ||
	    !state_from_hex(&inner, states + CRAM_STATES / 2)) {
		return false;
	}
	MD5Update(&inner, challenge, len);
	MD5Final(digest, &inner);
	MD5Update(&outer, digest, sizeof(digest));
	MD5Final(digest, &outer);
	for (int i = 0; i < MD5_SIZE; i++) {
		snprintf(answer + 2 * i, 3, "%02x", digest[i]);
	}
	return true;
}
