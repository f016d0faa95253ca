/* SPDX-License-Identifier: ISC */
/*
 * load - the load generator of the benchmarks: any number of SMTP or POP3
 * clients in one thread, over loopback; POP3 also with STLS. Every reply is
 * checked, and every message that a server takes responsibility for is written
 * down with its recipient and checksum, so that it can be looked for in the
 * mailboxes. Prints one line of JSON. Also the sink of the servers' log (load
 * log PATH).
 */
#include "load.h"

#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct options opt = { .clients = 1,
	.users = 50,
	.size = 1024,
	.room = 4096,
	.seconds = 3,
	.name = "r" };
struct totals sum;

static int queue;

static double
read_clock(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double
now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

double
wall(void)
{
	return read_clock(CLOCK_REALTIME);
}

void
note_time(double since)
{
	if (sum.ntimes == sum.room) {
		sum.room = sum.room ? sum.room * 2 : 65536;
		sum.times = realloc(sum.times, sum.room * sizeof *sum.times);
		if (sum.times == NULL)
			err(1, NULL);
	}
	sum.times[sum.ntimes++] = (float)(now() - since);
}

void
say(struct client *c, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(c->out + c->pending, opt.room - c->pending, format, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= opt.room - c->pending)
		errx(1, "output buffer too small");
	c->pending += (size_t)n;
}

void
say_bytes(struct client *c, const char *bytes, size_t len)
{
	if (len > opt.room - c->pending)
		errx(1, "output buffer too small");
	memcpy(c->out + c->pending, bytes, len);
	c->pending += len;
}

static void
open_session(struct client *c)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)opt.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
	int one = 1;

	sum.started++;
	c->step = 0;
	c->have = c->pending = c->sent = 0;
	c->leaves = false;
	c->left = opt.messages;
	c->began = now();
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (c->fd == -1)
		err(1, "socket");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (connect(c->fd, (struct sockaddr *)&to, sizeof to) == -1 &&
	    errno != EINPROGRESS)
		err(1, "connect");
	if (epoll_ctl(queue, EPOLL_CTL_ADD, c->fd, &event) == -1)
		err(1, "epoll_ctl");
}

void
close_session(struct client *c)
{
	tls_end(c);
	close(c->fd);
	c->fd = -1;
	c->sessions++;
}

void
fail(struct client *c, const char *why)
{
	if (sum.errors++ < 5)
		warnx("step %d: %s", c->step, why);
	close_session(c);
}

void
finished(struct client *c)
{
	sum.sessions++;
	if (opt.pop3 || opt.messages == 0)
		note_time(c->began);
	sum.last = wall();
	close_session(c);
}

static void
lines(struct client *c)
{
	char *p = c->in, *end = c->in + c->have, *eol;

	while (
	    c->fd != -1 && (eol = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		if (eol == p || eol[-1] != '\r')
			errx(1, "a line that ends without CR");
		eol[-1] = '\0';
		if (opt.pop3)
			pop3_reply(c, p, (size_t)(eol - 1 - p));
		else
			smtp_reply(c, p);
		p = eol + 1;
	}
	c->have = (size_t)(end - p);
	memmove(c->in, p, c->have);
}

static void
flush(struct client *c)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
	const char *from;
	size_t len;
	ssize_t n;

	if (c->pending == 0)
		return;
	from = c->out + c->sent;
	len = c->pending - c->sent;
	n = c->tls != NULL ? tls_send(c, from, len)
	                   : send(c->fd, from, len, MSG_NOSIGNAL);
	if (n == -1 && errno != EAGAIN) {
		fail(c, strerror(errno));
		return;
	}
	c->sent += n > 0 ? (size_t)n : 0;
	if (c->sent == c->pending) {
		c->sent = c->pending = 0;
		if (c->leaves)
			finished(c);
		return;
	}
	event.events |= EPOLLOUT;
	epoll_ctl(queue, EPOLL_CTL_MOD, c->fd, &event);
}

/* True if there may be more: TLS keeps records that epoll does not see. */
static bool
receive(struct client *c)
{
	char *to = c->in + c->have;
	size_t room = sizeof c->in - c->have;
	ssize_t n =
	    c->tls != NULL ? tls_recv(c, to, room) : recv(c->fd, to, room, 0);

	if (n > 0) {
		c->have += (size_t)n;
		lines(c);
	} else if (n == 0 || errno != EAGAIN) {
		fail(c, n == 0 ? "closed" : strerror(errno));
	}
	return n > 0 && c->fd != -1 && c->tls != NULL && !c->shaking;
}

static void
shake(struct client *c)
{
	if (tls_shake(c) == 0)
		pop3_login(c);
	else if (errno != EAGAIN)
		fail(c, "no TLS");
}

static void
serve(struct client *c, uint32_t events)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };

	if (events & EPOLLOUT)
		epoll_ctl(queue, EPOLL_CTL_MOD, c->fd, &event);
	if (!c->shaking && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
		while (receive(c))
			;
	if (c->fd != -1 && c->shaking)
		shake(c);
	if (c->fd != -1)
		flush(c);
}

/* Keeps the clients busy until the time is over, then lets them finish. */
static void
work(struct client *clients)
{
	struct epoll_event events[256];
	double end, time;
	int n, open = 0;

	sum.start = sum.last = wall();
	end = sum.start + opt.seconds;
	do {
		time = wall();
		open = 0;
		for (int i = 0; i < opt.clients; i++) {
			if (clients[i].fd == -1 && time < end &&
			    sum.errors < 100 &&
			    (opt.limit == 0 || sum.started < opt.limit))
				open_session(&clients[i]);
			open += clients[i].fd != -1;
		}
		n = epoll_wait(queue, events, 256, 1000);
		for (int i = 0; i < n; i++)
			serve(events[i].data.ptr, events[i].events);
	} while (open > 0 && time < end + 30);
	for (int i = 0; i < opt.clients; i++)
		if (clients[i].fd != -1)
			fail(&clients[i], "no answer");
}

static int
by_size(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static double
percentile(double share)
{
	if (sum.ntimes == 0)
		return 0;
	return 1e3 *
	       (double)sum.times[(size_t)(share * (double)(sum.ntimes - 1))];
}

static void
print(void)
{
	struct rusage use;

	getrusage(RUSAGE_SELF, &use);
	qsort(sum.times, sum.ntimes, sizeof *sum.times, by_size);
	printf("{\"sessions\": %lu, \"messages\": %lu, \"octets\": %llu, "
	       "\"errors\": %lu, \"busy\": %lu, \"start\": %.6f, "
	       "\"end\": %.6f, \"p50\": %.3f, \"p90\": %.3f, \"p99\": %.3f, "
	       "\"max\": %.3f, \"load_cpu\": %.3f}\n",
	    sum.sessions, sum.messages, sum.octets, sum.errors, sum.busy,
	    sum.start, sum.last, percentile(.5), percentile(.9),
	    percentile(.99), percentile(1),
	    (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
		(double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6);
}

/* What syslog(3) sends goes to stdout; until a signal comes. */
static void
log_sink(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	char line[8192];
	struct pollfd p;
	ssize_t n;

	snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
	p.events = POLLIN;
	p.fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	if (p.fd == -1 || bind(p.fd, (struct sockaddr *)&at, sizeof at) == -1 ||
	    chmod(path, 0666) == -1)
		err(1, "%s", path);
	for (;;) {
		if (poll(&p, 1, 200) == 0 && fflush(stdout) == EOF)
			err(1, "stdout");
		n = recv(p.fd, line, sizeof line - 1, MSG_DONTWAIT);
		if (n > 0) {
			line[n] = '\0';
			puts(line);
		}
	}
}

static void
usage(void)
{
	fputs("usage: load smtp|pop3|retr -p port [-c clients] [-t seconds] "
	      "[-n sessions]\n\t[-m messages a session] [-s size] [-u users] "
	      "[-P] [-Q] [-T] [-a acks] [-i name]\n       load log PATH\n",
	    stderr);
	exit(64);
}

static void
options(int argc, char **argv)
{
	int ch;

	while ((ch = getopt(argc, argv, "p:c:t:n:m:s:u:PQTa:i:")) != -1) {
		switch (ch) {
		case 'p':
			opt.port = atoi(optarg);
			break;
		case 'c':
			opt.clients = atoi(optarg);
			break;
		case 't':
			opt.seconds = atof(optarg);
			break;
		case 'n':
			opt.limit = strtoul(optarg, NULL, 10);
			break;
		case 'm':
			opt.messages = (unsigned int)atoi(optarg);
			break;
		case 's':
			opt.size = strtoul(optarg, NULL, 10);
			break;
		case 'u':
			opt.users = atoi(optarg);
			break;
		case 'P':
			opt.pipeline = true;
			break;
		case 'Q':
			opt.no_wait = true;
			break;
		case 'T':
			opt.starttls = true;
			break;
		case 'i':
			opt.name = optarg;
			break;
		case 'a':
			if ((opt.acks = fopen(optarg, "a")) == NULL)
				err(1, "%s", optarg);
			break;
		default:
			usage();
		}
	}
	if (opt.port == 0 || opt.clients < 1 || opt.clients > 1000 ||
	    opt.users < 1 || opt.size > 131072)
		usage();
	opt.room += opt.size;
}

int
main(int argc, char **argv)
{
	struct client *clients;

	if (argc == 3 && strcmp(argv[1], "log") == 0)
		log_sink(argv[2]);
	if (argc < 2)
		usage();
	opt.retr = strcmp(argv[1], "retr") == 0;
	opt.pop3 = opt.retr || strcmp(argv[1], "pop3") == 0;
	if (!opt.pop3 && strcmp(argv[1], "smtp") != 0)
		usage();
	options(argc - 1, argv + 1);
	smtp_prepare();
	clients = calloc((size_t)opt.clients, sizeof *clients);
	if (clients == NULL || (queue = epoll_create1(0)) == -1)
		err(1, NULL);
	for (int i = 0; i < opt.clients; i++) {
		clients[i].fd = -1;
		clients[i].number = (unsigned int)i;
		if ((clients[i].out = malloc(opt.room)) == NULL)
			err(1, NULL);
	}
	work(clients);
	if (opt.acks != NULL && fclose(opt.acks) == EOF)
		err(1, "acks");
	print();
	return sum.errors > 0;
}
