/* SPDX-License-Identifier: ISC */
/*
 * Lists of UIDLs.
 *
 * An answer to UIDL has a line "NUMBER UIDL" for each message; the line of the
 * status before it and the "." after it do not matter.
 *
 * dovecot-uidlist, in a Maildir, begins with "3 VUIDVALIDITY NUID ...", and has
 * a line "UID FIELDS :FILE" for each message.  A field is a letter and a value:
 * P is a UIDL that counts whatever the format is, G an id.  The old form begins
 * with "1 UIDVALIDITY UID", and has lines "UID FILE".  The format of UIDLs is
 * that of its setting pop3_uidl_format.
 *
 * courierpop3dsizelist, in a Maildir, begins with "/3 UID UIDVALIDITY" ("/2"
 * has one number less in a line), and has lines "FILE SIZE
 * UID:UIDVALIDITY:UTF8". Where the number is 0 the name of the file is the
 * UIDL.
 */
#include "spool/uidl_list.h"

#include <stdio.h>
#include <string.h>

/* ---- words ---- */

struct word {
	const char *text;
	size_t len;
};

/* Cuts the next word off; of no octets at the end. */
static struct word
next_word(const char **at, const char *end)
{
	while (*at < end && **at == ' ') {
		++*at;
	}
	struct word w = { .text = *at };
	while (*at < end && **at != ' ') {
		++*at;
	}
	w.len = (size_t)(*at - w.text);
	return w;
}

/* The same at the end. */
static struct word
last_word(const char *text, const char **end)
{
	struct word w = { .len = 0 };

	while (*end > text && (*end)[-1] != ' ') {
		--*end;
		w.len++;
	}
	w.text = *end;
	while (*end > text && (*end)[-1] == ' ') {
		--*end;
	}
	return w;
}

/* Reads a number that is all of the text; false: it is none of 32 bits. */
static bool
number(const char *text, size_t len, uint32_t *value)
{
	uint64_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9') {
			return false;
		}
		n = n * 10 + (uint64_t)(text[i] - '0');
		if (n > UINT32_MAX) {
			return false;
		}
	}
	*value = (uint32_t)n;
	return len > 0;
}

/* ---- Dovecot's format ---- */

/* What a UIDL is made of. */
struct parts {
	uint32_t uid, validity;
	struct word file, id;
};

struct variable {
	bool zeros, hexadecimal;
	unsigned width;
	char letter;
};

/* Reads what follows a "%"; false: we do not know it. */
static bool
read_variable(const char **format, struct variable *v)
{
	const char *p = *format;

	*v = (struct variable){ .zeros = *p == '0' };
	for (; *p >= '0' && *p <= '9' && v->width < UIDL_MOST; p++) {
		v->width = v->width * 10 + (unsigned)(*p - '0');
	}
	v->hexadecimal = *p == 'X';
	p += v->hexadecimal;
	v->letter = *p;
	if (v->letter == '\0' || strchr("uvfg%", v->letter) == NULL ||
	    v->width > UIDL_MOST) {
		return false;
	}
	*format = p + 1;
	return true;
}

bool
uidl_list_format(const char *format)
{
	struct variable v;

	while ((format = strchr(format, '%')) != NULL) {
		format++;
		if (!read_variable(&format, &v)) {
			return false;
		}
	}
	return true;
}

/* A text that is being made; too long is remembered. */
struct made {
	char *text;
	size_t len;
	bool full;
};

static void
add(struct made *m, const char *text, size_t len)
{
	if (len > UIDL_MOST - m->len) {
		m->full = true;
		return;
	}
	memcpy(m->text + m->len, text, len);
	m->len += len;
}

static void
add_variable(struct made *m, const struct variable *v, const struct parts *p)
{
	char digits[UIDL_MOST + 16];
	uint32_t n = v->letter == 'u' ? p->uid : p->validity;
	int width = (int)v->width;

	switch (v->letter) {
	case '%':
		add(m, "%", 1);
		return;
	case 'f':
		add(m, p->file.text, p->file.len);
		return;
	case 'g':
		add(m, p->id.text, p->id.len);
		return;
	}
	int len = snprintf(digits, sizeof(digits),
	    v->zeros         ? v->hexadecimal ? "%0*x" : "%0*u"
	    : v->hexadecimal ? "%*x"
			     : "%*u",
	    width, n);
	add(m, digits, (size_t)len);
}

/* Leaves nothing of what is no UIDL. */
static void
end(struct made *m)
{
	bool good = !m->full && uidl_is_valid(m->text, m->len);

	m->text[good ? m->len : 0] = '\0';
}

static void
make(const char *format, const struct parts *p, char uidl[UIDL_MOST + 1])
{
	struct made m = { .text = uidl };
	struct variable v;

	while (*format != '\0') {
		size_t n = strcspn(format, "%");
		add(&m, format, n);
		format += n;
		if (*format == '%') {
			format++;
			if (!read_variable(&format, &v)) {
				m.full = true;
				break;
			}
			add_variable(&m, &v, p);
		}
	}
	end(&m);
}

static void
copy(const char *text, size_t len, char uidl[UIDL_MOST + 1])
{
	struct made m = { .text = uidl };

	add(&m, text, len);
	end(&m);
}

/* ---- the kinds ---- */

/* Reads the values of Dovecot's heading. */
static bool
dovecot_heading(struct uidl_list *l, const char *line, size_t len)
{
	const char *at = line, *end = line + len;
	struct word first = next_word(&at, end), second = next_word(&at, end),
		    third = next_word(&at, end);
	uint32_t next;

	if (first.len != 1 || third.len == 0) {
		return false;
	}
	if (first.text[0] == '1') {
		l->version = 1;
		return number(second.text, second.len, &l->validity) &&
		       number(third.text, third.len, &next);
	}
	l->version = 3;
	for (at = second.text; first.text[0] == '3' && at < end;) {
		struct word w = next_word(&at, end);
		if (w.len > 0 && w.text[0] == 'V') {
			return number(w.text + 1, w.len - 1, &l->validity);
		}
	}
	return false;
}

static bool
courier_heading(const char *line, size_t len)
{
	return len >= 3 && line[0] == '/' && line[1] >= '1' && line[1] <= '3' &&
	       line[2] == ' ';
}

bool
uidl_list_begin(struct uidl_list *l, const char *line, size_t len)
{
	l->kind = dovecot_heading(l, line, len) ? UIDL_LIST_DOVECOT
	          : courier_heading(line, len)  ? UIDL_LIST_COURIER
	                                        : UIDL_LIST_NUMBERS;
	return l->kind != UIDL_LIST_NUMBERS;
}

static enum uidl_line
numbers_line(const char *line, size_t len, struct uidl_entry *e)
{
	const char *at = line, *end = line + len;
	struct word first = next_word(&at, end), second = next_word(&at, end),
		    more = next_word(&at, end);

	if (first.len == 0 || line[0] == '+' ||
	    (first.len == 1 && line[0] == '.')) {
		return UIDL_LINE_NONE;
	}
	if (!number(first.text, first.len, &e->number) || e->number == 0) {
		return UIDL_LINE_WRONG;
	}
	copy(second.text, more.len == 0 ? second.len : 0, e->uidl);
	return UIDL_LINE_ENTRY;
}

/* The name of a file without its flags. */
static struct word
base(const char *text, size_t len)
{
	const char *colon = memchr(text, ':', len);

	return (
	    struct word){ text, colon == NULL ? len : (size_t)(colon - text) };
}

static enum uidl_line
dovecot_line(const struct uidl_list *l, const char *line, size_t len,
    struct uidl_entry *e)
{
	const char *at = line, *end = line + len;
	struct word w = next_word(&at, end), uidl = { .len = 0 };
	struct parts p = { .validity = l->validity };

	if (!number(w.text, w.len, &p.uid)) {
		return UIDL_LINE_WRONG;
	}
	for (w = next_word(&at, end);
	     l->version == 3 && w.len > 0 && w.text[0] != ':';
	     w = next_word(&at, end)) {
		uidl = w.text[0] == 'P' ? (struct word){ w.text + 1, w.len - 1 }
		                        : uidl;
		p.id = w.text[0] == 'G' ? (struct word){ w.text + 1, w.len - 1 }
		                        : p.id;
	}
	/* The name goes to the end of the line. */
	const char *name = w.text + (w.len > 0 && w.text[0] == ':');
	p.file = base(name, (size_t)(end - name));
	p.id = p.id.len > 0 ? p.id : p.file;
	e->number = p.uid;
	e->name = p.file.text;
	e->len = p.file.len;
	if (uidl.len > 0) {
		copy(uidl.text, uidl.len, e->uidl);
	} else {
		make(l->format, &p, e->uidl);
	}
	return p.file.len > 0 ? UIDL_LINE_ENTRY : UIDL_LINE_WRONG;
}

/* Characters of a name that Courier does not send are written as +XX. */
static void
courier_name(const struct word *file, char uidl[UIDL_MOST + 1])
{
	struct made m = { .text = uidl };
	char code[4];

	for (size_t i = 0; i < file->len; i++) {
		unsigned char c = (unsigned char)file->text[i];
		if (c < 0x21 || c > 0x7e || strchr("'\"+", c) != NULL) {
			snprintf(code, sizeof(code), "+%02X", c);
			add(&m, code, 3);
		} else {
			add(&m, file->text + i, 1);
		}
	}
	end(&m);
}

/* Reads UID:UIDVALIDITY:UTF8, of which the first is needed. */
static bool
courier_numbers(struct word w, struct parts *p)
{
	const char *end = w.text + w.len;
	const char *colon = memchr(w.text, ':', w.len);

	if (!number(w.text, (size_t)((colon == NULL ? end : colon) - w.text),
		&p->uid)) {
		return false;
	}
	if (colon == NULL) {
		return true;
	}
	const char *text = colon + 1;
	colon = memchr(text, ':', (size_t)(end - text));
	return number(
	    text, (size_t)((colon == NULL ? end : colon) - text), &p->validity);
}

static enum uidl_line
courier_line(const char *line, size_t len, struct uidl_entry *e)
{
	const char *end = line + len;
	struct word numbers = last_word(line, &end);
	struct word size = last_word(line, &end);
	struct parts p = { .uid = 0 };

	p.file = base(line, (size_t)(end - line));
	if (p.file.len == 0 || size.len == 0 || !courier_numbers(numbers, &p)) {
		return UIDL_LINE_WRONG;
	}
	e->number = p.uid;
	e->name = p.file.text;
	e->len = p.file.len;
	if (p.uid == 0) {
		courier_name(&p.file, e->uidl);
	} else {
		make(p.validity == 0 ? "UID%u" : "UID%u-%v", &p, e->uidl);
	}
	return UIDL_LINE_ENTRY;
}

enum uidl_line
uidl_list_line(const struct uidl_list *l, const char *line, size_t len,
    struct uidl_entry *e)
{
	*e = (struct uidl_entry){ .number = 0 };
	if (len == 0) {
		return UIDL_LINE_NONE;
	}
	switch (l->kind) {
	case UIDL_LIST_NUMBERS:
		return numbers_line(line, len, e);
	case UIDL_LIST_DOVECOT:
		return dovecot_line(l, line, len, e);
	case UIDL_LIST_COURIER:
		return courier_line(line, len, e);
	}
	return UIDL_LINE_WRONG;
}
