/* SPDX-License-Identifier: ISC */
/*
 * Lists of addresses in header fields, read (RFC 5322 section 3.4): pure.
 *
 *   list    = *(entry ("," / ";"))
 *   entry   = mailbox / name ":" *(mailbox ",") ";"
 *   mailbox = [name] "<" [route ":"] spec ">" / spec
 *   spec    = word *("." word) "@" (atom *("." atom) / literal)
 *
 * with comments, blanks and folds anywhere.  Each entry is scanned for its
 * shape first, then its address is read; every octet a fixed number of times.
 */
#include "common/mime/mailboxes.h"

#include "common/text/bytes.h"

#include <string.h>

/* RFC 5322 section 3.2.3; everything beyond ASCII by RFC 6532. */
static bool
is_atom(char c)
{
	return (unsigned char)c >= 0x80 ||
	       (c > ' ' && c < 0x7f && strchr("()<>[]:;@\\,.\"", c) == NULL);
}

static char
closing(char c)
{
	return c == '(' ? ')' : c == '[' ? ']' : c == '"' ? '"' : '\0';
}

/* Behind the comment, literal or quoted string at p; NULL: it has no end. */
static const char *
skip_nested(const char *p, const char *end)
{
	char open = *p, close = closing(open);
	size_t depth = 1;

	for (p++; p < end; p++) {
		if (*p == '\\' && p + 1 < end) {
			p++;
		} else if (*p == close && --depth == 0) {
			return p + 1;
		} else if (*p == '(' && open == '(') {
			depth++;
		}
	}
	return NULL;
}

/* Behind blanks and whole comments; *note is the inside of the last one. */
static const char *
skip_blanks(const char *p, const char *end, struct span *note)
{
	while (p < end && (is_space(*p) || *p == '(')) {
		const char *next = *p == '(' ? skip_nested(p, end) : p + 1;
		if (next == NULL) {
			return p;
		}
		if (*p == '(' && note != NULL) {
			*note = (struct span){ p + 1, (size_t)(next - p) - 2 };
		}
		p = next;
	}
	return p;
}

static struct span
trimmed(const char *start, const char *end)
{
	while (start < end && is_space(*start)) {
		start++;
	}
	while (end > start && is_space(end[-1])) {
		end--;
	}
	return (struct span){ start, (size_t)(end - start) };
}

/* Where the parts of an entry are; NULL for those that it has not. */
struct shape {
	const char *end;   /* "," or ";" or the end of the text */
	const char *angle; /* "<" */
	const char *close; /* ">" */
	const char *colon; /* of a group */
	bool broken;
};

/* One octet, or one nested thing, at p; answers what comes after it. */
static const char *
look_at_shape(const char *p, const char *end, struct shape *s)
{
	bool inside = s->angle != NULL && s->close == NULL;

	if (closing(*p) != '\0') {
		const char *next = skip_nested(p, end);
		s->broken |= next == NULL;
		return next == NULL ? end : next;
	}
	if (*p == '<') {
		s->broken |= s->angle != NULL;
		s->angle = p;
		s->close = NULL;
	} else if (*p == '>') {
		s->broken |= !inside;
		s->close = p;
	} else if (*p == ':' && s->angle == NULL && s->colon == NULL) {
		s->colon = p;
	}
	return p + 1;
}

/* True if the "," or ";" at p ends an entry that looks like this. */
static bool
ends(const char *p, const struct shape *s, const char *end)
{
	bool inside = s->angle != NULL && s->close == NULL;

	if (!inside || *p == ';') {
		return *p == ',' || *p == ';';
	}
	/* A comma belongs to an obsolete route, else the ">" was forgotten. */
	const char *first = s->angle + 1;
	return *p == ',' && !(first < end && (*first == '@' || *first == ','));
}

static struct shape
scan(const char *p, const char *end, bool group)
{
	struct shape s = { .end = end };

	while (p < end && !ends(p, &s, end)) {
		p = look_at_shape(p, end, &s);
		if (s.colon != NULL && !group) {
			s.end = s.colon;
			return s;
		}
	}
	s.end = p;
	s.broken |= s.angle != NULL && s.close == NULL;
	return s;
}

/* ---- addresses ---- */

/* Behind the word (an atom or a quoted string) at p; NULL: none is there. */
static const char *
skip_word(const char *p, const char *end)
{
	const char *start = p;

	if (p < end && *p == '"') {
		return skip_nested(p, end);
	}
	while (p < end && is_atom(*p)) {
		p++;
	}
	return p > start ? p : NULL;
}

/*
 * Behind words and dots, with blanks and comments around the dots; *last is
 * where the last word or dot ends.  Dots at the ends and side by side are
 * common enough.
 */
static const char *
skip_dotted(const char *p, const char *end, const char **last)
{
	bool dot = true; /* a word may follow */

	*last = p;
	while (p < end) {
		bool is_dot = *p == '.';
		const char *next = is_dot ? p + 1
		                   : dot  ? skip_word(p, end)
		                          : NULL;
		if (next == NULL) {
			break;
		}
		*last = next;
		dot = is_dot;
		p = skip_blanks(next, end, NULL);
	}
	return p;
}

static bool
has_control(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i];
		if (c == 0x7f || (c >= 0 && c < ' ' && !is_space(c))) {
			return true;
		}
	}
	return false;
}

/* Reads the address between p and end, but for blanks all of that. */
static bool
read_spec(const char *p, const char *end, struct mailboxes_entry *e)
{
	const char *last;

	p = skip_blanks(p, end, &e->note);
	e->local.at = p;
	p = skip_dotted(p, end, &last);
	e->local.len = (size_t)(last - e->local.at);
	e->domain = (struct span){ last, 0 };
	if (p < end && *p == '@') {
		p = skip_blanks(p + 1, end, NULL);
		const char *start = p;
		if (p < end && *p == '[') {
			last = skip_nested(p, end);
			/* No address has a quoted pair there, and without its
			   blanks it would read as another one. */
			if (last == NULL ||
			    memchr(p, '\\', (size_t)(last - p)) != NULL) {
				return false;
			}
		} else {
			(void)skip_dotted(p, end, &last);
		}
		e->domain = (struct span){ start, (size_t)(last - start) };
		if (e->domain.len == 0 ||
		    (*start != '[' && memchr(start, '"', e->domain.len))) {
			return false;
		}
		p = last;
	}
	e->spec = (struct span){ e->local.at, (size_t)(last - e->local.at) };
	struct span note = { last, 0 };
	p = skip_blanks(p, end, &note);
	e->note = note.len > 0 ? note : e->note;
	return p == end && e->local.len > 0 && !has_control(e->spec);
}

/* Takes an obsolete route ("@a,@b:") off what stands in angle brackets. */
static const char *
read_route(const char *p, const char *end, struct mailboxes_entry *e)
{
	p = skip_blanks(p, end, NULL);
	if (p == end || (*p != '@' && *p != ',')) {
		return p;
	}
	const char *colon = memchr(p, ':', (size_t)(end - p));
	if (colon == NULL) {
		return p;
	}
	e->route = (struct span){ p, (size_t)(colon - p) + 1 };
	return colon + 1;
}

static bool
read_entry(const char *p, const struct shape *s, struct mailboxes_entry *e)
{
	if (s->broken) {
		return false;
	}
	if (s->angle == NULL) {
		return read_spec(p, s->end, e);
	}
	e->name = trimmed(p, s->angle);
	p = read_route(s->angle + 1, s->close, e);
	bool good = read_spec(p, s->close, e);
	e->note = (struct span){ e->name.at, 0 };
	return good;
}

static struct mailboxes_entry
empty_entry(struct span all)
{
	struct span none = { all.at + all.len, 0 };

	return (
	    struct mailboxes_entry){ all, none, none, none, none, none, none };
}

/* Passes over what is empty; true: a ";" ended the group. */
static bool
skip_empty(struct mailboxes *m)
{
	while (m->text < m->end) {
		const char *p = skip_blanks(m->text, m->end, NULL);
		if (p == m->end || (*p != ',' && *p != ';')) {
			/* A comment belongs to the entry after it, if any. */
			m->text = p == m->end ? p : m->text;
			return false;
		}
		m->text = p + 1;
		if (*p == ';' && m->group) {
			return true;
		}
	}
	return false;
}

enum mailboxes_kind
mailboxes_next(struct mailboxes *m, struct mailboxes_entry *e)
{
	bool over = skip_empty(m);
	const char *p = m->text;

	if (over || p == m->end) {
		bool group = m->group;
		m->group = false;
		*e = empty_entry((struct span){ p - over, over });
		return group ? MAILBOXES_GROUP_END : MAILBOXES_END;
	}
	struct shape s = scan(p, m->end, m->group);
	m->text = s.end;
	if (s.colon != NULL && !m->group && !s.broken) {
		*e = empty_entry(trimmed(p, s.colon + 1));
		e->name = trimmed(p, s.colon);
		m->text = s.colon + 1;
		m->group = true;
		return MAILBOXES_GROUP;
	}
	*e = empty_entry(trimmed(p, s.end));
	if (!read_entry(p, &s, e)) {
		*e = empty_entry(e->all);
		return MAILBOXES_BROKEN;
	}
	return MAILBOXES_ONE;
}
