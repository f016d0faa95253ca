/* SPDX-License-Identifier: ISC */
/*
 * The process that keeps the keys that sign mail.  Runs as root (if the queue
 * runner does) until it has read them; then it has nothing but them, a socket
 * to the runner and the log, and may do nothing but receive, sign and send.
 */
#include "common/keeper/signer.h"

#include "common/io/socket.h"
#include "common/log/log.h"
#include "common/process/privilege.h"
#include "common/process/process.h"
#include "common/process/sandbox.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <sysexits.h>
#include <unistd.h>

/* Nobody to tell means that the runner has ended. */
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

static void
serve(const struct dkim_keys *keys, int channel)
{
	struct signer_order order;
	struct iovec iov = { .iov_base = &order, .iov_len = sizeof(order) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	for (;;) {
		struct signer_result result = { .good = 0 };
		ssize_t n = socket_receive(channel, &m, 0);
		if (n <= 0) {
			return;
		}
		if (n != sizeof(order)) {
			log_error("the signer got a malformed order");
			_exit(EX_SOFTWARE);
		}
		result.ticket = order.ticket;
		result.slot = order.slot;
		result.good = order.key < keys->count &&
		              keys->keys[order.key] != NULL &&
		              private_key_sign(keys->keys[order.key],
				  order.digest, &result.signature);
		tell(channel, &result, sizeof(result));
	}
}

void
signer_run(const struct config *config, int channel)
{
	static struct dkim_keys keys;
	struct signer_report r = { .good = 0 };
	struct confinement confinement;

	process_set_name("signer");
	signal(SIGTERM, SIG_IGN); /* agents that go on still need us */
	bool known = dkim_keys_read(&keys, config, NULL, ".pem", r.error) == 0;
	if (known && (privilege_prepare(config, &confinement) == -1 ||
			 privilege_confine(&confinement) == -1 ||
			 sandbox_keeper() == -1)) {
		snprintf(r.error, sizeof(r.error),
		    "the signer cannot enter its sandbox: %s", strerror(errno));
		known = false;
	}
	r.good = known;
	r.count = known ? (uint32_t)keys.count : 0;
	r.folder = keys.folder;
	tell(channel, &r, sizeof(r));
	for (size_t i = 0; known && i < keys.count; i++) {
		tell(channel, &keys.names[i], sizeof(keys.names[i]));
	}
	if (known) {
		serve(&keys, channel);
	}
	_exit(known ? EX_OK : EX_CONFIG);
}
