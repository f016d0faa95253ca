/* SPDX-License-Identifier: ISC */
/*
 * Macros of SPF (RFC 7208 section 7):
 *
 *   macro-expand = ( "%{" letter *DIGIT ["r"] *delimiter "}" ) /
 *                  "%%" / "%_" / "%-"
 *   delimiter    = "." / "-" / "+" / "," / "/" / "_" / "="
 */
#include "common/auth/spf_private.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	VALUE = SPF_LOCAL + ASK_NAME + 2, /* of a letter, with the NUL */
	EXPANDED = 4096,                  /* a domain before it is cut */
};

struct macro {
	char letter;
	bool escaped; /* an upper case letter */
	unsigned keep;
	bool reverse;
	struct span delimiters;
};

/* Reads what follows "%{"; the octets up to and with "}", 0: malformed. */
static size_t
read_macro(struct span text, bool exp, struct macro *m)
{
	size_t i = 1;

	*m = (struct macro){ .keep = VALUE };
	if (text.len < 2 || !spf_is_alpha(text.at[0])) {
		return 0;
	}
	m->escaped = text.at[0] < 'a';
	m->letter = text.at[0] | 0x20;
	if (strchr(exp ? "slodiphvcrt" : "slodiphv", m->letter) == NULL) {
		return 0;
	}
	if (spf_is_digit(text.at[i])) {
		m->keep = 0;
		for (; i < text.len && spf_is_digit(text.at[i]); i++) {
			m->keep = m->keep * 10 + (unsigned)(text.at[i] - '0');
			m->keep = m->keep < VALUE ? m->keep : VALUE;
		}
		if (m->keep == 0) {
			return 0;
		}
	}
	if (i < text.len && (text.at[i] | 0x20) == 'r') {
		m->reverse = true;
		i++;
	}
	m->delimiters.at = text.at + i;
	while (i < text.len && text.at[i] != '\0' &&
	       strchr(".-+,/_=", text.at[i]) != NULL) {
		i++;
	}
	m->delimiters.len = (size_t)(text.at + i - m->delimiters.at);
	return i < text.len && text.at[i] == '}' ? i + 1 : 0;
}

/* A piece of a macro-string: a macro, or an octet. */
struct piece {
	size_t len; /* 0: malformed */
	bool is_macro;
	struct macro macro;
	const char *literal;
};

static void
read_piece(struct span text, bool exp, struct piece *p)
{
	char c = text.at[0], next = text.len > 1 ? text.at[1] : '\0';

	p->is_macro = false;
	p->literal = NULL;
	if (c != '%') {
		p->len = (c > 0x20 || (exp && c == ' ')) && c < 0x7f;
		return;
	}
	p->len = 2;
	switch (next) {
	case '%':
		p->literal = "%";
		break;
	case '_':
		p->literal = " ";
		break;
	case '-':
		p->literal = "%20";
		break;
	case '{':
		p->is_macro = true;
		p->len = read_macro(
		    (struct span){ text.at + 2, text.len - 2 }, exp, &p->macro);
		p->len = p->len == 0 ? 0 : p->len + 2;
		break;
	default:
		p->len = 0;
	}
}

static void
skip(struct span *text, size_t n)
{
	text->at += n;
	text->len -= n;
}

bool
spf_macro_valid(struct span text, bool exp)
{
	struct piece p;

	for (; text.len > 0; skip(&text, p.len)) {
		read_piece(text, exp, &p);
		if (p.len == 0) {
			return false;
		}
	}
	return true;
}

bool
spf_macro_needs_pointers(struct span text)
{
	struct piece p;

	for (; text.len > 0; skip(&text, p.len)) {
		read_piece(text, true, &p);
		if (p.len == 0 || (p.is_macro && p.macro.letter == 'p')) {
			return p.len != 0;
		}
	}
	return false;
}

/* True if it ends in a top label: with a letter or a hyphen inside. */
static bool
ends_in_label(struct span text)
{
	size_t end = text.len, start;
	bool named = false;

	if (end > 0 && text.at[end - 1] == '.') {
		end--;
	}
	for (start = end; start > 0 && text.at[start - 1] != '.'; start--) {
		char c = text.at[start - 1];
		if (!spf_is_alpha(c) && !spf_is_digit(c) && c != '-') {
			return false;
		}
		named = named || !spf_is_digit(c);
	}
	return start > 0 && start < end && named && text.at[start] != '-' &&
	       text.at[end - 1] != '-';
}

bool
spf_macro_is_domain(struct span text)
{
	struct span rest = text;
	struct piece p = { .len = 0 };

	for (; rest.len > 0; skip(&rest, p.len)) {
		read_piece(rest, false, &p);
		if (p.len == 0) {
			return false;
		}
	}
	return text.len > 0 &&
	       (p.is_macro || p.literal != NULL || ends_in_label(text));
}

/* ---- expansion ---- */

/* Writes an address as %{i} has it: with dots between its parts. */
static void
dotted_address(const struct spf *s, char out[VALUE])
{
	static const char digits[] = "0123456789ABCDEF";
	size_t n = 0;

	if (s->v4) {
		inet_ntop(AF_INET, s->address + 12, out, VALUE);
		return;
	}
	for (size_t i = 0; i < 16; i++) {
		out[n++] = digits[s->address[i] >> 4];
		out[n++] = '.';
		out[n++] = digits[s->address[i] & 15];
		out[n++] = '.';
	}
	out[n - 1] = '\0';
}

const char *
spf_pointer(const struct spf *s)
{
	const char *domain = s->frame[s->depth - 1].domain, *best = NULL;
	int rank = 0;

	for (size_t i = 0; i < s->candidates; i++) {
		const char *name = s->candidate[i];
		int r = !s->valid[i]                 ? 0
		        : strcmp(name, domain) == 0  ? 3
		        : ask_is_below(name, domain) ? 2
		                                     : 1;
		if (r > rank) {
			rank = r;
			best = name;
		}
	}
	return best == NULL ? "unknown" : best;
}

static void
value_of(const struct spf *s, char letter, char out[VALUE])
{
	switch (letter) {
	case 's':
		snprintf(out, VALUE, "%s@%s", s->local, s->origin);
		break;
	case 'l':
		snprintf(out, VALUE, "%s", s->local);
		break;
	case 'o':
		snprintf(out, VALUE, "%s", s->origin);
		break;
	case 'd':
		snprintf(out, VALUE, "%s", s->frame[s->depth - 1].domain);
		break;
	case 'i':
		dotted_address(s, out);
		break;
	case 'p':
		snprintf(out, VALUE, "%s", spf_pointer(s));
		break;
	case 'h':
		snprintf(out, VALUE, "%s", s->helo);
		break;
	case 'v':
		snprintf(out, VALUE, "%s", s->v4 ? "in-addr" : "ip6");
		break;
	case 'c':
		inet_ntop(s->v4 ? AF_INET : AF_INET6,
		    s->address + (s->v4 ? 12 : 0), out, VALUE);
		break;
	case 'r':
		snprintf(out, VALUE, "%s", s->receiver);
		break;
	default: /* t */
		snprintf(out, VALUE, "%" PRIu64, s->time);
		break;
	}
}

static void
add_value(struct writer *w, const char *text, size_t len, bool escaped)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		if (!escaped || spf_is_alpha(c) || spf_is_digit(c) ||
		    (c != '\0' && strchr("-._~", c) != NULL)) {
			writer_octet(w, c);
			continue;
		}
		writer_octet(w, '%');
		writer_octet(w, hex[(unsigned char)c >> 4]);
		writer_octet(w, hex[(unsigned char)c & 15]);
	}
}

static void
add_macro(const struct spf *s, struct writer *w, const struct macro *m)
{
	static const struct span dot = { ".", 1 };
	struct span delimiters = m->delimiters.len > 0 ? m->delimiters : dot;
	struct span part[VALUE];
	char value[VALUE];
	size_t n = 0, start = 0;

	value_of(s, m->letter, value);
	size_t len = strlen(value);
	for (size_t i = 0; i <= len; i++) {
		if (i == len ||
		    memchr(delimiters.at, value[i], delimiters.len) != NULL) {
			part[n++] = (struct span){ value + start, i - start };
			start = i + 1;
		}
	}
	size_t keep = m->keep < n ? m->keep : n;
	/* The parts on the right are kept after the order has been turned. */
	for (size_t i = 0; i < keep; i++) {
		const struct span *p =
		    &part[m->reverse ? keep - 1 - i : n - keep + i];
		if (i > 0) {
			writer_octet(w, '.');
		}
		add_value(w, p->at, p->len, m->escaped);
	}
}

bool
spf_macro_expand(const struct spf *s, struct span text, char *out, size_t size)
{
	struct writer w = { .out = out, .size = size };
	struct piece p;

	for (; text.len > 0; skip(&text, p.len)) {
		read_piece(text, true, &p);
		if (p.len == 0) {
			return false;
		}
		if (p.is_macro) {
			add_macro(s, &w, &p.macro);
		} else if (p.literal != NULL) {
			writer_text(&w, p.literal);
		} else {
			writer_octet(&w, text.at[0]);
		}
	}
	return writer_finish(&w) != -1;
}

bool
spf_macro_domain(const struct spf *s, struct span text, char name[ASK_NAME])
{
	char expanded[EXPANDED];
	const char *p = expanded;

	name[0] = '\0';
	if (!spf_macro_expand(s, text, expanded, sizeof(expanded))) {
		return false;
	}
	size_t len = strlen(p);
	if (len > 0 && p[len - 1] == '.') {
		len--;
	}
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)p[i] >= 0x80) {
			return false; /* RFC 8616 section 4 */
		}
	}
	/* Section 7.3: what is too long loses labels on its left. */
	while (len >= ASK_NAME) {
		const char *dot = memchr(p, '.', len);
		if (dot == NULL) {
			return false;
		}
		len -= (size_t)(dot + 1 - p);
		p = dot + 1;
	}
	return ask_name(p, len, name);
}
