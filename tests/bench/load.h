/* SPDX-License-Identifier: ISC */
/* What the parts of the load generator share. */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct client {
	int fd;   /* -1: not connected */
	int step; /* 0: waits for the greeting; else the protocol's own */
	unsigned int number, sessions, left, user;
	unsigned long id; /* of the message under way */
	uint32_t sum;
	double began, asked;
	unsigned int message, messages;    /* POP3 */
	unsigned long long octets, expect; /* POP3 */
	size_t have, pending, sent;
	bool leaves;  /* as soon as everything is sent */
	void *tls;    /* of GnuTLS, once it has begun */
	bool shaking; /* its handshake is not over */
	char in[65536];
	char *out; /* room for one message */
};

extern struct options {
	bool pop3, retr, pipeline, starttls, no_wait;
	int port, clients, users;
	unsigned int messages;
	unsigned long limit;
	size_t size, room;
	double seconds;
	const char *name;
	FILE *acks;
} opt;

extern struct totals {
	unsigned long started, sessions, messages, busy, errors;
	unsigned long long octets;
	double start, last;
	float *times;
	size_t ntimes, room;
} sum;

/* Seconds. */
double now(void);
double wall(void);
/* Adds the time since then to the latencies. */
void note_time(double since);
/* Queues a line or lines for sending; say_bytes() as they are. */
void say(struct client *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void say_bytes(struct client *, const char *, size_t);
/* The session's end, good or bad or to be tried again. */
void finished(struct client *);
void fail(struct client *, const char *why);
void close_session(struct client *);

/* Makes the text that messages consist of. */
void smtp_prepare(void);
/* One line from the server, without its CRLF. */
void smtp_reply(struct client *, const char *line);
void pop3_reply(struct client *, const char *line, size_t len);
/* What a POP3 client says first, or once TLS protects it. */
void pop3_login(struct client *);

/* Whatever follows is for TLS; its handshake comes first. */
void tls_begin(struct client *);
void tls_end(struct client *);
/* 0, or -1 with errno: EAGAIN while it goes on. */
int tls_shake(struct client *);
ssize_t tls_recv(struct client *, void *, size_t);
ssize_t tls_send(struct client *, const void *, size_t);

#endif
