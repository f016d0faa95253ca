/* SPDX-License-Identifier: ISC */
/*
 * Buffered line and byte input, buffered output, over descriptors or TLS.
 * Sockets are used with MSG_DONTWAIT rather than made non-blocking, because
 * that flag would hold for all processes that share them (a terminal, say).
 */
#include "common/io/stream.h"

#include "common/io/deadline.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	IN_SIZE = STREAM_BUFFERED,
	DIRECT_SIZE = 16 * 1024, /* what is sent without being copied */
	OUT_SIZE = 64 * 1024,    /* whole TLS records */
	FLOOD_SIZE = 64 * 1024,  /* of one line before the peer is given up */
	COMMAND_SIZE = 512, /* what comes in larger pieces has more to come */
};

struct stream {
	int rfd, wfd;
	struct tls_session *tls;                  /* NULL: in the clear */
	const struct stream_transport *transport; /* of tls */
	int timeout;
	int64_t end;      /* of the session */
	int64_t patience; /* when what is being read must be there */
	struct pace pace; /* of what is read, if paced */
	bool paced;
	bool accept_lf;
	bool had_lf;  /* the last line ended in LF alone */
	bool in_line; /* a line has begun */
	bool interruptible;
	bool failed;
	bool drained; /* in the clear: the last piece was a short one */
	uint64_t received, sent;
	size_t in_pos, in_len, out_len;
	char in[IN_SIZE];
	char out[OUT_SIZE];
};

struct stream *
stream_open(int rfd, int wfd, int timeout, int lifetime)
{
	/* Not zeroed whole: pages of the buffers are touched when used. */
	struct stream *s = malloc(sizeof(*s));

	if (s == NULL) {
		return NULL;
	}
	s->rfd = rfd;
	s->wfd = wfd;
	s->tls = NULL;
	s->transport = NULL;
	s->timeout = timeout;
	s->end = deadline_now() + lifetime;
	s->had_lf = s->in_line = false;
	s->accept_lf = s->interruptible = s->failed = s->paced = false;
	s->drained = false;
	s->received = s->sent = 0;
	s->in_pos = s->in_len = s->out_len = 0;
	return s;
}

void
stream_close(struct stream *s)
{
	if (s == NULL) {
		return;
	}
	if (s->tls != NULL) {
		s->transport->close(s->tls);
	}
	free(s);
}

void
stream_secure(struct stream *s, const struct stream_transport *transport,
    struct tls_session *tls)
{
	s->transport = transport;
	s->tls = tls;
}

struct tls_session *
stream_tls(const struct stream *s)
{
	return s->tls;
}

int
stream_fd(const struct stream *s)
{
	return s->rfd;
}

void
stream_accept_lf(struct stream *s, bool on)
{
	s->accept_lf = on;
}

bool
stream_had_lf(const struct stream *s)
{
	return s->had_lf;
}

bool
stream_ended_in_line(const struct stream *s)
{
	return s->in_line;
}

void
stream_interruptible(struct stream *s, bool on)
{
	s->interruptible = on;
}

void
stream_set_timeout(struct stream *s, int timeout)
{
	s->timeout = timeout;
}

void
stream_set_lifetime(struct stream *s, int lifetime)
{
	s->end = deadline_now() + lifetime;
}

uint64_t
stream_received(const struct stream *s)
{
	return s->received;
}

uint64_t
stream_sent(const struct stream *s)
{
	return s->sent;
}

/* When the wait that begins now must end. */
static int64_t
deadline(const struct stream *s)
{
	int64_t t = deadline_now() + s->timeout;

	return t < s->end ? t : s->end;
}

void
stream_pace(struct stream *s, uint64_t octets)
{
	s->paced = octets != 0;
	pace_start(&s->pace, deadline_now(), s->received, s->timeout, octets);
}

/* Sets patience for a read that begins now. */
static void
start_read(struct stream *s)
{
	s->patience = deadline(s);
	if (s->paced) {
		int64_t t = pace_next(&s->pace, deadline_now(), s->received);
		s->patience = t < s->patience ? t : s->patience;
	}
}

static ssize_t
receive(struct stream *s, char *buf, size_t size)
{
	if (s->tls != NULL) {
		return s->transport->receive(s->tls, buf, size);
	}
	ssize_t n = recv(s->rfd, buf, size, MSG_DONTWAIT);
	s->drained = n > 0 && n < COMMAND_SIZE;
	if (n == -1 && errno == ENOTSOCK) {
		/* A pipe or terminal: only after poll() said so. */
		struct pollfd p = { .fd = s->rfd, .events = POLLIN };
		if (poll(&p, 1, 0) == 0) {
			errno = EAGAIN;
			return -1;
		}
		n = read(s->rfd, buf, size);
	}
	return n;
}

static ssize_t
transmit(struct stream *s, const char *buf, size_t size)
{
	if (s->tls != NULL) {
		return s->transport->send(s->tls, buf, size);
	}
	ssize_t n = send(s->wfd, buf, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n == -1 && errno == ENOTSOCK) {
		n = write(s->wfd, buf, size);
	}
	return n;
}

static void
send_all(struct stream *s, const char *data, size_t len)
{
	int64_t until = deadline(s); /* all of it, not each octet */

	while (len > 0 && !s->failed) {
		ssize_t n = transmit(s, data, len);
		if (n > 0) {
			data += n;
			len -= (size_t)n;
			s->sent += (uint64_t)n;
		} else if (n == -1 && errno == EAGAIN) {
			/* A peer that does not read is gone after a while,
			   shutdown or not. */
			s->failed =
			    deadline_wait(s->wfd, POLLOUT, until, false) == -1;
		} else if (n == -1 && errno == EINTR) {
			continue;
		} else {
			s->failed = true;
		}
	}
}

int
stream_flush(struct stream *s)
{
	size_t len = s->out_len;

	s->out_len = 0;
	send_all(s, s->out, len);
	return s->failed ? -1 : 0;
}

void
stream_write(struct stream *s, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0 && !s->failed) {
		if (s->out_len == OUT_SIZE && stream_flush(s) == -1) {
			return;
		}
		if (s->out_len == 0 && len >= DIRECT_SIZE) {
			send_all(s, p, len);
			return;
		}
		size_t room = OUT_SIZE - s->out_len;
		size_t n = len < room ? len : room;
		memcpy(s->out + s->out_len, p, n);
		s->out_len += n;
		p += n;
		len -= n;
	}
}

void
stream_printf(struct stream *s, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n > 0) {
		size_t len =
		    (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;
		stream_write(s, text, len);
	}
}

/* Reads what there is; waits (and flushes) only if there is nothing. */
static enum line
fill(struct stream *s)
{
	if (s->in_pos == s->in_len) {
		s->in_pos = s->in_len = 0;
	} else if (s->in_len == IN_SIZE) {
		memmove(s->in, s->in + s->in_pos, s->in_len - s->in_pos);
		s->in_len -= s->in_pos;
		s->in_pos = 0;
	}
	if (stream_flush(s) == -1) {
		return LINE_EOF;
	}
	if (deadline_now() >= s->end) {
		return LINE_LATE;
	}
	/* What follows a short piece comes after a reply, so that asking for it
	   before waiting would be a call for nothing. */
	bool wait = stream_drained(s);
	for (;; wait = false) {
		errno = EAGAIN;
		ssize_t n =
		    wait ? -1
			 : receive(s, s->in + s->in_len, IN_SIZE - s->in_len);
		if (n > 0) {
			s->in_len += (size_t)n;
			s->received += (uint64_t)n;
			return LINE_OK;
		}
		if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
			s->failed = s->failed || n == -1;
			return LINE_EOF;
		}
		if (deadline_wait(
			s->rfd, POLLIN, s->patience, s->interruptible) == -1) {
			return errno == EINTR             ? LINE_SHUTDOWN
			       : errno != ETIMEDOUT       ? LINE_EOF
			       : deadline_now() >= s->end ? LINE_LATE
			                                  : LINE_TIMEOUT;
		}
	}
}

enum line
stream_peek(struct stream *s, const char **data, size_t *len)
{
	if (s->in_pos == s->in_len) {
		start_read(s);
		enum line more = fill(s);
		if (more != LINE_OK) {
			return more;
		}
	}
	*len = stream_buffered(s, data);
	return LINE_OK;
}

enum line
stream_poll(struct stream *s)
{
	if (s->in_pos < s->in_len) {
		return LINE_OK;
	}
	s->in_pos = s->in_len = 0;
	ssize_t n = receive(s, s->in, IN_SIZE);
	if (n > 0) {
		s->in_len = (size_t)n;
		s->received += (uint64_t)n;
		return LINE_OK;
	}
	if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
		return LINE_TIMEOUT;
	}
	/* Whoever reads on then waits for nothing. */
	s->failed = s->failed || n == -1;
	return LINE_EOF;
}

bool
stream_drained(const struct stream *s)
{
	return s->in_pos == s->in_len &&
	       (s->tls == NULL ? s->drained : s->transport->drained(s->tls));
}

void
stream_consume(struct stream *s, size_t len)
{
	s->in_pos += len;
}

size_t
stream_buffered(const struct stream *s, const char **data)
{
	*data = s->in + s->in_pos;
	return s->in_len - s->in_pos;
}

bool
stream_unread(struct stream *s, const void *data, size_t len)
{
	if (s->in_pos != s->in_len || len > IN_SIZE) {
		return false;
	}
	memcpy(s->in, data, len);
	s->in_pos = 0;
	s->in_len = len;
	return true;
}

/*
 * Lines: where they end, what they may not hold, and how long they may be.
 */

/* Drops input up to and with the next LF. */
static enum line
discard_line(struct stream *s)
{
	size_t dropped = 0;

	for (;;) {
		size_t len = s->in_len - s->in_pos;
		char *lf = memchr(s->in + s->in_pos, '\n', len);
		if (lf != NULL) {
			s->in_pos = (size_t)(lf - s->in) + 1;
			return LINE_LONG;
		}
		dropped += len;
		s->in_pos = s->in_len;
		if (dropped > FLOOD_SIZE) {
			return LINE_FLOOD;
		}
		enum line more = fill(s);
		if (more != LINE_OK) {
			return more;
		}
	}
}

/* The line [p, p+n), which ended in LF, into buf. */
static enum line
take_line(struct stream *s, const char *p, size_t n, char *buf, size_t *len)
{
	bool crlf = n > 0 && p[n - 1] == '\r';

	s->had_lf = !crlf;
	n -= crlf;
	memcpy(buf, p, n);
	buf[n] = '\0';
	*len = n;
	if ((!crlf && !s->accept_lf) || memchr(p, '\0', n) != NULL ||
	    memchr(p, '\r', n) != NULL) {
		return LINE_BAD;
	}
	return LINE_OK;
}

void
stream_forget(struct stream *s)
{
	explicit_bzero(s->in, s->in_pos);
}

enum line
stream_getline(struct stream *s, char *buf, size_t size, size_t *len)
{
	size_t seen = 0; /* of the line, without an LF in it */

	start_read(s);
	*len = 0;
	for (;;) {
		const char *p = s->in + s->in_pos;
		size_t n = s->in_len - s->in_pos;
		const char *lf = memchr(p + seen, '\n', n - seen);
		if (lf != NULL) {
			n = (size_t)(lf - p);
			if (n - (n > 0 && p[n - 1] == '\r') >= size) {
				return discard_line(s);
			}
			s->in_pos += n + 1;
			return take_line(s, p, n, buf, len);
		}
		s->in_line = n > 0;
		if (n > size) {
			return discard_line(s);
		}
		seen = n;
		enum line more = fill(s);
		if (more != LINE_OK) {
			return more;
		}
	}
}
