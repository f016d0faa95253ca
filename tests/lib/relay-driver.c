/* SPDX-License-Identifier: ISC */
/*
 * Plays the queue runner for one relay agent:
 *   relay-driver CONFIG HOP DOMAIN
 * Each line of standard input, "FILE NUMBER...", is an order for these
 * recipients of a queue file; "FILE" must hold no blank.  What the agent says
 * comes out as lines "kind<TAB>recipient<TAB>dsn<TAB>relayed<TAB>host<TAB>
 * text"; at the end its exit status.
 */
#include "smtpd/agent/sts_file.h"
#include "smtpd/relay/agent.h"

#include "common/log/log.h"

#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct config *config;
static const char *domain;

static const char *const kinds[] = { "sent", "deferred", "failed", "expanded",
	"done", "open", "stale", "dead" };

/* Until it is done; false: the agent is gone. */
static bool
listen_to(int channel)
{
	struct pollfd p = { .fd = channel, .events = POLLIN };
	static union agent_said said;

	for (;;) {
		if (poll(&p, 1, -1) != 1) {
			err(1, "poll");
		}
		enum agent_message kind = agent_receive(channel, &said);
		struct outcome o = said.outcome;
		if (kind == AGENT_GONE) {
			return false;
		}
		if (kind == AGENT_NEWS &&
		    sts_file_keep(config, domain, &said.news) == -1) {
			warn("news of %s", domain);
		}
		if (kind != AGENT_OUTCOME || o.kind == OUTCOME_OPEN) {
			continue;
		}
		printf("%s\t%u\t%s\t%u\t%s\t%s\n", kinds[o.kind], o.recipient,
		    o.dsn, o.relayed, o.host, o.text);
		if (o.kind < OUTCOME_DONE && o.last != 0) {
			printf("%s\t0\t\t0\t\t\n", kinds[OUTCOME_DONE]);
			o.kind = OUTCOME_DONE;
		}
		fflush(stdout);
		if (o.kind == OUTCOME_DONE || o.kind >= OUTCOME_STALE) {
			return o.kind == OUTCOME_DONE;
		}
	}
}

static bool
give_order(int channel, char *line, uint32_t serial)
{
	struct order order = { .serial = serial };
	char *rest = line;
	const char *file = strsep(&rest, " \n");

	while (rest != NULL && order.count < ORDER_RECIPIENTS) {
		const char *number = strsep(&rest, " \n");
		if (*number != '\0') {
			order.recipients[order.count++] =
			    (uint32_t)strtoul(number, NULL, 10);
		}
	}
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd == -1) {
		err(1, "%s", file);
	}
	bool sent = agent_send_order(channel, &order, fd) == 0;
	close(fd);
	return sent && listen_to(channel);
}

int
main(int argc, char **argv)
{
	struct hop hop;
	char error[CONFIG_ERROR], *line = NULL;
	int ends[2], status;
	size_t room = 0;

	if (argc != 4) {
		errx(1, "usage: relay-driver CONFIG HOP DOMAIN");
	}
	domain = argv[3];
	if ((config = config_load(argv[1], error)) == NULL ||
	    hop_parse(&hop, argv[2], argv[3], error) == -1) {
		errx(1, "%s", error);
	}
	log_open("relay-driver", LOG_TO_STDERR);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == -1) {
		err(1, "socketpair");
	}
	pid_t pid = fork();
	if (pid == 0) {
		close(ends[0]);
		relay_agent(config, &hop, ends[1]);
	}
	close(ends[1]);
	uint32_t serial = 0;
	bool more = true;
	while (more && getline(&line, &room, stdin) != -1) {
		more = give_order(ends[0], line, ++serial);
	}
	close(ends[0]);
	free(line);
	if (waitpid(pid, &status, 0) != pid) {
		err(1, "waitpid");
	}
	free(config);
	printf("exit\t%d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	return 0;
}
