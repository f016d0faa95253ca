/* SPDX-License-Identifier: ISC */
/*
 * The process that relays mail to one next hop.  Runs as root (if the queue
 * runner does) until it has all that needs rights or files (prepare.c).  Then
 * it becomes an unprivileged user in an empty directory, in a sandbox, and only
 * then does it read from the network.
 */
#include "smtpd/relay/agent.h"

#include "common/log/log.h"
#include "common/process/privilege.h"
#include "smtpd/relay/transaction_private.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	MINUTE = 60 * 1000,
	HEAD_FIRST = 16 * 1024, /* octets of a queue file to read first */
	MAX_LOSSES = 2,         /* connections lost in a row */
	/* Of a head there is the text that is read, which grows to twice as
	   much, a copy, and a list of recipients. */
	MEMORY = 5 * MAIL_HEAD,
};

/* RFC 5321 section 4.5.3.2. */
static const struct timeouts usual = {
	.command = 5 * MINUTE,
	.data = 2 * MINUTE,
	.block = 3 * MINUTE,
	.dot = 10 * MINUTE,
	.handshake = 1 * MINUTE,
	.quit = 5 * 1000,
};

/* ---- the queue file ---- */

/* Reads the head of a queue file; false if it is missing or damaged. */
static bool
read_mail(struct body *body, struct mail *mail)
{
	enum mail_parsed parsed = MAIL_SHORT;
	char *head = NULL;
	size_t size = 0, len;

	for (size_t want = HEAD_FIRST;
	     parsed == MAIL_SHORT && want <= 2 * (size_t)MAIL_HEAD; want *= 2) {
		char *more = realloc(head, want);
		ssize_t n = more == NULL ? -1
		                         : pread(body->fd, more + size,
					       want - size, (off_t)size);
		head = more == NULL ? head : more;
		if (n <= 0) {
			break;
		}
		size += (size_t)n;
		parsed = mail_parse(mail, head, size, &len);
	}
	free(head);
	if (parsed == MAIL_OK) {
		body->from = (off_t)len;
		body->length = mail->size;
	}
	return parsed == MAIL_OK;
}

/*
 * Lists the recipients of an order; defers those that cannot be relayed. users:
 * the next hop keeps users' mail ("deliver-by"), and takes their names.
 */
static bool
make_rcpts(struct mail_object *m, const struct order *order, bool users,
    const char *why)
{
	enum target last = users ? TARGET_USER : TARGET_ADDRESS;
	struct outcome odd = { .kind = OUTCOME_DEFERRED, .dsn = "4.3.0" };
	size_t count =
	    order->count < ORDER_RECIPIENTS ? order->count : ORDER_RECIPIENTS;

	strlcpy(odd.text, why, sizeof(odd.text));
	m->count = 0;
	m->rcpts = calloc(count + 1, sizeof(*m->rcpts));
	for (size_t i = 0; m->rcpts != NULL && i < count; i++) {
		struct rcpt *p = &m->rcpts[m->count++];
		p->number = order->recipients[i];
		if (p->number < m->mail->count &&
		    m->mail->recipients[p->number].target <= last) {
			p->recipient = &m->mail->recipients[p->number];
		} else {
			p->outcome = odd;
			p->state = RCPT_SETTLED;
		}
	}
	return m->rcpts != NULL;
}

/* ---- sending ---- */

/* Reports that this next hop does not work, and ends the process.  A local
   socket was connected to while we had the rights: that is for another agent.
 */
static _Noreturn void
give_up(struct client *c, int channel, uint32_t serial)
{
	if (c->verdict.kind != OUTCOME_STALE) {
		c->verdict.kind = OUTCOME_DEAD;
	}
	c->verdict.serial = serial;
	agent_send_outcome(channel, &c->verdict);
	client_drop(c);
	_exit(EX_OK);
}

/* Prepares another try, from our other address, with all that was refused. */
static bool
from_other_address(struct client *c, struct mail_object *m)
{
	if (!client_try_other_family(c)) {
		return false;
	}
	object_change(m, RCPT_SETTLED, RCPT_TODO);
	return true;
}

/* What has come of the way of a message through the addresses of its hop. */
struct way {
	bool answered; /* a transaction was carried out, however it ended */
	bool lost;     /* a connection was */
};

/*
 * Gets ready for the next address with all that this one surely does not have
 * (RFC 5321 section 5.1).  false: there is none, or nothing to be sent.
 */
static bool
next_address(struct client *c, struct mail_object *m, const struct outcome *why)
{
	struct outcome last = why != NULL ? *why : (struct outcome){ 0 };

	if (object_pending(m) == 0 || !client_pass(c)) {
		return false;
	}
	size_t n = object_go_on(m, why != NULL ? &last : NULL);
	object_report(m);
	log_info(
	    "%s: trying the next address for %zu recipients", c->peer.peer, n);
	client_quit(c);
	return true;
}

/* All addresses have had their try.  false: this hop is dead. */
static bool
way_ended(struct client *c, struct mail_object *m, const struct way *way)
{
	bool dead = !way->answered;

	if (way->lost && !way->answered) {
		dead = ++c->losses >= MAX_LOSSES;
	}
	if (!dead) {
		object_conclude(m, &c->verdict);
	}
	return !dead;
}

/*
 * The connection has failed in a transaction.  What the server may have is
 * sent nowhere else in this try, since nobody wants it twice.  true: another
 * address is to be tried.
 */
static bool
after_failure(struct client *c, struct mail_object *m)
{
	struct outcome why = c->verdict;

	client_drop(c);
	if (!c->complete) {
		return next_address(c, m, &why);
	}
	c->verdict.kind = OUTCOME_DEFERRED;
	object_settle(m, &c->verdict);
	return false;
}

/*
 * Sends a mail object; in the end all outcomes are known.  false: the verdict
 * says why this hop is dead.
 */
static bool
send_object(struct client *c, struct mail_object *m)
{
	const struct outcome opened = { .kind = OUTCOME_OPEN,
		.serial = m->serial };
	struct way way = { 0 };

	client_begin(c);
	while (object_count(m, RCPT_TODO) > 0) {
		if (!client_open(c)) {
			if (c->verdict.kind == OUTCOME_DEAD) {
				return way_ended(c, m, &way);
			}
			object_settle(m, &c->verdict);
			return true;
		}
		if (!c->said_open) {
			c->said_open = true;
			agent_send_outcome(m->channel, &opened);
		}
		enum transacted transacted = transaction_run(c, m);
		switch (transacted) {
		case TRANSACTION_POLICY:
		case TRANSACTED:
			way.answered = true;
			if (transacted == TRANSACTION_POLICY &&
			    from_other_address(c, m)) {
				break;
			}
			if (!next_address(c, m, NULL)) {
				return true;
			}
			break;
		case TRANSACTION_STALE:
			/* A server may close an idle connection; a new one is
			   never stale. */
			client_drop(c);
			if (c->hop->unix_socket) {
				c->verdict.kind = OUTCOME_STALE;
				return false;
			}
			break;
		case TRANSACTION_LOST:
			way.lost = true;
			if (!after_failure(c, m)) {
				return way_ended(c, m, &way);
			}
			break;
		case TRANSACTION_DEAD:
			if (!after_failure(c, m)) {
				return way.answered && way_ended(c, m, &way);
			}
			break;
		}
	}
	return true;
}

static void
run_order(struct client *c, int channel, const struct order *order, int fd)
{
	struct mail mail;
	struct outcome done = { .serial = order->serial, .kind = OUTCOME_DONE };
	struct mail_object m = { .mail = &mail,
		.body = { .fd = fd },
		.channel = channel,
		.serial = order->serial,
		.sealed = order->seal == 1 };

	bool readable = read_mail(&m.body, &mail);
	if (!readable) {
		mail_init(&mail);
	}
	if (memchr(order->sender, '\0', sizeof(order->sender)) != NULL &&
	    order->sender[0] != '\0') {
		bool null = strcmp(order->sender, ORDER_NULL_SENDER) == 0;
		strlcpy(mail.sender, null ? "" : order->sender,
		    sizeof(mail.sender));
	}
	if (!make_rcpts(&m, order, c->hop->transport == TRANSPORT_LMTP,
		readable ? "internal error: not a recipient to relay to"
			 : "the queue file cannot be read")) {
		client_set_verdict(c, OUTCOME_DEAD, "4.3.0", "no memory");
		give_up(c, channel, order->serial);
	}
	front_find(c, &m);
	object_report(&m); /* those that are settled already */
	c->reused = c->reused || c->stream != NULL;
	m.dead = object_count(&m, RCPT_TODO) > 0 && !send_object(c, &m);
	object_report(&m);
	free(m.rcpts);
	content_forget(&m);
	output_free(&m.front);
	mail_free(&mail);
	if (m.dead) {
		give_up(c, channel, order->serial);
	}
	if (!m.done) {
		agent_send_outcome(channel, &done);
	}
}

/* ---- the process ---- */

void
relay_agent(const struct config *config, const struct hop *hop, int channel)
{
	struct client *c = calloc(1, sizeof(*c));
	struct order order;
	int fd;

	if (c == NULL) {
		log_error("no memory for a relay agent");
		_exit(EX_OSERR);
	}
	signal(SIGPIPE, SIG_IGN);
	c->config = config;
	c->hop = hop;
	c->channel = channel;
	c->timeouts = usual;
	c->unix_peer.fd = c->peer.fd = -1;
	bool ready = client_prepare(c);
	privilege_become_client(config, MEMORY);
	while (agent_receive_order(channel, &order, &fd) == 0) {
		if (!ready) {
			give_up(c, channel, order.serial);
		}
		run_order(c, channel, &order, fd);
		close(fd);
	}
	client_quit(c);
	explicit_bzero(&c->secret, sizeof(c->secret));
	_exit(EX_OK);
}
