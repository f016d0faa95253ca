/* SPDX-License-Identifier: ISC */
/* The load generator's SMTP clients, and the messages that they send. */
#include "load.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

enum { GREETING, EHLO, MAIL, RCPT, DATA, BODY, QUIT };
enum { LINE = 64, LINES = 4096 };

static char *text; /* a pool of lines, from which each message takes a part */
static uint32_t table[256];

/* CRC-32 as zlib has it: the checker is a script. */
static uint32_t
checksum(uint32_t crc, const char *p, size_t len)
{
	for (crc = ~crc; len > 0; len--, p++)
		crc = table[(crc ^ (uint8_t)*p) & 0xff] ^ crc >> 8;
	return ~crc;
}

void
smtp_prepare(void)
{
	uint32_t crc, seed = 1;

	for (uint32_t i = 0; i < 256; i++) {
		crc = i;
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? 0xedb88320 ^ crc >> 1 : crc >> 1;
		table[i] = crc;
	}
	if ((text = malloc((size_t)LINES * LINE)) == NULL)
		err(1, NULL);
	for (char *p = text; p < text + LINES * LINE; p += LINE) {
		for (int i = 0; i < LINE - 2; i++) {
			seed = seed * 1103515245 + 12345;
			p[i] = (char)('a' + (seed >> 16) % 26);
		}
		memcpy(p + LINE - 2, "\r\n", 2);
	}
}

static void
say_mail(struct client *c)
{
	c->asked = now();
	c->user =
	    (c->number + c->sessions * (unsigned int)opt.clients + c->left) %
	    (unsigned int)opt.users;
	say(c, "MAIL FROM:<load@client.example>\r\n");
	if (opt.pipeline)
		say(c, "RCPT TO:<b%03u@bench.example>\r\nDATA\r\n", c->user);
	c->step = MAIL;
}

static void
say_quit(struct client *c)
{
	say(c, "QUIT\r\n");
	c->step = QUIT;
	c->leaves = opt.no_wait;
}

/* The body has a From_ line and a line with a dot, which servers must quote;
 * the checksum is over what a reader should get, with LF line ends. */
static void
say_message(struct client *c)
{
	static unsigned long counter;
	char first[128], *body;
	uint32_t crc;
	size_t len = 0;
	int n;

	c->id = ++counter;
	n = snprintf(first, sizeof first, "From %s.%lu it came\n.%lu\n",
	    opt.name, c->id, c->id);
	crc = checksum(0, first, (size_t)n);
	body = text + c->id * 7919 % (LINES / 2) * LINE;
	for (; len + LINE <= opt.size; len += LINE) {
		crc = checksum(crc, body + len, LINE - 2);
		crc = checksum(crc, "\n", 1);
	}
	c->sum = crc;
	say(c,
	    "From: load@client.example\r\nTo: b%03u@bench.example\r\n"
	    "Subject: %s.%lu\r\nMessage-ID: <%s.%lu@client.example>\r\n"
	    "Date: Thu, 01 Jan 2026 00:00:00 +0000\r\n\r\n"
	    "From %s.%lu it came\r\n..%lu\r\n",
	    c->user, opt.name, c->id, opt.name, c->id, opt.name, c->id, c->id);
	say_bytes(c, body, len);
	say(c, ".\r\n");
	c->step = BODY;
}

static void
accepted(struct client *c)
{
	sum.messages++;
	note_time(c->asked);
	sum.last = wall();
	if (opt.acks != NULL)
		fprintf(opt.acks, "%s.%lu b%03u %08x\n", opt.name, c->id,
		    c->user, c->sum);
	if (--c->left > 0 && sum.last < sum.start + opt.seconds) {
		say_mail(c);
	} else {
		say_quit(c);
	}
}

void
smtp_reply(struct client *c, const char *line)
{
	static const char *const codes[] = { [GREETING] = "220 ",
		[EHLO] = "250 ",
		[MAIL] = "250 ",
		[RCPT] = "250 ",
		[DATA] = "354 ",
		[BODY] = "250 ",
		[QUIT] = "221 " };

	if (line[3] == '-' && strncmp(line, codes[c->step], 3) == 0)
		return; /* more lines follow */
	if (strncmp(line, codes[c->step], 4) != 0) {
		fail(c, line);
		return;
	}
	switch (c->step) {
	case GREETING:
		say(c, "EHLO client.example\r\n");
		c->step = EHLO;
		break;
	case EHLO:
		if (opt.messages > 0) {
			say_mail(c);
		} else {
			say_quit(c);
		}
		break;
	case MAIL:
		if (!opt.pipeline)
			say(c, "RCPT TO:<b%03u@bench.example>\r\n", c->user);
		c->step = RCPT;
		break;
	case RCPT:
		if (!opt.pipeline)
			say(c, "DATA\r\n");
		c->step = DATA;
		break;
	case DATA:
		say_message(c);
		break;
	case BODY:
		accepted(c);
		break;
	default:
		finished(c);
		break;
	}
}
