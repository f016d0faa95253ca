/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_IO_STREAM_H
#define RESTANTE_COMMON_IO_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * A connection as lines and bytes, in the clear or over TLS.  Reading flushes
 * what was written before it waits, so that callers flush only before the
 * process ends.  Output errors are sticky.  Every wait has a deadline.
 */

struct stream;
struct tls_session;

/*
 * How octets go through a TLS session, which common/tls/ fills in.  receive and
 * send are as read(2) and write(2) on a non-blocking socket; drained is as
 * stream_drained(); close says good-bye and frees the session.
 */
struct stream_transport {
	ssize_t (*receive)(struct tls_session *, void *buf, size_t size);
	ssize_t (*send)(struct tls_session *, const void *buf, size_t size);
	bool (*drained)(struct tls_session *);
	void (*close)(struct tls_session *);
};

enum line {
	LINE_OK,
	LINE_LONG,     /* did not fit; the rest of it is gone */
	LINE_BAD,      /* held NUL, a bare CR, or ended in a bare LF */
	LINE_FLOOD,    /* longer than any mistake: give up on the peer */
	LINE_EOF,      /* the peer is gone */
	LINE_TIMEOUT,  /* not all of it within the time for one read */
	LINE_LATE,     /* the time for the whole session is over */
	LINE_SHUTDOWN, /* the server is going down */
};

/*
 * timeout: milliseconds for one read or write; lifetime: for the session.
 * NULL when there is no memory.
 */
struct stream *stream_open(int rfd, int wfd, int timeout, int lifetime);
void stream_close(struct stream *);

/* From here on everything goes through the TLS session, which it now owns. */
void stream_secure(
    struct stream *, const struct stream_transport *, struct tls_session *);

/* The TLS session; NULL on a connection in the clear. */
struct tls_session *stream_tls(const struct stream *);

/* The descriptor to wait on for input. */
int stream_fd(const struct stream *);

/* Takes a bare LF as an end of line too (never where mail relays read). */
void stream_accept_lf(struct stream *, bool);
/* True if the last line had one. */
bool stream_had_lf(const struct stream *);

/* True if the next stream_getline() may answer LINE_SHUTDOWN. */
void stream_interruptible(struct stream *, bool);

/*
 * From here on at least that number of octets must come in each time for one
 * read; 0: no longer.  For bodies: an octet now and then is no message.
 */
void stream_pace(struct stream *, uint64_t octets);

void stream_set_timeout(struct stream *, int timeout);
/* From now on. */
void stream_set_lifetime(struct stream *, int lifetime);

/* Reads one line, without its end, NUL added; *len is its length. */
enum line stream_getline(struct stream *, char *buf, size_t size, size_t *len)
    __attribute__((warn_unused_result));

/* True if the input ended before the line did that was asked for last. */
bool stream_ended_in_line(const struct stream *);

/*
 * The bytes that are there, at least one unless the answer is not LINE_OK;
 * they stay until stream_consume().  For bodies.
 */
enum line stream_peek(struct stream *, const char **data, size_t *len)
    __attribute__((warn_unused_result));
void stream_consume(struct stream *, size_t len);

/*
 * Reads what is there without waiting.  LINE_OK: something is buffered;
 * LINE_TIMEOUT: nothing now; LINE_EOF: nothing any more.
 */
enum line stream_poll(struct stream *) __attribute__((warn_unused_result));

/*
 * True if nothing is buffered and what came last was so short that nothing more
 * is likely to be there: poll(2) before reading.  Never true while something
 * has been taken from the socket that poll(2) would not tell of.
 */
bool stream_drained(const struct stream *);

/* The most octets of it. */
enum { STREAM_BUFFERED = 32 * 1024 };

/* The octets that were read from the peer and not yet asked for. */
size_t stream_buffered(const struct stream *, const char **data);

/* Puts bytes in front of what is read next; false: no room. */
bool stream_unread(struct stream *, const void *data, size_t len);

void stream_printf(struct stream *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void stream_write(struct stream *, const void *data, size_t len);

/* 0, or -1: what was written since the opening did not all get out. */
int stream_flush(struct stream *);

/* Bytes that came in and went out so far. */
uint64_t stream_received(const struct stream *);
uint64_t stream_sent(const struct stream *);

/* Wipes the input that was read: there were secrets in it. */
void stream_forget(struct stream *);

#endif
