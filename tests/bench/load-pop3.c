/* SPDX-License-Identifier: ISC */
/* The load generator's POP3 clients: log in, and perhaps fetch everything. */
#include "load.h"

#include <err.h>
#include <string.h>

enum { GREETING, STLS, USER, PASS, STAT, RETR, TEXT, QUIT };

/* One line of a multi-line answer; the octets are those that STAT counted. */
static void
pop3_text(struct client *c, const char *line, size_t len)
{
	if (len != 1 || line[0] != '.') {
		c->octets += len + 2 - (line[0] == '.');
		return;
	}
	sum.messages++;
	if (c->message++ < c->messages) {
		say(c, "RETR %u\r\n", c->message);
		c->step = RETR;
		return;
	}
	sum.octets += c->octets;
	if (c->octets != c->expect) {
		fail(c, "RETR gave other octets than STAT had promised");
		return;
	}
	say(c, "QUIT\r\n");
	c->step = QUIT;
}

void
pop3_login(struct client *c)
{
	c->user = (c->number + c->sessions * (unsigned int)opt.clients) %
	          (unsigned int)opt.users;
	say(c, "USER b%03u\r\n", c->user);
	c->step = USER;
}

void
pop3_reply(struct client *c, const char *line, size_t len)
{
	if (c->step == TEXT) {
		pop3_text(c, line, len);
		return;
	}
	if (strncmp(line, "+OK", 3) != 0) {
		if (c->step == PASS && strcasestr(line, "lock")) {
			sum.busy++; /* the last session has not let go yet */
			close_session(c);
		} else {
			fail(c, line);
		}
		return;
	}
	switch (c->step) {
	case GREETING:
		if (opt.starttls) {
			say(c, "STLS\r\n");
			c->step = STLS;
		} else {
			pop3_login(c);
		}
		break;
	case STLS:
		tls_begin(c);
		break;
	case USER:
		say(c, "PASS bench\r\n");
		c->step = PASS;
		break;
	case PASS:
		say(c, "STAT\r\n");
		c->step = STAT;
		break;
	case STAT:
		if (sscanf(line, "+OK %u %llu", &c->messages, &c->expect) != 2)
			errx(1, "odd answer to STAT: %s", line);
		c->message = 1;
		c->octets = 0;
		c->step = opt.retr ? RETR : QUIT;
		say(c, opt.retr ? "RETR 1\r\n" : "QUIT\r\n");
		break;
	case RETR:
		c->step = TEXT;
		break;
	default:
		finished(c);
		break;
	}
}
