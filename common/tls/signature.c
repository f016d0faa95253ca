/* SPDX-License-Identifier: ISC */
/* See the header.  Pure. */
#include "common/tls/signature.h"

#include <string.h>

size_t
signature_hash(enum signature_kind kind)
{
	switch (kind) {
	case SIGNATURE_RSA_SHA256:
	case SIGNATURE_PSS_SHA256:
	case SIGNATURE_ECDSA_SHA256:
		return 32;
	case SIGNATURE_RSA_SHA384:
	case SIGNATURE_PSS_SHA384:
	case SIGNATURE_ECDSA_SHA384:
		return 48;
	case SIGNATURE_RSA_SHA512:
	case SIGNATURE_PSS_SHA512:
	case SIGNATURE_ECDSA_SHA512:
		return 64;
	case SIGNATURE_ED25519:
	case SIGNATURE_ED448:
		break;
	}
	return 0;
}

bool
signature_valid(const void *payload, size_t size)
{
	struct signature_question q;

	if (size != sizeof(q)) {
		return false;
	}
	memcpy(&q, payload, sizeof(q));
	if (q.kind >= SIGNATURE_KINDS || q.size > SIGNATURE_DATA) {
		return false;
	}
	size_t hash = signature_hash((enum signature_kind)q.kind);
	return hash == 0 || q.size == hash;
}
