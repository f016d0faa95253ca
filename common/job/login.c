/* SPDX-License-Identifier: ISC */
/* See the header. */
#include "common/job/login.h"

#include <string.h>

static bool
terminated(const char *s, size_t size)
{
	return memchr(s, '\0', size) != NULL;
}

enum crypto_kind
login_kind(const struct login *l)
{
	return l->mechanism == MECHANISM_SCRAM_SHA1 ||
	               l->mechanism == MECHANISM_SCRAM_SHA1_PLUS
	           ? CRYPTO_KIND_SHA1
	           : CRYPTO_KIND_SHA256;
}

bool
login_is_token(const struct login *l)
{
	return l->mechanism == MECHANISM_OAUTHBEARER ||
	       l->mechanism == MECHANISM_XOAUTH2;
}

const char *
login_bytes(const struct login *l)
{
	return (const char *)(l + 1);
}

bool
login_valid(const void *payload, size_t size)
{
	const struct login *l = payload;

	return size >= LOGIN_SIZE(0) && l->mechanism < MECHANISMS &&
	       l->utf8 <= 1 && l->pending <= LOGIN_PENDING &&
	       size == LOGIN_SIZE(l->pending) &&
	       terminated(l->name, sizeof(l->name)) &&
	       terminated(l->secret, sizeof(l->secret)) &&
	       terminated(l->challenge, sizeof(l->challenge));
}
