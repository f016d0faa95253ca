/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_TEXT_SIPHASH_H
#define RESTANTE_COMMON_TEXT_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/*
 * SipHash-2-4: for tables whose keys a stranger may choose.  Without the
 * seed nothing of a hash can be foretold.
 */
uint64_t siphash(const uint64_t seed[2], const void *data, size_t len);

#endif
