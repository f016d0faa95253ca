/* SPDX-License-Identifier: ISC */
/* Commands and answers; edits are taken by milter_edit.c. */
#include "common/milter/milter.h"

#include "common/milter/milter_private.h"

#include <stdio.h>
#include <string.h>

enum {
	VERSION_OFFERED = 6,
	OLDEST = 2,
	HAS_DATA = 4, /* the version that has the command of DATA */
	ACTIONS = 0x1ff,
	STEPS = 0x1fffff,
	NEGOTIATED = 12, /* octets of three numbers */
	VALUE_MOST = PACKET_SENT - EDITS_NAME - 8,
};

/* Bits of the steps. */
enum {
	STEP_SKIP = 0x400,
	STEP_LEADING_SPACE = 0x100000,
};

/* What is sent at each stage, and the bits by which filters do without it, or
   do not answer it. */
static const struct {
	char command;
	uint32_t unwanted, silent;
} stages[MILTER_STAGES] = {
	[MILTER_CONNECT] = { 'C', 0x1, 0x1000 },
	[MILTER_HELO] = { 'H', 0x2, 0x2000 },
	[MILTER_MAIL] = { 'M', 0x4, 0x4000 },
	[MILTER_RCPT] = { 'R', 0x8, 0x8000 },
	[MILTER_DATA] = { 'T', 0x200, 0x10000 },
	[MILTER_HEADER] = { 'L', 0x20, 0x80 },
	[MILTER_EOH] = { 'N', 0x40, 0x40000 },
	[MILTER_BODY] = { 'B', 0x10, 0x80000 },
	[MILTER_EOM] = { 'E', 0, 0 },
};

/* The stages in the order of the numbers by which filters ask for macros. */
static const enum milter_stage symbol_stages[] = { MILTER_CONNECT, MILTER_HELO,
	MILTER_MAIL, MILTER_RCPT, MILTER_DATA, MILTER_EOM, MILTER_EOH };

/* ---- commands ---- */

void
milter_offer(struct writer *w)
{
	size_t begun = packet_begin(w, 'O');

	packet_number(w, VERSION_OFFERED);
	packet_number(w, ACTIONS);
	packet_number(w, STEPS);
	packet_end(w, begun);
}

void
milter_connect(struct writer *w, const char *host, char family, unsigned port,
    const char *address)
{
	size_t begun = packet_begin(w, 'C');

	packet_string(w, host);
	writer_octet(w, family);
	if (family != 'U') {
		writer_octet(w, (char)(port >> 8 & 0xff));
		writer_octet(w, (char)(port & 0xff));
		packet_string(w, address);
	}
	packet_end(w, begun);
}

void
milter_helo(struct writer *w, const char *name)
{
	packet_write(w, 'H', name, strlen(name) + 1);
}

static void
write_path(struct writer *w, const char *address)
{
	writer_octet(w, '<');
	writer_text(w, address);
	packet_string(w, ">");
}

void
milter_mail(struct writer *w, const char *sender, const char *const *params)
{
	size_t begun = packet_begin(w, 'M');

	write_path(w, sender);
	for (; *params != NULL; params++) {
		packet_string(w, *params);
	}
	packet_end(w, begun);
}

void
milter_rcpt(struct writer *w, const char *recipient)
{
	size_t begun = packet_begin(w, 'R');

	write_path(w, recipient);
	packet_end(w, begun);
}

void
milter_bare(struct writer *w, enum milter_stage stage)
{
	packet_write(w, stages[stage].command, "", 0);
}

void
milter_body(struct writer *w, const char *data, size_t len)
{
	packet_write(w, 'B', data, len);
}

void
milter_quit(struct writer *w)
{
	packet_write(w, 'Q', "", 0);
}

size_t
milter_macros(struct writer *w, enum milter_stage stage)
{
	size_t begun = packet_begin(w, 'D');

	writer_octet(w, stages[stage].command);
	return begun;
}

void
milter_macro(struct writer *w, const char *name, const char *value)
{
	packet_string(w, name);
	packet_string(w, value);
}

bool
milter_header(
    const struct milter *m, struct writer *w, const struct edit_field *field)
{
	struct field f;

	if (field->hidden || field->gone || field->name_len > EDITS_NAME ||
	    !header_split(field->text, field->len, &f)) {
		return false;
	}
	const char *at = f.value, *end = f.value + f.value_len;
	/* Ours, or that of a filter before, which may hold anything. */
	if ((size_t)(end - at) > VALUE_MOST) {
		end = at + VALUE_MOST;
	}
	if (at < end && *at == ' ' && (m->steps & STEP_LEADING_SPACE) == 0) {
		at++;
	}
	size_t begun = packet_begin(w, 'L');
	writer_add(w, f.name, f.name_len);
	writer_octet(w, '\0');
	for (; at < end; at++) {
		if (*at != '\0' && *at != '\r') {
			writer_octet(w, *at);
		}
	}
	writer_octet(w, '\0');
	packet_end(w, begun);
	return true;
}

/* ---- options ---- */

/* Takes the names of macros that the filter asks for; the last ones count. */
static void
take_symbols(struct milter *m, const char *at, const char *end)
{
	const size_t n = sizeof(symbol_stages) / sizeof(symbol_stages[0]);
	struct span names;

	while (end - at > 4) {
		uint32_t number = packet_number_at(at);
		at += 4;
		if (!packet_next_string(&at, end, &names)) {
			break;
		}
		if (number < n && names.len < MILTER_SYMBOLS) {
			char *to = m->symbols[symbol_stages[number]];
			memcpy(to, names.at, names.len);
			to[names.len] = '\0';
		}
	}
}

bool
milter_negotiate(struct milter *m, const struct packet *p)
{
	if (p->command != 'O' || p->len < NEGOTIATED) {
		m->fault = "it does not answer the offer of options";
		return false;
	}
	uint32_t version = packet_number_at(p->data);
	if (version < OLDEST || version > VERSION_OFFERED) {
		m->fault = "it speaks another version of the protocol";
		return false;
	}
	m->steps = packet_number_at(p->data + 8);
	if (version < HAS_DATA) {
		m->steps |= stages[MILTER_DATA].unwanted;
	}
	take_symbols(m, p->data + NEGOTIATED, p->data + p->len);
	return true;
}

bool
milter_wants(const struct milter *m, enum milter_stage stage)
{
	return (m->steps & stages[stage].unwanted) == 0;
}

bool
milter_answers(const struct milter *m, enum milter_stage stage)
{
	return (m->steps & stages[stage].silent) == 0;
}

bool
milter_exact(const struct milter *m)
{
	return (m->steps & STEP_LEADING_SPACE) != 0;
}

/* ---- answers ---- */

enum milter_turn
milter_broken(struct milter *m, const char *fault)
{
	m->fault = fault;
	return MILTER_BROKEN;
}

/* True if text begins with "x.y.z " of that class. */
static bool
has_enhanced(const char *text, char class)
{
	size_t n = strspn(text, "0123456789.");

	return text[0] == class && text[1] == '.' && n >= 5 && n <= 9 &&
	       text[n] == ' ' && text[n - 1] != '.' &&
	       strchr(text + 2, '.') != NULL &&
	       strchr(text + 2, '.') < text + n - 1;
}

/*
 * Takes the first line of a text.  It is a format to sendmail, and filters
 * write "%%" for "%".
 */
static void
take_line(char *text, size_t size, const char *data, size_t len)
{
	size_t n = 0;

	for (size_t i = 0;
	     i < len && n < size - 1 && data[i] != '\r' && data[i] != '\n';
	     i++) {
		bool good = data[i] >= ' ' && data[i] <= '~';
		text[n++] = good ? data[i] : '?';
		if (data[i] == '%' && i + 1 < len && data[i + 1] == '%') {
			i++;
		}
	}
	text[n] = '\0';
}

/*
 * Makes a reply of what a filter wants to be said: the first line of it, with
 * an enhanced status code.  421 would end the session, and so is 451.
 */
static bool
set_line(struct milter *m, const char *data, size_t len)
{
	char text[MILTER_LINE - 16];

	take_line(text, sizeof(text), data, len);
	if ((text[0] != '4' && text[0] != '5') ||
	    strspn(text, "0123456789") != 3 || strchr(" -", text[3]) == NULL) {
		return false;
	}
	const char *rest = text[3] == '\0' ? text + 3 : text + 4;
	bool enhanced = has_enhanced(rest, text[0]);
	snprintf(m->line, sizeof(m->line), "%.3s %.1s%s%s",
	    strncmp(text, "421", 3) == 0 ? "451" : text, enhanced ? "" : text,
	    enhanced ? "" : ".7.1 ",
	    rest[0] != '\0' ? rest : "The filter refuses the message");
	return true;
}

static enum milter_turn
refuse(struct milter *m, enum milter_stage stage, const char *data, size_t len)
{
	if (!set_line(m, data, len)) {
		return milter_broken(m, "its reply is none of SMTP");
	}
	if (stage == MILTER_RCPT) {
		m->refused++; /* see milter_rcpts_over() */
		return MILTER_NEXT;
	}
	m->outcome = MILTER_REPLY;
	return MILTER_OVER;
}

enum milter_turn
milter_rcpts_over(struct milter *m)
{
	if (m->refused > 0 && m->refused == m->nrcpts) {
		m->outcome = MILTER_REPLY;
		return MILTER_OVER;
	}
	/* The client has been told that these get the message. */
	m->marked = m->marked || m->refused > 0;
	return MILTER_NEXT;
}

static enum milter_turn
refuse_as_usual(struct milter *m, enum milter_stage stage, const char *line)
{
	return refuse(m, stage, line, strlen(line));
}

static enum milter_turn
end(struct milter *m, enum milter_outcome outcome)
{
	m->outcome = outcome;
	return MILTER_OVER;
}

static enum milter_turn
skip(struct milter *m, enum milter_stage stage)
{
	bool several = stage == MILTER_RCPT || stage == MILTER_HEADER ||
	               stage == MILTER_BODY;

	return several && (m->steps & STEP_SKIP) != 0
	           ? MILTER_SKIP
	           : milter_broken(m, "it skips what cannot be skipped");
}

enum milter_turn
milter_take(struct milter *m, enum milter_stage stage, const struct packet *p)
{
	size_t len = strnlen(p->data, p->len);

	if (m->packets++ == MILTER_PACKETS) {
		return milter_broken(m, "it answers without an end");
	}
	switch (p->command) {
	case 'c':
		return stage == MILTER_EOM ? end(m, MILTER_ACCEPT)
		                           : MILTER_NEXT;
	case 'a':
		return end(m, MILTER_ACCEPT);
	case 'd':
		return end(m, MILTER_DISCARD);
	case 'r':
		return refuse_as_usual(
		    m, stage, "550 5.7.1 The filter refuses the message");
	case 't':
		return refuse_as_usual(m, stage,
		    "451 4.7.1 The filter cannot take the message now");
	case 'y':
		return refuse(m, stage, p->data, len);
	case 's':
		return skip(m, stage);
	case 'p':
		return MILTER_MORE;
	case 'f':
		return milter_broken(m, "it says that it has failed");
	case '4':
		return milter_broken(m, "it is shutting down");
	default:
		return stage == MILTER_EOM
		           ? milter_edit(m, p)
		           : milter_broken(
				 m, "its answer is none of the protocol");
	}
}
