/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_SERVER_ORDER_H
#define RESTANTE_COMMON_SERVER_ORDER_H

#include "common/job/job.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The server's message about a connection to a process that was forked before
 * it came: a fixed struct, with the descriptors of the session.
 */

enum { ORDER_DESCRIPTORS = 5 };

struct order {
	uint32_t start, role, asks, can_tls;
	uint32_t parts; /* bits: the descriptors that come with it */
	int32_t first, body_errno;
	struct peer peer;
	struct welcome welcome;
};

/* Makes an order of a connection.  n: how many descriptors go with it. */
void order_make(struct order *, const struct connection *,
    int fds[ORDER_DESCRIPTORS], size_t *n);

/*
 * Makes a connection of an order and the descriptors that came with it; what an
 * order does not tell is left to the caller.  false: some lack.
 */
bool order_read(const struct order *, const int *fds, size_t n,
    struct connection *) __attribute__((warn_unused_result));

#endif
