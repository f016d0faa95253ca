/* SPDX-License-Identifier: ISC */
/*
 * For t_local_*.py: puts a message into the queue of a configuration, has
 * the local agent deliver it, and prints what that says.
 *
 *   local-driver CONFIG SENDER BODY TIMES KIND TEXT GIVEN OWNER ...
 *
 * BODY: a file with LF lines; TIMES: how often to give the order; then four
 * words for each recipient, KIND as in the head of a queue file.  Prints the
 * message's id, and a line for each outcome: NUMBER KIND DSN TEXT.
 */
#include "common/log/log.h"
#include "smtpd/agent/agent.h"
#include "smtpd/local/agent.h"
#include "spool/queue.h"

#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const kinds[] = { "sent", "deferred", "failed", "expanded",
	"done", "dead" };

/* Commits the message, and claims it. */
static void
enqueue(struct queue *q, char **words, int n, struct queue_file *f)
{
	struct mail m;
	struct queue_body body = { .length = -1,
		.fd = open(words[1], O_RDONLY | O_CLOEXEC) };

	mail_init(&m);
	strlcpy(m.sender, words[0], sizeof(m.sender));
	strlcpy(m.client, "local", sizeof(m.client));
	for (int i = 3; i + 4 <= n; i += 4) {
		struct recipient r = { .text = words[i + 1],
			.given = words[i + 2],
			.owner = words[i + 3],
			.orcpt = "" };
		const char *kind = strchr(mail_targets, words[i][0]);
		r.target = (enum target)(kind - mail_targets);
		if (mail_add(&m, &r) == -1) {
			err(1, "mail_add");
		}
	}
	if (body.fd == -1 || queue_commit(q, &m, &body) == -1) {
		err(1, "queue_commit");
	}
	if (queue_claim(q, QUEUE_ACTIVE, m.id, f) != QUEUE_CLAIMED) {
		err(1, "queue_claim");
	}
	printf("%s\n", m.id);
	mail_free(&m);
}

/* Gives one order, and prints outcomes up to the last. */
static void
deliver(int channel, const struct queue_file *f)
{
	struct order order = { .serial = 7, .count = (uint32_t)f->mail.count };
	struct outcome o = { .kind = OUTCOME_SENT };
	static union agent_said said;
	int fd = queue_open_body(f);

	for (uint32_t i = 0; i < order.count; i++) {
		order.recipients[i] = i;
	}
	if (fd == -1 || agent_send_order(channel, &order, fd) == -1) {
		err(1, "agent_send_order");
	}
	close(fd);
	while (o.kind != OUTCOME_DONE) {
		struct pollfd p = { .fd = channel, .events = POLLIN };
		(void)poll(&p, 1, -1);
		enum agent_message kind = agent_receive(channel, &said);
		if (kind == AGENT_GONE) {
			errx(1, "the agent is gone");
		}
		if (kind == AGENT_OUTCOME) {
			o = said.outcome;
			printf("%u %s %s %s\n", (unsigned)o.recipient,
			    kinds[o.kind], o.dsn, o.text);
			if (o.last != 0) {
				o.kind = OUTCOME_DONE;
				printf("0 %s  \n", kinds[o.kind]);
			}
		}
	}
}

int
main(int argc, char **argv)
{
	struct config *config;
	char error[CONFIG_ERROR];
	struct queue queue;
	struct queue_file file;
	int pair[2], status;

	signal(SIGXFSZ, SIG_IGN); /* as main() of smtpd */
	log_open("local-driver", LOG_TO_PERSON);
	if (argc < 9 || (config = config_load(argv[1], error)) == NULL ||
	    queue_open(&queue, config->queue) == -1 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1) {
		errx(1, "%s", argc < 9 ? "usage" : error);
	}
	enqueue(&queue, argv + 2, argc - 2, &file);
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		close(pair[0]);
		local_agent(config, pair[1]);
	}
	close(pair[1]);
	for (int i = 0; i < atoi(argv[4]); i++) {
		deliver(pair[0], &file);
	}
	close(pair[0]);
	if (waitpid(pid, &status, 0) == -1 || status != 0) {
		errx(1, "the agent ended with %d", status);
	}
	queue_release(&file);
	queue_close(&queue);
	free(config);
	return 0;
}
