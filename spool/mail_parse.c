/* SPDX-License-Identifier: ISC */
/*
 * Reads the head of a queue file; mail_head.c has its form.  There is one way
 * to write a mail down, and anything else is damage: nothing is guessed at,
 * but for the numbers of a slot, which only say when to try.
 */
#include "spool/mail.h"

#include "spool/mail_values.h"

#include <stdlib.h>
#include <string.h>

/* In the order of the lines. */
enum key {
	KEY_ID,
	KEY_ARRIVAL,
	KEY_SENDER,
	KEY_USER,
	KEY_CLIENT,
	KEY_ENVID,
	KEY_RET,
	KEY_BODY,
	KEY_UTF8,
	KEY_TLS,
	KEY_HOLD,
	KEY_BY,
	KEY_PRIORITY,
	KEY_TO, /* from here to KEY_NOTIFY once for each recipient */
	KEY_GIVEN,
	KEY_OWNER,
	KEY_ORCPT,
	KEY_NOTIFY,
	KEY_SIZE,
	KEYS
};

static const char *const keys[KEYS] = { "id", "arrival", "sender", "user",
	"client", "envid", "ret", "body", "utf8", "tls", "hold", "by",
	"priority", "to", "given", "owner", "orcpt", "notify", "size" };

struct parser {
	struct mail *mail;
	size_t slots;
	int last;      /* key, or -1 */
	unsigned seen; /* bits of keys */
};

long
mail_slots(const char line[MAIL_LINE])
{
	static const char first[] = "restante-queue 1  ";
	static const char rest[] = "       \n";
	enum { DIGITS = 6, AT = sizeof(first) - 1 };
	int64_t n;

	if (memcmp(line, first, AT) != 0 ||
	    !mail_number(line + AT, DIGITS, &n) ||
	    memcmp(line + AT + DIGITS, rest, sizeof(rest) - 1) != 0 || n == 0 ||
	    n > MAIL_RECIPIENTS) {
		return -1;
	}
	return (long)n;
}

/* What cannot be read as a number is 0: not tried yet, due now. */
static int64_t
slot_number(const char *line, size_t from, size_t len)
{
	int64_t n;

	return line[from - 1] == ' ' && line[from + len] == ' ' &&
	               mail_number(line + from, len, &n)
	           ? n
	           : 0;
}

static bool
parse_slot(const char line[MAIL_LINE], struct slot_state *s)
{
	const char *state = strchr(mail_states, line[0]);

	if (state == NULL || *state == '\0') {
		return false;
	}
	*s = (struct slot_state){
		.state = (enum recipient_state)(state - mail_states),
		.delay_notice = line[1] == 'd',
		.attempts = (unsigned)slot_number(line, 3, 4),
		.next = slot_number(line, 8, 10),
		.last = slot_number(line, 19, 10),
	};
	return true;
}

/* ---- values ---- */

static bool
copy(char *to, size_t size, const char *value)
{
	size_t len = strlen(value);

	if (len >= size) {
		return false;
	}
	memcpy(to, value, len + 1);
	return true;
}

static bool
parse_to(struct parser *parser, const char *value)
{
	struct mail *m = parser->mail;
	const char *kind = strchr(mail_targets, value[0]);

	if (kind == NULL || value[1] != ' ' || m->count == parser->slots) {
		return false;
	}
	struct recipient *r = &m->recipients[m->count++];
	r->target = (enum target)(kind - mail_targets);
	r->text = value + 2;
	r->given = r->owner = r->orcpt = "";
	r->notify = 0;
	return true;
}

/* may_follow() has seen to it that there is one. */
static bool
parse_of_recipient(struct recipient *r, enum key key, const char *value)
{
	if (key == KEY_NOTIFY) {
		return mail_read_notify(value, &r->notify);
	}
	*(key == KEY_GIVEN     ? &r->given
	    : key == KEY_OWNER ? &r->owner
			       : &r->orcpt) = value;
	return true;
}

static bool
parse_value(struct parser *parser, enum key key, const char *value)
{
	struct mail *m = parser->mail;
	int64_t n = 0;
	bool good;

	/* What would say nothing is left out, but for the null sender. */
	if (value[0] == '\0' && key != KEY_SENDER) {
		return false;
	}
	switch (key) {
	case KEY_ID:
		return mail_is_id(value) && copy(m->id, sizeof(m->id), value);
	case KEY_ARRIVAL:
		return mail_read_time(value, &m->arrival);
	case KEY_SENDER:
		return copy(m->sender, sizeof(m->sender), value);
	case KEY_USER:
		return copy(m->user, sizeof(m->user), value);
	case KEY_CLIENT:
		return copy(m->client, sizeof(m->client), value);
	case KEY_ENVID:
		return copy(m->envid, sizeof(m->envid), value);
	case KEY_RET:
		return mail_read_ret(value, &m->ret);
	case KEY_BODY:
		return mail_read_flag(value, "8bit", &m->eight_bit);
	case KEY_UTF8:
		return mail_read_flag(value, "yes", &m->utf8);
	case KEY_TLS:
		return mail_read_flag(value, "required", &m->need_tls) ||
		       mail_read_flag(value, "optional", &m->tls_optional);
	case KEY_HOLD:
		return mail_read_time(value, &m->hold) && m->hold > 0;
	case KEY_BY:
		return mail_read_by(value, &m->by);
	case KEY_PRIORITY:
		return mail_read_priority(value, &m->priority);
	case KEY_TO:
		return parse_to(parser, value);
	case KEY_GIVEN:
	case KEY_OWNER:
	case KEY_ORCPT:
	case KEY_NOTIFY:
		return parse_of_recipient(
		    &m->recipients[m->count - 1], key, value);
	case KEY_SIZE:
		good = strlen(value) == MAIL_SIZE_DIGITS &&
		       mail_number(value, MAIL_SIZE_DIGITS, &n);
		m->size = (uint64_t)n;
		return good;
	case KEYS:
		break;
	}
	return false;
}

/* ---- lines ---- */

static int
find_key(const char *line, const char *colon)
{
	size_t len = (size_t)(colon - line);

	for (int i = 0; i < KEYS; i++) {
		if (strlen(keys[i]) == len && memcmp(keys[i], line, len) == 0) {
			return i;
		}
	}
	return -1;
}

/* Whether a line of that key may follow. */
static bool
may_follow(const struct parser *p, int key)
{
	bool in_recipient = p->last >= KEY_TO && p->last <= KEY_NOTIFY;

	if (key > KEY_TO && !in_recipient) {
		return false;
	}
	return key > p->last || (key == KEY_TO && in_recipient);
}

static bool
parse_line(struct parser *p, char *line)
{
	const char *colon = strchr(line, ':');

	if (colon == NULL || colon[1] != ' ') {
		return false;
	}
	int key = find_key(line, colon);
	if (key == -1 || !may_follow(p, key) ||
	    !parse_value(p, (enum key)key, colon + 2)) {
		return false;
	}
	p->last = key;
	p->seen |= 1u << key;
	return true;
}

/* Makes strings of the lines; false: a control character is among them. */
static bool
split(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c == '\n') {
			text[i] = '\0';
		} else if (c < ' ' || c == 0x7f) {
			return false;
		}
	}
	return true;
}

static bool
parse_text(struct parser *p, char *text, size_t len)
{
	const unsigned needed = 1u << KEY_ID | 1u << KEY_ARRIVAL |
	                        1u << KEY_SENDER | 1u << KEY_TO |
	                        1u << KEY_SIZE;

	if (!split(text, len)) {
		return false;
	}
	for (char *line = text; line < text + len; line += strlen(line) + 1) {
		if (!parse_line(p, line)) {
			return false;
		}
	}
	if ((p->seen & needed) != needed || p->mail->count != p->slots) {
		return false;
	}
	for (size_t i = 0; i < p->slots; i++) {
		if (!mail_is_recipient(&p->mail->recipients[i])) {
			return false;
		}
	}
	return true;
}

/* The text is copied: the recipients' strings lie in the copy. */
static enum mail_parsed
parse_head(struct parser *p, const char *data, size_t table, const char *end)
{
	struct mail *m = p->mail;
	size_t len = (size_t)(end - data) - table;
	char *text = mail_strings(m, len);

	m->recipients = calloc(p->slots, sizeof(*m->recipients));
	if (text == NULL || m->recipients == NULL) {
		return MAIL_NO_MEMORY;
	}
	m->room = p->slots;
	for (size_t i = 0; i < p->slots; i++) {
		if (!parse_slot(
			data + (i + 1) * MAIL_LINE, &m->recipients[i].slot)) {
			return MAIL_DAMAGED;
		}
	}
	memcpy(text, data + table, len);
	return parse_text(p, text, len) ? MAIL_OK : MAIL_DAMAGED;
}

enum mail_parsed
mail_parse(struct mail *m, const char *data, size_t size, size_t *len)
{
	memset(m, 0, sizeof(*m));
	if (size < MAIL_LINE) {
		return MAIL_SHORT;
	}
	long slots = mail_slots(data);
	if (slots == -1) {
		return MAIL_DAMAGED;
	}
	struct parser p = { .mail = m, .slots = (size_t)slots, .last = -1 };
	size_t table = (p.slots + 1) * MAIL_LINE;
	if (size <= table) {
		return MAIL_SHORT;
	}
	const char *end = memmem(data + table, size - table, "\n\n", 2);
	if (end == NULL) {
		return size < MAIL_HEAD ? MAIL_SHORT : MAIL_DAMAGED;
	}
	*len = (size_t)(end - data) + 2;
	enum mail_parsed result = parse_head(&p, data, table, end + 1);
	if (result != MAIL_OK) {
		mail_free(m);
	}
	return result;
}
