/* SPDX-License-Identifier: ISC */
/*
 * Tries a login at a smarthost.  The process that does so is confined before it
 * reads from the network, as a relay agent is.
 */
#include "smtpd/relay/trial.h"

#include "common/process/privilege.h"
#include "common/process/process.h"
#include "common/process/sandbox.h"
#include "smtpd/relay/client_private.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sysexits.h>

enum { SECOND = 1000, LIMIT = 60 * SECOND };

/* Somebody is waiting. */
static const struct timeouts impatient = {
	.command = 20 * SECOND,
	.data = 20 * SECOND,
	.block = 20 * SECOND,
	.dot = 20 * SECOND,
	.handshake = 20 * SECOND,
	.quit = 2 * SECOND,
};

/* Shared with the process that tries. */
struct question {
	const struct config *config;
	const struct hop *hop;
	const char *sender;
	enum trial answer;
	char why[CONFIG_ERROR];
};

static enum trial
try_sender(struct client *c, const char *sender)
{
	client_send_command(c, "MAIL FROM:<%s>", sender);
	if (!client_read_response(c, PHASE_MAIL)) {
		return TRIAL_UNREACHED;
	}
	if (c->response.code / 100 == 2) {
		return TRIAL_GOOD;
	}
	client_set_verdict_response(c, OUTCOME_DEAD, PHASE_MAIL, NULL);
	return TRIAL_SENDER;
}

static enum trial
try_all(struct client *c, const char *sender)
{
	client_begin(c);
	if (!client_open(c)) {
		return c->barred ? TRIAL_LOGIN : TRIAL_UNREACHED;
	}
	enum trial answer = try_sender(c, sender);
	client_quit(c);
	return answer;
}

/* In a process of its own. */
static int
run(void *context)
{
	struct question *q = context;
	struct client *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		return EX_OSERR;
	}
	signal(SIGPIPE, SIG_IGN);
	c->config = q->config;
	c->hop = q->hop;
	c->channel = -1;
	c->timeouts = impatient;
	c->unix_peer.fd = c->peer.fd = -1;
	bool ready = client_prepare(c);
	privilege_become_client(q->config, SANDBOX_MEMORY);
	enum trial answer = ready ? try_all(c, q->sender) : TRIAL_UNREACHED;
	explicit_bzero(&c->secret, sizeof(c->secret));
	strlcpy(q->why, c->verdict.text, sizeof(q->why));
	q->answer = answer;
	return EX_OK;
}

enum trial
trial_run(const struct config *config, const struct hop *hop,
    const char *sender, char why[CONFIG_ERROR])
{
	int status;
	struct question *q = mmap(NULL, sizeof(*q), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (q == MAP_FAILED) {
		strlcpy(why, strerror(errno), CONFIG_ERROR);
		return TRIAL_UNREACHED;
	}
	*q =
	    (struct question){ .config = config, .hop = hop, .sender = sender };
	q->answer = TRIAL_UNREACHED;
	snprintf(q->why, sizeof(q->why), "%.300s does not answer in time",
	    hop->host);
	if (process_run(run, q, LIMIT, &status) == PROCESS_FAILED) {
		snprintf(q->why, sizeof(q->why), "no process can be started");
	}
	enum trial answer = q->answer;
	strlcpy(why, q->why, CONFIG_ERROR);
	munmap(q, sizeof(*q));
	return answer;
}
