/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_TEXT_HASH_H
#define RESTANTE_COMMON_TEXT_HASH_H

#include <stddef.h>
#include <stdint.h>

/*
 * FNV-1a of 64 bits: for tables whose keys are nobody's choice, and against
 * accidents.  Against enemies there is common/tls/crypto.h.
 */

#define HASH_START UINT64_C(0xcbf29ce484222325)

/* Goes on from a hash, or from HASH_START. */
uint64_t hash_add(uint64_t hash, const void *data, size_t len);

#endif
