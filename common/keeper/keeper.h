/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_KEEPER_KEEPER_H
#define RESTANTE_COMMON_KEEPER_KEEPER_H

#include "common/config/config.h"
#include "common/process/privilege.h"
#include "common/tls/signature.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The keeper: the process that has the private keys, alone.  Over a
 * SOCK_SEQPACKET pair it sends the server a struct keeper_report and, if all
 * went well, a struct tls_chain for each key, as much of it as is in use;
 * then it answers each struct keeper_order with a struct keeper_result, in
 * turn, until the other end is closed.
 */

struct keeper_report {
	uint32_t count;           /* keys; 0: none, for the reason in error */
	char error[CONFIG_ERROR]; /* for people */
};

/* ticket and slot are the server's, and come back as they were. */
struct keeper_order {
	uint64_t ticket;
	uint32_t slot;
	struct signature_question question;
};

struct keeper_result {
	uint64_t ticket;
	uint32_t slot;
	uint32_t good; /* 1: there is a signature */
	struct signature signature;
};

/*
 * Runs the keeper in the process that was forked for it: reads the keys with
 * the rights that it has, gives up these rights, and serves.  check: as for
 * tls_keys_open().
 */
_Noreturn void keeper_run(
    const struct config *, const struct confinement *, bool check, int channel);

#endif
