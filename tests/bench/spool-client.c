/* SPDX-License-Identifier: ISC */
/*
 * spool-client - one POP3 client for the benchmark of large mailboxes, plain
 * text over loopback.  Prints figures as one line of JSON; times are in
 * milliseconds.
 *
 *	login PORT USER SECONDS  sessions (log in, STAT, QUIT) one after another
 *	first-login PORT USER    one such session
 *	retr PORT USER DEPTH     one session, RETR of all, DEPTH of them ahead
 *	first PORT USER          one session, DELE 1
 *	hold PORT USER           one session, kept until standard input ends
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <err.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 256 * 1024, MOST_SESSIONS = 100000 };

struct client {
	int fd;
	const char *user;
	unsigned long messages;
	unsigned long long octets; /* as STAT says */
	size_t have, done;
	char in[ROOM + 1];
};

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void
send_all(struct client *c, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(c->fd, data, len);
		if (n <= 0) {
			err(1, "%s: write", c->user);
		}
		data += n;
		len -= (size_t)n;
	}
}

__attribute__((format(printf, 2, 3))) static void
say(struct client *c, const char *fmt, ...)
{
	char line[128];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	send_all(c, line, (size_t)n);
}

/* Moves what is left to the front, and reads more after it. */
static void
fill(struct client *c)
{
	c->have -= c->done;
	memmove(c->in, c->in + c->done, c->have);
	c->done = 0;
	ssize_t n = read(c->fd, c->in + c->have, ROOM - c->have);
	if (n <= 0) {
		errx(1, "%s: the server has gone", c->user);
	}
	c->have += (size_t)n;
}

/* The next reply line, which is +OK. */
static char *
reply(struct client *c)
{
	char *line, *lf;

	while (
	    (lf = memchr(c->in + c->done, '\n', c->have - c->done)) == NULL) {
		fill(c);
	}
	*lf = '\0';
	line = c->in + c->done;
	c->done = (size_t)(lf + 1 - c->in);
	if (strncmp(line, "+OK", 3) != 0) {
		errx(1, "%s: %s", c->user, line);
	}
	return line;
}

/*
 * Passes over the text of a message.  Its octets, as STAT counts them.  Only
 * dots are looked for, so that the client does not set the pace.
 */
static unsigned long long
text(struct client *c)
{
	unsigned long long octets = 0;
	char before[2] = { '\r', '\n' };

	for (;;) {
		char *from = c->in + c->done, *end = c->in + c->have;
		char *dot = from;
		while ((dot = memchr(dot, '.', (size_t)(end - dot))) != NULL) {
			char last = dot > from ? dot[-1] : before[1];
			if (last == '\n' && end - dot < 3) {
				break; /* what it is depends on what comes */
			}
			if (last == '\n' && dot[1] == '\r' && dot[2] == '\n') {
				c->done = (size_t)(dot + 3 - c->in);
				return octets +
				       (unsigned long long)(dot - from);
			}
			octets -= last == '\n';
			dot++;
		}
		char *stop = dot == NULL ? end : dot;
		if (stop > from) {
			before[1] = stop[-1];
		}
		octets += (unsigned long long)(stop - from);
		c->done = (size_t)(stop - c->in);
		fill(c);
	}
}

static void
begin(struct client *c, const char *port, const char *user)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((in_port_t)atoi(port)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int on = 1;

	c->user = user;
	c->have = c->done = 0;
	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (c->fd == -1 ||
	    connect(c->fd, (struct sockaddr *)&to, sizeof(to)) == -1) {
		err(1, "port %s", port);
	}
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	reply(c);
	say(c, "USER %s\r\n", user);
	reply(c);
	say(c, "PASS bench\r\n");
	reply(c);
	say(c, "STAT\r\n");
	if (sscanf(reply(c), "+OK %lu %llu", &c->messages, &c->octets) != 2) {
		errx(1, "odd answer to STAT");
	}
}

/* How long the answer took. */
static double
quit(struct client *c)
{
	double start = now_ms();

	say(c, "QUIT\r\n");
	reply(c);
	double took = now_ms() - start;
	/* The end of the session is when the server closes. */
	shutdown(c->fd, SHUT_WR);
	while (read(c->fd, c->in, ROOM) > 0) {
	}
	close(c->fd);
	return took;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void
login(struct client *c, const char *port, const char *user, double seconds,
    size_t least)
{
	double *ms = calloc(MOST_SESSIONS, sizeof(*ms));
	double end = now_ms() + 1e3 * seconds;
	size_t n = 0;

	while (
	    ms != NULL && n < MOST_SESSIONS && (n < least || now_ms() < end)) {
		double start = now_ms();
		begin(c, port, user);
		quit(c);
		ms[n++] = now_ms() - start;
	}
	qsort(ms, n, sizeof(*ms), compare);
	printf("{\"sessions\": %zu, \"ms\": %.4f, \"messages\": %lu, "
	       "\"octets\": %llu}\n",
	    n, ms[n / 2], c->messages, c->octets);
	free(ms);
}

static void
retr(struct client *c, const char *port, const char *user, unsigned long depth)
{
	unsigned long long octets = 0;
	unsigned long asked = 0;
	double start = now_ms();

	begin(c, port, user);
	double in = now_ms();
	for (unsigned long got = 0; got < c->messages; got++) {
		char ahead[4096];
		size_t len = 0;
		while (asked < c->messages && asked - got < depth &&
		       len < sizeof(ahead) - 32) {
			len += (size_t)snprintf(ahead + len,
			    sizeof(ahead) - len, "RETR %lu\r\n", ++asked);
		}
		send_all(c, ahead, len);
		reply(c);
		octets += text(c);
	}
	double all = now_ms();
	if (octets != c->octets) {
		errx(1, "%s: RETR gave %llu octets, STAT %llu", user, octets,
		    c->octets);
	}
	quit(c);
	printf("{\"octets\": %llu, \"login\": %.3f, \"retr\": %.3f, "
	       "\"ms\": %.3f}\n",
	    octets, in - start, all - in, now_ms() - start);
}

static void
first(struct client *c, const char *port, const char *user)
{
	double start = now_ms();

	begin(c, port, user);
	say(c, "DELE 1\r\n");
	reply(c);
	double took = quit(c);
	printf("{\"messages\": %lu, \"quit\": %.3f, \"ms\": %.3f}\n",
	    c->messages, took, now_ms() - start);
}

static void
hold(struct client *c, const char *port, const char *user)
{
	double start = now_ms();

	begin(c, port, user);
	printf("{\"messages\": %lu, \"octets\": %llu, \"ms\": %.3f}\n",
	    c->messages, c->octets, now_ms() - start);
	fflush(stdout);
	while (getchar() != EOF) {
	}
	quit(c);
}

int
main(int argc, char **argv)
{
	static struct client c;

	if (argc == 5 && strcmp(argv[1], "login") == 0) {
		login(&c, argv[2], argv[3], atof(argv[4]), 3);
	} else if (argc == 4 && strcmp(argv[1], "first-login") == 0) {
		login(&c, argv[2], argv[3], 0, 1);
	} else if (argc == 5 && strcmp(argv[1], "retr") == 0) {
		retr(&c, argv[2], argv[3], strtoul(argv[4], NULL, 10));
	} else if (argc == 4 && strcmp(argv[1], "first") == 0) {
		first(&c, argv[2], argv[3]);
	} else if (argc == 4 && strcmp(argv[1], "hold") == 0) {
		hold(&c, argv[2], argv[3]);
	} else {
		errx(1, "usage: login, retr, first, hold: see the source");
	}
	return 0;
}
