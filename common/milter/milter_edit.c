/* SPDX-License-Identifier: ISC */
/* The edits of a filter, noted until it has said its last word. */
#include "common/milter/milter_private.h"

#include <string.h>
#include <strings.h>

/* The field that junk goes by. */
#define FLAG "X-Spam-Flag"

static enum milter_turn
malformed(struct milter *m)
{
	return milter_broken(m, "its edit is malformed");
}

/* ---- the header section ---- */

static bool
is_named(const struct edit *e, const char *name)
{
	return e->name.len == strlen(name) &&
	       strncasecmp(e->name.at, name, e->name.len) == 0;
}

static bool
is_yes(const struct edit *e)
{
	const char *at = e->value.at, *end = at + e->value.len;

	while (at < end && is_space(*at)) {
		at++;
	}
	while (end > at && is_space(end[-1])) {
		end--;
	}
	return end - at == 3 && strncasecmp(at, "yes", 3) == 0;
}

/* Notes a field by which filters call a message spam. */
static void
note_mark(struct milter *m, const struct edit *e)
{
	bool flag = is_named(e, FLAG);

	if (flag) {
		m->flagged = is_yes(e);
	}
	if ((flag || is_named(e, "X-Spam")) && is_yes(e)) {
		m->marked = true;
	}
}

int
milter_flag(struct milter *m)
{
	static const struct edit flag = { .name = { FLAG, sizeof(FLAG) - 1 },
		.value = { "YES", 3 } };

	if (!m->marked || m->flagged) {
		return 0;
	}
	m->edited = true;
	return edits_insert(m->edits, 0, &flag) == EDITED_OK ? 0 : -1;
}

/* Reads a name and a value. */
static bool
read_edit(
    const struct milter *m, const char *at, const char *end, struct edit *e)
{
	e->exact = milter_exact(m);
	return packet_next_string(&at, end, &e->name) &&
	       packet_next_string(&at, end, &e->value);
}

static enum milter_turn
edit_header(struct milter *m, const struct packet *p)
{
	const char *at = p->data, *end = p->data + p->len;
	bool numbered = p->command != 'h';
	size_t index = 0;
	enum edited done;
	struct edit e;

	if (numbered && p->len > 4) {
		index = packet_number_at(at);
		at += 4;
	} else if (numbered) {
		return malformed(m);
	}
	if (!read_edit(m, at, end, &e)) {
		return malformed(m);
	}
	done = p->command == 'h'   ? edits_add(m->edits, &e)
	       : p->command == 'i' ? edits_insert(m->edits, index, &e)
	                           : edits_change(m->edits, index, &e);
	switch (done) {
	case EDITED_OK:
		m->edited = true;
		note_mark(m, &e);
		return MILTER_MORE;
	case EDITED_NAME:
		return milter_broken(m, "the name of a field is malformed");
	case EDITED_EXCESS:
		return milter_broken(m, "it makes too many edits");
	case EDITED_MEMORY:
		break;
	}
	return milter_broken(m, "there is no memory for its edits");
}

/* ---- the envelope ---- */

/* Reads the address at the start of an edit; its parameters are left out. */
static bool
read_address(const struct packet *p, char text[ADDRESS_TEXT], bool null)
{
	const char *at = p->data, *rest;
	struct address a;
	struct span s;

	if (!packet_next_string(&at, p->data + p->len, &s) ||
	    address_path_utf8(s.at, &a, &rest) != PATH_OK ||
	    (*rest != '\0' && !is_blank(*rest)) ||
	    (address_is_null(&a) && !null)) {
		return false;
	}
	address_text(&a, text, ADDRESS_TEXT);
	return true;
}

bool
milter_is_deleted(const struct milter *m, size_t i)
{
	return i < MILTER_RCPTS && (m->deleted[i / 8] >> i % 8 & 1) != 0;
}

/* The number of a recipient of the envelope, or nrcpts. */
static size_t
find_rcpt(const struct milter *m, const char *text)
{
	size_t i = 0;

	while (i < m->nrcpts && strcasecmp(m->rcpts[i], text) != 0) {
		i++;
	}
	return i;
}

/* One of those that the filter has added, or NULL. */
static char *
find_added(struct milter *m, const char *text)
{
	char *end = m->added + m->added_len;

	for (char *at = m->added; at < end; at += strlen(at) + 1) {
		if (strcasecmp(at, text) == 0) {
			return at;
		}
	}
	return NULL;
}

static enum milter_turn
add_rcpt(struct milter *m, const struct packet *p)
{
	char text[ADDRESS_TEXT];

	if (!read_address(p, text, false)) {
		return malformed(m);
	}
	size_t i = find_rcpt(m, text), size = strlen(text) + 1;
	if (i < m->nrcpts) {
		if (i < MILTER_RCPTS) {
			m->deleted[i / 8] &= (unsigned char)~(1U << i % 8);
		}
		return MILTER_MORE;
	}
	if (find_added(m, text) != NULL) {
		return MILTER_MORE;
	}
	if (size > sizeof(m->added) - m->added_len) {
		return milter_broken(m, "it adds too many recipients");
	}
	memcpy(m->added + m->added_len, text, size);
	m->added_len += size;
	return MILTER_MORE;
}

static enum milter_turn
delete_rcpt(struct milter *m, const struct packet *p)
{
	char text[ADDRESS_TEXT];

	if (!read_address(p, text, false)) {
		return malformed(m);
	}
	size_t i = find_rcpt(m, text);
	char *added = find_added(m, text);
	if (added != NULL) {
		size_t size = strlen(added) + 1;
		size_t after = (size_t)(added - m->added) + size;
		memmove(added, added + size, m->added_len - after);
		m->added_len -= size;
	} else if (i < m->nrcpts && i >= MILTER_RCPTS) {
		return milter_broken(m, "it deletes too many recipients");
	} else if (i < m->nrcpts) {
		m->deleted[i / 8] |= (unsigned char)(1U << i % 8);
	}
	return MILTER_MORE;
}

static enum milter_turn
change_sender(struct milter *m, const struct packet *p)
{
	m->new_sender = read_address(p, m->sender, true);
	return m->new_sender ? MILTER_MORE : malformed(m);
}

/* ---- others ---- */

static enum milter_turn
hold(struct milter *m, const struct packet *p)
{
	static const char unsaid[] = "the filter gives no reason";
	size_t len = strnlen(p->data, p->len), n = 0;

	for (; n < len && n < sizeof(m->reason) - 1; n++) {
		bool good = p->data[n] >= ' ' && p->data[n] <= '~';
		m->reason[n] = good ? p->data[n] : '?';
	}
	m->reason[n] = '\0';
	if (n == 0) {
		memcpy(m->reason, unsaid, sizeof(unsaid));
	}
	return MILTER_MORE;
}

enum milter_turn
milter_edit(struct milter *m, const struct packet *p)
{
	switch (p->command) {
	case 'h':
	case 'i':
	case 'm':
		return edit_header(m, p);
	case '+':
	case '2':
		return add_rcpt(m, p);
	case '-':
		return delete_rcpt(m, p);
	case 'e':
		return change_sender(m, p);
	case 'q':
		return hold(m, p);
	case 'b':
		m->replaced = true;
		return MILTER_PIECE;
	default:
		return milter_broken(m, "its answer is none of the protocol");
	}
}
