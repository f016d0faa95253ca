/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_KEEPER_SIGNER_H
#define RESTANTE_COMMON_KEEPER_SIGNER_H

#include "common/config/config.h"
#include "common/keeper/dkim_keys.h"
#include "common/tls/signature.h"

#include <stdint.h>

/*
 * The signer: the process that has the keys that sign mail, alone.  It is the
 * queue runner's, as the keeper is the server's.  Over a SOCK_SEQPACKET pair it
 * sends a struct signer_report and a struct dkim_name for each key; then it
 * answers each struct signer_order with a struct signer_result, in turn, until
 * the other end is closed.
 */

struct signer_report {
	uint32_t good;   /* 0: nothing is known of keys, for the reason: */
	uint32_t count;  /* keys */
	uint64_t folder; /* dkim_keys_version() of it */
	char error[CONFIG_ERROR];
};

/* ticket and slot are the runner's, and come back as they were. */
struct signer_order {
	uint64_t ticket;
	uint32_t slot;
	uint32_t key; /* in the order of the report, from 0 */
	uint8_t digest[CRYPTO_SHA256];
};

struct signer_result {
	uint64_t ticket;
	uint32_t slot;
	uint32_t good; /* 1: there is a signature */
	struct signature signature;
};

/* Runs the signer in the process that was forked for it: reads the keys with
   the rights that it has, gives up these rights, and serves. */
_Noreturn void signer_run(const struct config *, int channel);

#endif
