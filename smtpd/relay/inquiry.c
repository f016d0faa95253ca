/* SPDX-License-Identifier: ISC */
/*
 * Asks a next hop about recipients, and sends nothing.  The process that does
 * so is confined before it reads from the network, as a relay agent is.
 */
#include "smtpd/relay/inquiry.h"

#include "common/io/deadline.h"
#include "common/log/log.h"
#include "common/process/privilege.h"
#include "common/process/process.h"
#include "common/process/sandbox.h"
#include "smtpd/relay/client_private.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

enum { SECOND = 1000 };

/* A client waits for the answer to its RCPT. */
static const struct timeouts impatient = {
	.command = 5 * SECOND,
	.data = 5 * SECOND,
	.block = 5 * SECOND,
	.dot = 5 * SECOND,
	.handshake = 5 * SECOND,
	.quit = SECOND / 2,
};

/* ---- one recipient ---- */

/* What the hop has said: its codes, and its words without them. */
static void
put_words(const struct response *r, struct inquiry_answer *a)
{
	char words[INQUIRY_WORDS + 16];
	size_t n = strlen(r->enhanced);

	a->code = r->code;
	strlcpy(a->enhanced, r->enhanced, sizeof(a->enhanced));
	const char *text = response_words(r, words, sizeof(words));
	text += strcspn(text, " ");
	text += strspn(text, " ");
	if (n > 0 && strncmp(text, r->enhanced, n) == 0) {
		text += n;
		text += strspn(text, " ");
	}
	strlcpy(a->words, text, sizeof(a->words));
}

static void
judge(const struct client *c, struct inquiry_answer *a)
{
	const struct response *r = &c->response;

	put_words(r, a);
	/* As of a smarthost: a store that does not relay for us says nothing
	   about its users. */
	switch (judge_response(r, PHASE_RCPT, true)) {
	case JUDGE_GOOD:
		a->verdict = INQUIRY_TAKES;
		break;
	case JUDGE_NEVER:
		a->verdict = INQUIRY_REFUSES;
		break;
	case JUDGE_TOO_MANY: /* of one it means that there is no room */
		a->verdict =
		    r->code / 100 == 5 ? INQUIRY_REFUSES : INQUIRY_LATER;
		break;
	case JUDGE_LATER:
		a->verdict = INQUIRY_LATER;
		break;
	case JUDGE_DEAD:
	case JUDGE_NONSENSE:
		a->verdict = INQUIRY_FAILED;
		break;
	}
}

/* A recipient that the hop could never be sent. */
static bool
is_unspeakable(const struct client *c, const char *text, char path[],
    size_t size, struct inquiry_answer *a)
{
	bool utf8 = !envelope_is_ascii(text);

	if (utf8 && (c->offer.extensions & EXT_SMTPUTF8) == 0) {
		*a = (struct inquiry_answer){ .verdict = INQUIRY_REFUSES,
			.code = 553,
			.enhanced = "5.6.7",
			.words = "Internationalized addresses are not taken "
				 "there" };
		return true;
	}
	if (!envelope_path(text, utf8, path, size)) {
		*a = (struct inquiry_answer){ .verdict = INQUIRY_REFUSES,
			.code = 553,
			.enhanced = "5.1.3",
			.words = "Not an address that can be handed on" };
		return true;
	}
	return false;
}

/*
 * A transaction that ends at RSET: so recipients do not add up, and a hop that
 * takes one for each report takes this one.  false: the connection is of no
 * more use.
 */
static bool
transact(struct client *c, const char *sender, const char *text,
    bool *sender_refused, struct inquiry_answer *a)
{
	char path[ADDRESS_TEXT + 2];
	bool pipelines = (c->offer.extensions & EXT_PIPELINING) != 0;

	*sender_refused = false;
	if (is_unspeakable(c, text, path, sizeof(path), a)) {
		return true;
	}
	client_send_command(c, "MAIL FROM:<%s>%s", sender,
	    envelope_is_ascii(text) ? "" : " SMTPUTF8");
	if (pipelines) {
		client_send_command(c, "RCPT TO:%s", path);
		client_send_command(c, "RSET");
	}
	if (!client_read_response(c, PHASE_MAIL)) {
		return false;
	}
	bool good = c->response.code / 100 == 2;
	*sender_refused = !good;
	if (!good) {
		client_set_verdict_response(c, OUTCOME_DEAD, PHASE_MAIL, NULL);
	} else if (!pipelines) {
		client_send_command(c, "RCPT TO:%s", path);
	}
	if (good || pipelines) {
		if (!client_read_response(c, PHASE_RCPT)) {
			return false;
		}
	}
	if (good) {
		judge(c, a);
	}
	if (!pipelines) {
		client_send_command(c, "RSET");
	}
	return client_read_response(c, PHASE_RSET) &&
	       c->response.code / 100 == 2;
}

/* Has an open session; false: the verdict says why not. */
static bool
have_session(struct client *c)
{
	if (c->stream != NULL && client_has_input(c)) {
		client_drop(c); /* it was closed, or the hop is out of step */
	}
	client_begin(c);
	return client_open(c);
}

/*
 * Some hops refuse the null sender, of which they would have to take reports:
 * those are asked in the postmaster's name.
 */
static void
answer(struct client *c, const char *text, struct inquiry_answer *a)
{
	char postmaster[CONFIG_NAME + 16];
	bool refused = false;

	snprintf(postmaster, sizeof(postmaster), "postmaster@%s",
	    c->config->hostname);
	for (int i = 0; i < 3; i++) {
		bool reused = c->stream != NULL;
		a->verdict = INQUIRY_FAILED;
		if (!have_session(c)) {
			break;
		}
		if (!transact(
			c, refused ? postmaster : "", text, &refused, a)) {
			client_drop(c);
			/* It may have closed a connection that was idle. */
			if (a->verdict == INQUIRY_FAILED && reused) {
				continue;
			}
			break;
		}
		if (!refused) {
			break;
		}
	}
	if (a->verdict == INQUIRY_FAILED && a->words[0] == '\0') {
		strlcpy(a->words, c->verdict.text, sizeof(a->words));
	}
}

/* ---- the process ---- */

static _Noreturn void
serve(const struct config *config, const struct hop *hop, int channel)
{
	struct client *c = calloc(1, sizeof(*c));
	struct inquiry_question q;

	if (c == NULL) {
		_exit(EX_OSERR);
	}
	signal(SIGPIPE, SIG_IGN);
	c->config = config;
	c->hop = hop;
	c->channel = -1;
	c->timeouts = impatient;
	c->unix_peer.fd = c->peer.fd = -1;
	bool ready = client_prepare(c);
	privilege_become_client(config, SANDBOX_MEMORY);
	while (recv(channel, &q, sizeof(q), 0) == (ssize_t)sizeof(q)) {
		struct inquiry_answer a = { .verdict = INQUIRY_FAILED };
		q.text[sizeof(q.text) - 1] = '\0';
		if (ready) {
			answer(c, q.text, &a);
		} else {
			strlcpy(a.words, c->verdict.text, sizeof(a.words));
		}
		if (send(channel, &a, sizeof(a), MSG_NOSIGNAL) == -1 ||
		    a.verdict == INQUIRY_FAILED) {
			break; /* another process connects again, with rights */
		}
	}
	explicit_bzero(&c->secret, sizeof(c->secret));
	client_quit(c);
	_exit(EX_OK);
}

int
inquiry_start(const struct config *config, const struct hop *hop, int *channel)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1) {
		return -1;
	}
	pid_t parent = getpid(), pid = fork();
	if (pid == 0) {
		int keep[] = { pair[1], log_fd() };
		process_default_signals();
		process_close_others(keep, sizeof(keep) / sizeof(keep[0]));
		process_end_with_parent(parent);
		serve(config, hop, pair[1]);
	}
	int error = errno;
	close(pair[1]);
	if (pid == -1) {
		close(pair[0]);
		errno = error;
		return -1;
	}
	*channel = pair[0];
	return pid;
}

void
inquiry_stop(int pid, int channel)
{
	int status;

	close(channel);
	if (process_next_end(deadline_now() + SECOND, &status) != pid) {
		(void)process_kill(pid, PROCESS_DEATH, &status);
	}
}

void
inquiry_all(const struct config *config, const struct hop *hop,
    const struct inquiry_question *questions, size_t n,
    struct inquiry_answer *answers)
{
	int channel = -1;
	int pid = inquiry_start(config, hop, &channel);

	for (size_t i = 0; i < n; i++) {
		struct inquiry_answer *a = &answers[i];
		struct pollfd p = { .fd = channel, .events = POLLIN };
		if (pid == -1 ||
		    send(channel, &questions[i], sizeof(questions[i]),
			MSG_NOSIGNAL) == -1 ||
		    poll(&p, 1, 2 * INQUIRY_LIMIT) != 1 ||
		    recv(channel, a, sizeof(*a), 0) != (ssize_t)sizeof(*a)) {
			*a = (struct inquiry_answer){ .verdict = INQUIRY_FAILED,
				.words = "no answer in time" };
		}
		a->enhanced[sizeof(a->enhanced) - 1] = '\0';
		a->words[sizeof(a->words) - 1] = '\0';
	}
	if (pid != -1) {
		inquiry_stop(pid, channel);
	}
}
