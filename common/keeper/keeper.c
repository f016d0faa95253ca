/* SPDX-License-Identifier: ISC */
/*
 * The process that keeps the private keys.  Runs as root until it has read
 * them; then it has nothing but them, a socket to the server and the log, and
 * may do nothing but receive, sign and send.  Whoever takes a session over can
 * have a hash signed, once, and can not have the key.
 */
#include "common/keeper/keeper.h"

#include "common/io/socket.h"
#include "common/log/log.h"
#include "common/process/process.h"
#include "common/process/sandbox.h"
#include "common/tls/tls_keys.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sysexits.h>
#include <unistd.h>

/* Nobody to tell means that the server has ended, or wants us no more. */
static void
tell(int channel, const void *message, size_t size)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)message,
		.iov_len = size };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (socket_send(channel, &m, MSG_NOSIGNAL) == -1) {
		_exit(errno == EPIPE ? EX_OK : EX_OSERR);
	}
}

/* Shuts this process in, and only then says that there are keys. */
static void
report(const struct tls_keys *keys, const struct confinement *confinement,
    struct keeper_report *r, int channel)
{
	static struct tls_chain chain;
	size_t count = keys == NULL ? 0 : tls_keys_count(keys);

	for (size_t i = 0; i < count; i++) {
		if (tls_keys_chain(keys, i, &chain, r->error) == -1) {
			count = 0;
		}
	}
	if (count > 0 &&
	    (privilege_confine(confinement) == -1 || sandbox_keeper() == -1)) {
		snprintf(r->error, sizeof(r->error),
		    "the keeper of the keys cannot enter its sandbox: %s",
		    strerror(errno));
		count = 0;
	}
	r->count = (uint32_t)count;
	tell(channel, r, sizeof(*r));
	for (size_t i = 0; i < count; i++) {
		if (tls_keys_chain(keys, i, &chain, r->error) == -1) {
			_exit(EX_SOFTWARE);
		}
		tell(channel, &chain, tls_chain_octets(&chain));
	}
	if (count == 0) {
		_exit(EX_CONFIG);
	}
}

static void
serve(const struct tls_keys *keys, int channel)
{
	struct keeper_order order;
	struct iovec iov = { .iov_base = &order, .iov_len = sizeof(order) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	for (;;) {
		struct keeper_result result = { .good = 0 };
		ssize_t n = socket_receive(channel, &m, 0);
		if (n <= 0) {
			return;
		}
		if (n != sizeof(order) ||
		    !signature_valid(&order.question, sizeof(order.question))) {
			log_error("the keeper got a malformed order");
			_exit(EX_SOFTWARE);
		}
		result.ticket = order.ticket;
		result.slot = order.slot;
		result.good =
		    tls_keys_sign(keys, &order.question, &result.signature);
		tell(channel, &result, sizeof(result));
	}
}

void
keeper_run(const struct config *config, const struct confinement *confinement,
    bool check, int channel)
{
	struct keeper_report r = { .count = 0 };

	process_set_name("keeper");
	signal(SIGTERM, SIG_IGN); /* sessions that go on still need us */
	struct tls_keys *keys = tls_keys_open(config, check, r.error);
	report(keys, confinement, &r, channel);
	serve(keys, channel);
	_exit(EX_OK);
}
