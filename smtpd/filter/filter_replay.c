/* SPDX-License-Identifier: ISC */
/* A session that is over is replayed for a filter. */
#include "common/io/deadline.h"
#include "smtpd/filter/filter_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { ROOM = 32 * 1024 }; /* octets for a command and its macros */

/* Takes answers until it is our turn; fault: BROKEN, and why. */
static enum milter_turn
take_answer(struct filtering *f, enum milter_stage stage, bool *file)
{
	struct milter *m = &f->milter;
	struct packet p;

	for (;;) {
		int64_t patience = stage == MILTER_EOM
		                       ? INT64_MAX
		                       : deadline_now() + TALK_REPLY;
		if (talk_receive(&f->talk, patience, &p) == -1) {
			m->fault = f->talk.fault;
			return MILTER_BROKEN;
		}
		enum milter_turn turn = milter_take(m, stage, &p);
		if (turn == MILTER_PIECE && filter_keep_piece(f, &p) == -1) {
			m->fault = errno == EFBIG    ? "its body is too large"
			           : errno == EILSEQ ? "its body has a NUL"
			                             : NULL;
			*file = m->fault == NULL;
			return MILTER_BROKEN;
		}
		if (turn != MILTER_PIECE && turn != MILTER_MORE) {
			return turn;
		}
	}
}

/* Takes the answer to a command that was written, if the filter gives one. */
static enum milter_turn
ask(struct filtering *f, enum milter_stage stage, bool *file)
{
	struct milter *m = &f->milter;

	if (f->talk.out.full) {
		m->fault = "a command does not fit";
		return MILTER_BROKEN;
	}
	if (!milter_answers(m, stage)) {
		if (talk_room(&f->talk, ROOM + PACKET_SENT) == -1) {
			m->fault = f->talk.fault;
			return MILTER_BROKEN;
		}
		return MILTER_NEXT;
	}
	/* An answer to something else would be taken for the answer to this. */
	if (talk_is_ahead(&f->talk)) {
		m->fault = "it answers what it was not asked, or is gone";
		return MILTER_BROKEN;
	}
	return take_answer(f, stage, file);
}

/* ---- stages ---- */

static enum milter_turn
play_connect(struct filtering *f, bool *file)
{
	const char *address = f->peer->address;
	bool local = strcmp(address, "local") == 0;
	bool six = strchr(address, ':') != NULL;
	char host[80];

	snprintf(host, sizeof(host), local ? "localhost" : "[%s]", address);
	filter_macros(f, MILTER_CONNECT, "");
	milter_connect(&f->talk.out, host, six ? '6' : '4', f->peer->port,
	    local ? "127.0.0.1" : address);
	return ask(f, MILTER_CONNECT, file);
}

static enum milter_turn
play_helo(struct filtering *f, bool *file)
{
	filter_macros(f, MILTER_HELO, "");
	milter_helo(&f->talk.out,
	    f->question.helo[0] != '\0' ? f->question.helo : "localhost");
	return ask(f, MILTER_HELO, file);
}

static enum milter_turn
play_mail(struct filtering *f, bool *file)
{
	const char *params[4] = { NULL };
	char size[32];
	size_t n = 0;

	snprintf(
	    size, sizeof(size), "SIZE=%llu", (unsigned long long)f->mail.size);
	params[n++] = size;
	if (f->mail.eight_bit) {
		params[n++] = "BODY=8BITMIME";
	}
	if (f->mail.utf8) {
		params[n++] = "SMTPUTF8";
	}
	filter_macros(f, MILTER_MAIL, "");
	milter_mail(&f->talk.out, f->mail.sender, params);
	return ask(f, MILTER_MAIL, file);
}

static enum milter_turn
play_rcpts(struct filtering *f, bool *file)
{
	enum milter_turn turn = MILTER_NEXT;

	for (size_t i = 0; i < f->mail.count && turn == MILTER_NEXT; i++) {
		const char *rcpt = f->mail.recipients[i].text;
		filter_macros(f, MILTER_RCPT, rcpt);
		milter_rcpt(&f->talk.out, rcpt);
		turn = ask(f, MILTER_RCPT, file);
	}
	return turn == MILTER_NEXT || turn == MILTER_SKIP
	           ? milter_rcpts_over(&f->milter)
	           : turn;
}

static enum milter_turn
play_data(struct filtering *f, bool *file)
{
	filter_macros(f, MILTER_DATA, "");
	milter_bare(&f->talk.out, MILTER_DATA);
	return ask(f, MILTER_DATA, file);
}

static enum milter_turn
play_header(struct filtering *f, bool *file)
{
	enum milter_turn turn = MILTER_NEXT;

	for (size_t i = 0; i < f->edits.count && turn == MILTER_NEXT; i++) {
		if (milter_header(
			&f->milter, &f->talk.out, &f->edits.fields[i])) {
			turn = ask(f, MILTER_HEADER, file);
		}
	}
	return turn == MILTER_SKIP ? MILTER_NEXT : turn;
}

static enum milter_turn
play_eoh(struct filtering *f, bool *file)
{
	filter_macros(f, MILTER_EOH, "");
	milter_bare(&f->talk.out, MILTER_EOH);
	return ask(f, MILTER_EOH, file);
}

static enum milter_turn
play_body(struct filtering *f, bool *file)
{
	static char piece[PACKET_SENT];
	enum milter_turn turn = MILTER_NEXT;
	size_t at = f->body;
	ssize_t n = 0;

	while (
	    turn == MILTER_NEXT && (n = filter_read_body(f, &at, piece)) > 0) {
		milter_body(&f->talk.out, piece, (size_t)n);
		turn = ask(f, MILTER_BODY, file);
	}
	if (n == -1) {
		*file = true;
		return MILTER_BROKEN;
	}
	return turn == MILTER_SKIP ? MILTER_NEXT : turn;
}

static enum milter_turn
play_end(struct filtering *f, bool *file)
{
	filter_macros(f, MILTER_EOM, "");
	milter_bare(&f->talk.out, MILTER_EOM);
	enum milter_turn turn = ask(f, MILTER_EOM, file);
	if (turn == MILTER_OVER && f->talk.in_used < f->talk.in_len) {
		f->milter.fault = "it goes on after its last answer";
		return MILTER_BROKEN;
	}
	return turn;
}

static enum milter_turn (*const stages[MILTER_STAGES])(
    struct filtering *, bool *file) = {
	[MILTER_CONNECT] = play_connect,
	[MILTER_HELO] = play_helo,
	[MILTER_MAIL] = play_mail,
	[MILTER_RCPT] = play_rcpts,
	[MILTER_DATA] = play_data,
	[MILTER_HEADER] = play_header,
	[MILTER_EOH] = play_eoh,
	[MILTER_BODY] = play_body,
	[MILTER_EOM] = play_end,
};

/* ---- all of it ---- */

static bool
negotiate(struct filtering *f)
{
	struct packet p;

	milter_offer(&f->talk.out);
	if (talk_receive(&f->talk, deadline_now() + TALK_REPLY, &p) == -1) {
		f->milter.fault = f->talk.fault;
		return false;
	}
	return milter_negotiate(&f->milter, &p);
}

enum filter_played
filter_replay(struct filtering *f)
{
	enum milter_turn turn = MILTER_NEXT;
	bool file = false;

	if (!negotiate(f)) {
		return FILTER_FAULT;
	}
	for (enum milter_stage i = 0; i < MILTER_STAGES && turn == MILTER_NEXT;
	     i++) {
		if (milter_wants(&f->milter, i)) {
			turn = stages[i](f, &file);
		}
	}
	if (turn == MILTER_BROKEN) {
		return file ? FILTER_BROKEN : FILTER_FAULT;
	}
	milter_quit(&f->talk.out);
	(void)!talk_send(&f->talk); /* what it says to that is of no use */
	return FILTER_PLAYED;
}
