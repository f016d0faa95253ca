/* SPDX-License-Identifier: ISC */
/* Finds a session, and sends MAIL, RCPT and DATA to it. */
#include "smtpd/send/submission.h"

#include "common/io/stream.h"
#include "common/log/log.h"
#include "common/text/base64.h"
#include "common/text/dotstuff.h"
#include "smtpd/client/response.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	TIMEOUT = 10 * 60 * 1000,
	LIFETIME = 24 * 60 * 60 * 1000,
	AT_ONCE = 100, /* recipients: RFC 5321 section 4.5.3.1.8 */
	RESPONSE_SAID = 1024,
};

struct smtp_client {
	struct stream *stream;
	struct response response; /* the last one */
	bool lost;                /* there is nobody to talk to */
	bool nobody; /* all recipients of a transaction were refused */
	struct dotstuff_encoder dots; /* of the message under way */
	char wire[DOTSTUFF_ROOM(INPUT_SIZE)];
};

/* Connects to the submission socket.  -1 with errno: nobody listens. */
static int
connect_socket(const struct config *config)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1) {
		return -1;
	}
	if (strlcpy(un.sun_path, config->socket, sizeof(un.sun_path)) >=
	    sizeof(un.sun_path)) {
		errno = ENAMETOOLONG;
	} else if (connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0) {
		return fd;
	}
	int saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/*
 * Reads the reply to a command: EX_OK for 2xx or 3xx, else what to exit with.
 * object and address name what was refused.
 */
static int
read_reply(
    struct smtp_client *c, int refused, const char *object, const char *address)
{
	char words[RESPONSE_SAID] = "421 no reply";
	struct response *r = &c->response;
	bool good =
	    response_read(r, c->stream, TIMEOUT, TIMEOUT) == RESPONSE_READ_OK;

	if (good && r->code >= 200 && r->code < 400) {
		return EX_OK;
	}
	c->lost = !good || r->code == 421;
	if (good) {
		response_words(r, words, sizeof(words));
	}
	log_error(
	    "%s%s%s: %s", object, *address == '\0' ? "" : " ", address, words);
	return good && r->code >= 500 ? refused : EX_TEMPFAIL;
}

static bool
is_ascii(const char *text)
{
	return address_is_ascii(text, text + strlen(text));
}

/* True if an address of a transaction is outside ASCII (RFC 6531). */
static bool
needs_utf8(const struct submission *s, size_t from, size_t to)
{
	bool ascii = is_ascii(s->sender);

	for (; from < to && ascii; from++) {
		ascii = is_ascii(s->recipients->list[from]);
	}
	return !ascii;
}

static int
send_mail_command(struct smtp_client *c, const struct submission *s, bool utf8)
{
	stream_printf(c->stream, "MAIL FROM:<%s>%s%s%s", s->sender,
	    s->seven_bit ? "" : " BODY=8BITMIME", utf8 ? " SMTPUTF8" : "",
	    s->ret == RET_FULL   ? " RET=FULL"
	    : s->ret == RET_HDRS ? " RET=HDRS"
				 : "");
	if (s->envid[0] != '\0') {
		stream_printf(c->stream, " ENVID=%s", s->envid);
	}
	stream_printf(c->stream, "\r\n");
	return read_reply(c, EX_DATAERR, "sender", s->sender);
}

/* report: that of one which was refused, see params_rcpt(). */
static int
send_rcpt_command(struct smtp_client *c, const struct submission *s,
    const char *address, bool report)
{
	static const struct {
		enum notify bit;
		const char *word;
	} words[] = { { NOTIFY_NEVER, "NEVER" }, { NOTIFY_SUCCESS, "SUCCESS" },
		{ NOTIFY_FAILURE, "FAILURE" }, { NOTIFY_DELAY, "DELAY" } };
	const char *separator = " NOTIFY=";

	stream_printf(c->stream, "RCPT TO:<%s>", address);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if ((s->notify & words[i].bit) != 0) {
			stream_printf(
			    c->stream, "%s%s", separator, words[i].word);
			separator = ",";
		}
	}
	stream_printf(c->stream, "%s\r\n", report ? " XREPORT" : "");
	return read_reply(c, EX_NOUSER, "recipient", address);
}

/* What to exit with after two refusals: what may be mended by itself wins. */
static int
worse(int one, int other)
{
	return one == EX_OK || other == EX_TEMPFAIL ? other : one;
}

/*
 * Names the recipients of a transaction.  Those that are refused where somebody
 * is to have the message are named again, for the queue to report: cron, and
 * most scripts, look at no exit status, and the others must have their mail.
 */
static int
send_recipients(
    struct smtp_client *c, const struct submission *s, size_t from, size_t to)
{
	bool refused[AT_ONCE] = { false };
	bool somebody = s->somebody;
	int status = EX_OK;

	for (size_t i = from; i < to; i++) {
		int one =
		    send_rcpt_command(c, s, s->recipients->list[i], false);
		if (c->lost) {
			return one;
		}
		refused[i - from] = one != EX_OK;
		somebody = somebody || one == EX_OK;
		status = one == EX_OK ? status : worse(status, one);
	}
	c->nobody = !somebody;
	if (c->nobody) {
		return status;
	}
	if (status != EX_OK) {
		bool told = s->notify == 0 || (s->notify & NOTIFY_FAILURE) != 0;
		log_warn("the message goes to the others%s",
		    told ? "; the sender gets a report" : "");
	}
	status = EX_OK;
	for (size_t i = from; i < to && status == EX_OK; i++) {
		if (refused[i - from]) {
			status = send_rcpt_command(
			    c, s, s->recipients->list[i], true);
		}
	}
	return status;
}

/* Part of the message, as DATA sends it. */
static void
write_text(struct smtp_client *c, const char *text, size_t len)
{
	stream_write(
	    c->stream, c->wire, dotstuff_encode(&c->dots, text, len, c->wire));
}

static void
write_head(struct smtp_client *c, const char *text, size_t len)
{
	while (len > 0) {
		size_t n = len < INPUT_SIZE ? len : INPUT_SIZE;
		write_text(c, text, n);
		text += n;
		len -= n;
	}
	write_text(c, "\n", 1);
}

/* Sends the message; it counts only with the final dot. */
static int
write_message(struct smtp_client *c, const struct submission *s)
{
	struct piece p;

	c->dots = (struct dotstuff_encoder){ .form = DOTSTUFF_DATA };
	write_head(c, s->head, s->head_len);
	for (;;) {
		switch (input_next(s->body, &p)) {
		case INPUT_PIECE:
			write_text(c, p.text, p.len);
			write_text(c, "\n", p.last ? 1 : 0);
			break;
		case INPUT_END:
			stream_write(c->stream, ".\r\n", 3);
			return EX_OK;
		case INPUT_ERROR:
			log_error(
			    "cannot read the message: %s", strerror(errno));
			return EX_IOERR;
		}
	}
}

/* One transaction, for the recipients from that index on. */
static int
transact(struct smtp_client *c, const struct submission *s, size_t from)
{
	size_t to = s->recipients->count;

	to = to - from > AT_ONCE ? from + AT_ONCE : to;
	int status = send_mail_command(c, s, needs_utf8(s, from, to));
	c->nobody = false;
	if (status == EX_OK) {
		status = send_recipients(c, s, from, to);
	}
	if (status != EX_OK) {
		return status;
	}
	stream_printf(c->stream, "DATA\r\n");
	status = read_reply(c, EX_UNAVAILABLE, "message", "");
	if (status != EX_OK) {
		return status;
	}
	status = write_message(c, s);
	/* Commit point: a 250 says that it is on the disk. */
	return status == EX_OK ? read_reply(c, EX_DATAERR, "message", "")
	                       : status;
}

/* Ends a transaction all of whose recipients were refused. */
static int
reset(struct smtp_client *c)
{
	stream_printf(c->stream, "RSET\r\n");
	return read_reply(c, EX_PROTOCOL, "RSET", "");
}

/* Several transactions, and what is known of them. */
struct series {
	struct smtp_client *c;
	struct submission s;
	struct input_copy *copy;
	size_t first, sent; /* that it was sent to: sent of them, from first */
	int refusal;        /* EX_OK: of no transaction yet */
};

/* The transactions for the recipients from one index up to another. */
static int
transact_series(struct series *t, size_t from, size_t to)
{
	int status = EX_OK;

	for (; from < to && status == EX_OK; from += AT_ONCE) {
		size_t rest = to - from;
		t->s.body = input_copy_rewind(t->copy);
		status = transact(t->c, &t->s, from);
		if (status == EX_OK && !t->s.somebody) {
			t->s.somebody = true;
			t->first = from;
		} else if (t->c->nobody) {
			t->refusal = worse(t->refusal, status);
			status = reset(t->c);
		}
		if (status == EX_OK && t->s.somebody) {
			t->sent += rest > AT_ONCE ? AT_ONCE : rest;
		}
	}
	return status;
}

/*
 * More recipients than one transaction takes: the body comes several times.
 * Transactions without anybody who gets it come again when there is somebody
 * in one after them.
 */
static int
transact_many(struct smtp_client *c, const struct submission *s)
{
	struct series t = { .c = c, .s = *s };

	t.copy = input_copy_open(s->body);
	if (t.copy == NULL) {
		log_error("cannot store the message in a temporary file: %s",
		    strerror(errno));
		return EX_TEMPFAIL;
	}
	int status = transact_series(&t, 0, s->recipients->count);
	if (status == EX_OK && t.s.somebody) {
		status = transact_series(&t, 0, t.first);
	} else if (status == EX_OK) {
		status = t.refusal;
	}
	if (status != EX_OK && t.s.somebody) {
		log_error("it was sent to %zu recipients, from number %zu on",
		    t.sent, t.first + 1);
	}
	input_copy_close(t.copy);
	return status;
}

/* Reads the greeting, and says EHLO. */
static int
greet(struct smtp_client *c, const struct config *config)
{
	int status = read_reply(c, EX_TEMPFAIL, "greeting", "");

	if (status == EX_OK) {
		stream_printf(c->stream, "EHLO %s\r\n", config->hostname);
		status = read_reply(c, EX_PROTOCOL, "EHLO", "");
	}
	return status;
}

static int
converse(struct smtp_client *c, const struct config *config,
    const struct submission *s)
{
	int status = greet(c, config);

	if (status != EX_OK) {
		return status;
	}
	status = s->recipients->count > AT_ONCE ? transact_many(c, s)
	                                        : transact(c, s, 0);
	if (status == EX_OK) {
		stream_printf(c->stream, "QUIT\r\n");
		(void)stream_flush(c->stream);
	}
	return status;
}

int
submission_send(struct reserve *reserve, const struct submission *s)
{
	const struct config *config = reserve->config;
	static struct smtp_client c; /* too large for the stack */
	int fd = connect_socket(config);

	signal(SIGPIPE, SIG_IGN);
	if (fd == -1) {
		fd = reserve_call(reserve, errno);
	}
	if (fd == -1) {
		return EX_TEMPFAIL;
	}
	c.stream = stream_open(fd, fd, TIMEOUT, LIFETIME);
	if (c.stream == NULL) {
		log_error("no memory for a connection");
		close(fd);
		return EX_TEMPFAIL;
	}
	int status = converse(&c, config, s);
	stream_close(c.stream);
	close(fd);
	return status;
}

/* XPASSWD, of which the server's session knows more. */
static int
ask_for_change(struct smtp_client *c, const char *before, const char *after)
{
	char one[BASE64_SIZE(256)], other[BASE64_SIZE(256)];
	int status = EX_DATAERR;

	if (base64_encode(before, strlen(before), one, sizeof(one)) == -1 ||
	    base64_encode(after, strlen(after), other, sizeof(other)) == -1) {
		log_error("the password is too long");
	} else {
		stream_printf(c->stream, "XPASSWD %s %s\r\n", one, other);
		status = read_reply(c, EX_DATAERR, "no change", "");
	}
	explicit_bzero(one, sizeof(one));
	explicit_bzero(other, sizeof(other));
	return status;
}

int
submission_password(
    const struct config *config, const char *before, const char *after)
{
	static struct smtp_client c; /* too large for the stack */
	int fd = connect_socket(config);

	signal(SIGPIPE, SIG_IGN);
	if (fd == -1) {
		log_error("users' passwords are changed by the server at %s, "
			  "which does not answer: %s",
		    config->socket, strerror(errno));
		return EX_UNAVAILABLE;
	}
	c.stream = stream_open(fd, fd, TIMEOUT, LIFETIME);
	if (c.stream == NULL) {
		log_error("no memory for a connection");
		close(fd);
		return EX_TEMPFAIL;
	}
	int status = greet(&c, config);
	if (status == EX_OK) {
		status = ask_for_change(&c, before, after);
	}
	stream_close(c.stream);
	close(fd);
	return status;
}
