/* SPDX-License-Identifier: ISC */
/*
 * The text of an envelope: the head of a queue file (restante-queue(5)), and
 * what a session hands to a worker.
 *
 *   restante-queue 1  000002          the number of recipients
 *   w- 0003 1763800000 1763790000     one line for each: what changes
 *   s- 0001 0000000000 1763790000
 *   id: 4K2M8X0A1B7C                  and then what does not
 *   arrival: 1763780000
 *   sender: alice@example.org
 *   to: a bob@example.net
 *   notify: failure,delay
 *   to: u carol
 *   size: 000000004711
 *
 * and an empty line.  The first lines have 32 octets each, so that one is
 * overwritten in place and lies in one sector of any disk.  There is one way to
 * write a mail down, and anything else is damage: nothing is guessed at, but
 * for the numbers of a slot, which only say when to try.
 */
#include "spool/mail.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char mail_states[] = "wsxfr";
const char mail_targets[] = "aufp";
static const char *const mail_by_modes[] = { "", "notify", "return" };
static const char *const mail_notify[] = { "never", "success", "failure",
	"delay", NULL };

static const int64_t last_time = 9999999999; /* ten digits */

static int64_t
bounded(time_t t)
{
	return t < 0 ? 0 : t > last_time ? last_time : t;
}

void
mail_slot(const struct slot_state *s, char line[MAIL_LINE])
{
	char text[MAIL_LINE + 1];
	unsigned attempts = s->attempts > 9999 ? 9999 : s->attempts;

	snprintf(text, sizeof(text),
	    "%c%c %04u %010" PRId64 " %010" PRId64 "  \n",
	    mail_states[s->state], s->delay_notice ? 'd' : '-', attempts,
	    bounded(s->next), bounded(s->last));
	memcpy(line, text, MAIL_LINE);
}

/* A line that is left out when it would say nothing. */
static void
put_line(FILE *f, const char *key, const char *value)
{
	if (value[0] != '\0') {
		fprintf(f, "%s: %s\n", key, value);
	}
}

static void
put_notify(FILE *f, unsigned notify)
{
	const char *before = "notify: ";

	for (size_t i = 0; mail_notify[i] != NULL; i++) {
		if ((notify >> i & 1) != 0) {
			fprintf(f, "%s%s", before, mail_notify[i]);
			before = ",";
		}
	}
	if (notify != 0) {
		putc('\n', f);
	}
}

static void
put_recipient(FILE *f, const struct recipient *r)
{
	fprintf(f, "to: %c %s\n", mail_targets[r->target], r->text);
	put_line(f, "given", r->given);
	put_line(f, "owner", r->owner);
	put_line(f, "orcpt", r->orcpt);
	put_line(f, "refused", r->refused);
	put_notify(f, r->notify);
}

static void
put_mail(FILE *f, const struct mail *m)
{
	static const char *const rets[] = { "", "full", "hdrs" };
	char slot[MAIL_LINE];

	fprintf(f, "restante-queue 1  %06zu       \n", m->count);
	for (size_t i = 0; i < m->count; i++) {
		mail_slot(&m->recipients[i].slot, slot);
		fwrite(slot, sizeof(slot), 1, f);
	}
	fprintf(f, "id: %s\narrival: %" PRId64 "\nsender: %s\n", m->id,
	    bounded(m->arrival), m->sender);
	put_line(f, "user", m->user);
	put_line(f, "client", m->client);
	put_line(f, "envid", m->envid);
	put_line(f, "ret", rets[m->ret]);
	put_line(f, "body", m->eight_bit ? "8bit" : "");
	put_line(f, "utf8", m->utf8 ? "yes" : "");
	put_line(f, "tls",
	    m->need_tls       ? "required"
	    : m->tls_optional ? "optional"
			      : "");
	put_line(f, "marked", m->marked ? "yes" : "");
	put_line(f, "held", m->held);
	if (m->hold != 0) {
		fprintf(f, "hold: %" PRId64 "\n", bounded(m->hold));
	}
	if (m->by.mode != BY_UNSAID) {
		fprintf(f, "by: %s %" PRId64 "%s\n", mail_by_modes[m->by.mode],
		    bounded(m->by.time), m->by.trace ? " trace" : "");
	}
	if (m->priority != 0) {
		fprintf(f, "priority: %d\n", m->priority);
	}
	for (size_t i = 0; i < m->count; i++) {
		put_recipient(f, &m->recipients[i]);
	}
	fprintf(f, "size: %012" PRIu64 "\n\n", m->size);
}

char *
mail_head(const struct mail *m, size_t *len)
{
	char *text = NULL;

	if (!mail_is_valid(m)) {
		errno = EINVAL;
		return NULL;
	}
	FILE *f = open_memstream(&text, len);
	if (f == NULL) {
		return NULL;
	}
	put_mail(f, m);
	bool bad = ferror(f) != 0;
	if (fclose(f) == EOF || bad) {
		free(text);
		errno = ENOMEM;
		return NULL;
	}
	if (*len > MAIL_HEAD) {
		free(text);
		errno = E2BIG;
		return NULL;
	}
	return text;
}

/* ---- values: there is one way to write each ---- */

/* Decimal digits alone, so many that nothing overflows. */
static bool
read_number(const char *text, size_t len, int64_t *value)
{
	*value = 0;
	if (len == 0 || len > 18) {
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9') {
			return false;
		}
		*value = *value * 10 + (text[i] - '0');
	}
	return true;
}

static bool
read_flag(const char *value, const char *word, bool *flag)
{
	*flag = strcmp(value, word) == 0;
	return *flag;
}

/* Seconds, without leading zeros, and none that would be written otherwise. */
static bool
read_time(const char *value, time_t *when)
{
	int64_t n;
	bool good = read_number(value, strlen(value), &n) &&
	            (value[0] != '0' || value[1] == '\0') && bounded(n) == n;

	*when = n;
	return good;
}

static bool
read_ret(const char *value, enum ret *ret)
{
	*ret = strcmp(value, "full") == 0   ? RET_FULL
	       : strcmp(value, "hdrs") == 0 ? RET_HDRS
	                                    : RET_UNSAID;
	return *ret != RET_UNSAID;
}

/* Words with commas between them, in the order of the bits. */
static bool
read_notify(const char *value, unsigned *notify)
{
	const char *p = value;

	*notify = 0;
	for (size_t i = 0; mail_notify[i] != NULL; i++) {
		size_t len = strlen(mail_notify[i]);
		if (strncmp(p, mail_notify[i], len) != 0) {
			continue;
		}
		*notify |= 1u << i;
		p += len;
		if (*p == '\0') {
			return true;
		}
		if (*p++ != ',') {
			return false;
		}
	}
	return false;
}

/* From -9 to 9, and not 0. */
static bool
read_priority(const char *value, int *priority)
{
	bool negative = *value == '-';

	value += negative;
	if (value[0] < '1' || value[0] > '9' || value[1] != '\0') {
		return false;
	}
	*priority = negative ? '0' - value[0] : value[0] - '0';
	return true;
}

/* A mode and a time, then maybe "trace". */
static bool
read_by(const char *value, struct deliver_by *by)
{
	static const char trace[] = " trace";
	char number[24];
	bool notify = strncmp(value, mail_by_modes[BY_NOTIFY], 6) == 0;
	int mode = notify ? BY_NOTIFY : BY_RETURN;
	size_t len = strlen(mail_by_modes[mode]);

	if (strncmp(value, mail_by_modes[mode], len) != 0 ||
	    value[len] != ' ') {
		return false;
	}
	value += len + 1;
	len = strcspn(value, " ");
	by->mode = (enum by_mode)mode;
	by->trace = strcmp(value + len, trace) == 0;
	if (len >= sizeof(number) || (!by->trace && value[len] != '\0')) {
		return false;
	}
	memcpy(number, value, len);
	number[len] = '\0';
	return read_time(number, &by->time);
}

/* ---- lines ---- */

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
	KEY_MARKED,
	KEY_HELD,
	KEY_HOLD,
	KEY_BY,
	KEY_PRIORITY,
	KEY_TO, /* from here to KEY_NOTIFY once for each recipient */
	KEY_GIVEN,
	KEY_OWNER,
	KEY_ORCPT,
	KEY_REFUSED,
	KEY_NOTIFY,
	KEY_SIZE,
	KEYS
};

static const char *const keys[KEYS] = { "id", "arrival", "sender", "user",
	"client", "envid", "ret", "body", "utf8", "tls", "marked", "held",
	"hold", "by", "priority", "to", "given", "owner", "orcpt", "refused",
	"notify", "size" };

struct parser {
	struct mail *mail;
	size_t slots;
	int last;      /* key, or -1 */
	unsigned seen; /* bits of keys */
};

/* How many recipients the first line promises; -1: not such a file. */
static long
mail_slots(const char line[MAIL_LINE])
{
	static const char first[] = "restante-queue 1  ";
	static const char rest[] = "       \n";
	enum { DIGITS = 6, AT = sizeof(first) - 1 };
	int64_t n;

	if (memcmp(line, first, AT) != 0 ||
	    !read_number(line + AT, DIGITS, &n) ||
	    memcmp(line + AT + DIGITS, rest, sizeof(rest) - 1) != 0 || n == 0 ||
	    n > MAIL_RECIPIENTS) {
		return -1;
	}
	return (long)n;
}

/* A number that cannot be read is 0: not tried yet, due now. */
static int64_t
slot_number(const char *line, size_t from, size_t len)
{
	int64_t n;

	return line[from - 1] == ' ' && line[from + len] == ' ' &&
	               read_number(line + from, len, &n)
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

/* ---- what the lines say ---- */

static bool
copy(char *to, size_t size, const char *value)
{
	return strlcpy(to, value, size) < size;
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
	r->given = r->owner = r->orcpt = r->refused = "";
	return true;
}

/* may_follow() made sure that there is one. */
static bool
parse_of_recipient(struct recipient *r, enum key key, const char *value)
{
	if (key == KEY_NOTIFY) {
		return read_notify(value, &r->notify);
	}
	*(key == KEY_GIVEN     ? &r->given
	    : key == KEY_OWNER ? &r->owner
	    : key == KEY_ORCPT ? &r->orcpt
			       : &r->refused) = value;
	return true;
}

static bool
parse_value(struct parser *parser, enum key key, const char *value)
{
	struct mail *m = parser->mail;
	int64_t n = 0;
	bool good;

	switch (key) {
	case KEY_ID:
		return mail_is_id(value) && copy(m->id, sizeof(m->id), value);
	case KEY_ARRIVAL:
		return read_time(value, &m->arrival);
	case KEY_SENDER:
		return copy(m->sender, sizeof(m->sender), value);
	case KEY_USER:
		return copy(m->user, sizeof(m->user), value);
	case KEY_CLIENT:
		return copy(m->client, sizeof(m->client), value);
	case KEY_ENVID:
		return copy(m->envid, sizeof(m->envid), value);
	case KEY_RET:
		return read_ret(value, &m->ret);
	case KEY_BODY:
		return read_flag(value, "8bit", &m->eight_bit);
	case KEY_UTF8:
		return read_flag(value, "yes", &m->utf8);
	case KEY_TLS:
		return read_flag(value, "required", &m->need_tls) ||
		       read_flag(value, "optional", &m->tls_optional);
	case KEY_MARKED:
		return read_flag(value, "yes", &m->marked);
	case KEY_HELD:
		return copy(m->held, sizeof(m->held), value);
	case KEY_HOLD:
		return read_time(value, &m->hold) && m->hold > 0;
	case KEY_BY:
		return read_by(value, &m->by);
	case KEY_PRIORITY:
		return read_priority(value, &m->priority);
	case KEY_TO:
		return parse_to(parser, value);
	case KEY_GIVEN:
	case KEY_OWNER:
	case KEY_ORCPT:
	case KEY_REFUSED:
	case KEY_NOTIFY:
		return parse_of_recipient(
		    &m->recipients[m->count - 1], key, value);
	case KEY_SIZE:
		good = strlen(value) == MAIL_SIZE_DIGITS &&
		       read_number(value, MAIL_SIZE_DIGITS, &n);
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

/* True if a line of that key may follow. */
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
	/* A line that would say nothing is left out, but for the sender. */
	if (key == -1 || !may_follow(p, key) ||
	    (colon[2] == '\0' && key != KEY_SENDER) ||
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
	bool good = true;
	for (size_t i = 0; i < p->slots; i++) {
		good = good && mail_is_recipient(&p->mail->recipients[i]);
	}
	return good;
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
	if (mail_is_later(data)) {
		return MAIL_LATER;
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
