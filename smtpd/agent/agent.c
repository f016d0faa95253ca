/* SPDX-License-Identifier: ISC */
/* The messages between the runner and its agents, sent and checked. */
#include "smtpd/agent/agent.h"

#include "common/io/socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

int
agent_send_order(int channel, const struct order *order, int fd)
{
	return socket_send_with(
	    channel, order, sizeof(*order), &fd, 1, MSG_NOSIGNAL);
}

int
agent_receive_order(int channel, struct order *order, int *fd)
{
	size_t n = 1;

	return socket_receive_with(channel, order, sizeof(*order), fd, &n, 0) ==
	                   (ssize_t)sizeof(*order) &&
	               n == 1
	           ? 0
	           : -1;
}

/* Ends the string, and makes one printable line of it. */
static void
clean_text(char *text, size_t size)
{
	text[size - 1] = '\0';
	for (char *p = text; *p != '\0'; p++) {
		if ((*p >= 0 && *p < ' ') || *p == 0x7f) {
			*p = ' ';
		}
	}
}

static void
clean_outcome(struct outcome *o)
{
	clean_text(o->dsn, sizeof(o->dsn));
	clean_text(o->host, sizeof(o->host));
	clean_text(o->text, sizeof(o->text));
}

void
agent_send_outcome(int channel, const struct outcome *outcome)
{
	struct outcome o = *outcome;
	struct iovec iov = { .iov_base = &o, .iov_len = sizeof(o) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	clean_outcome(&o);
	if (socket_send(channel, &m, MSG_NOSIGNAL) == -1) {
		/* Nobody would record what we do from here on. */
		_exit(1);
	}
}

static void
tell(int channel, const void *message, size_t size)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)message,
		.iov_len = size };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (socket_send(channel, &m, MSG_NOSIGNAL) == -1) {
		_exit(1); /* there is no runner any more */
	}
}

void
agent_send_news(int channel, const struct agent_news *news)
{
	tell(channel, news, sizeof(*news));
}

void
agent_send_note(int channel, const struct tls_note *note)
{
	tell(channel, note, sizeof(*note));
}

_Static_assert(sizeof(struct agent_question) != sizeof(struct outcome) &&
		   sizeof(struct agent_news) != sizeof(struct outcome) &&
		   sizeof(struct agent_news) != sizeof(struct agent_question) &&
		   sizeof(struct tls_note) != sizeof(struct outcome) &&
		   sizeof(struct tls_note) != sizeof(struct agent_news) &&
		   sizeof(struct tls_note) != sizeof(struct agent_question),
    "they are told apart by their sizes");

enum agent_message
agent_receive(int channel, union agent_said *said)
{
	struct iovec iov = { .iov_base = said, .iov_len = sizeof(*said) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n = socket_receive(channel, &m, MSG_DONTWAIT);

	if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
		return AGENT_NOTHING;
	}
	switch (n) {
	case (ssize_t)sizeof(said->question):
		clean_text(
		    said->question.domain, sizeof(said->question.domain));
		return said->question.want <= WANT_SIGNATURE ? AGENT_QUESTION
		                                             : AGENT_GONE;
	case (ssize_t)sizeof(said->news):
		said->news.id[STS_ID] = '\0';
		return said->news.len <= STS_TEXT ? AGENT_NEWS : AGENT_GONE;
	case (ssize_t)sizeof(said->note):
		return tls_note_valid(&said->note) ? AGENT_NOTE : AGENT_GONE;
	case (ssize_t)sizeof(said->outcome):
		clean_outcome(&said->outcome);
		return said->outcome.kind <= OUTCOME_DEAD ? AGENT_OUTCOME
		                                          : AGENT_GONE;
	default:
		return AGENT_GONE;
	}
}

/* ---- questions ---- */

int
agent_ask(int channel, const struct agent_question *q, struct agent_answer *a)
{
	struct iovec out = { .iov_base = (void *)(uintptr_t)q,
		.iov_len = sizeof(*q) };
	struct iovec in = { .iov_base = a, .iov_len = sizeof(*a) };
	struct msghdr question = { .msg_iov = &out, .msg_iovlen = 1 };
	struct msghdr answer = { .msg_iov = &in, .msg_iovlen = 1 };

	if (socket_send(channel, &question, MSG_NOSIGNAL) == -1 ||
	    socket_receive(channel, &answer, 0) != (ssize_t)sizeof(*a) ||
	    a->count > 2 || a->signature.size > SIGNATURE_SIZE) {
		return -1;
	}
	clean_text(a->why, sizeof(a->why));
	return 0;
}

int
agent_answer(int channel, const struct agent_answer *a)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)a,
		.iov_len = sizeof(*a) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	return socket_send(channel, &m, MSG_NOSIGNAL | MSG_DONTWAIT) == -1 ? -1
	                                                                   : 0;
}
