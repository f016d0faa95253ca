/* SPDX-License-Identifier: ISC */
/* The log for programs (RFC 8259). */
#include "common/log/log_json.h"

#include "common/text/utf8.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
	ID = 12,    /* characters, see spool/mail.h */
	WORDS = 48, /* octets of an event */
};

/* ---- from a line back to its parts ---- */

static bool
is_capital(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static const char *
skip_urgency(const char *text)
{
	static const char *const words[] = { "warning: ", "error: " };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t n = strlen(words[i]);
		if (strncmp(text, words[i], n) == 0) {
			return text + n;
		}
	}
	return text;
}

/* Behind the id, if there is one. */
static const char *
take_id(const char *text, struct log_fields *f)
{
	static const char none[] = "NOQUEUE: ";
	size_t n = 0;

	if (strncmp(text, none, sizeof(none) - 1) == 0) {
		return text + sizeof(none) - 1;
	}
	while (is_capital(text[n])) {
		n++;
	}
	if (n != ID || strncmp(text + n, ": ", 2) != 0) {
		return text;
	}
	f->id = (struct log_span){ text, n };
	return text + n + 2;
}

static void
take_event(const char *text, struct log_fields *f)
{
	static const char *const ends[] = { " from ", " after ", NULL };
	size_t n = 0;

	while (isalpha((unsigned char)text[n]) ||
	       (text[n] != '\0' && strchr(" -_", text[n]) != NULL)) {
		n++;
	}
	for (const char *const *end = ends; *end != NULL; end++) {
		const char *at = strstr(text, *end);
		if (at != NULL && (size_t)(at - text) < n) {
			n = (size_t)(at - text);
		}
	}
	/* "auth spf=pass": the last word is a key, of which there are more. */
	for (size_t k = n; text[n] == '=' && k > 0; k--) {
		if (text[k - 1] == ' ') {
			n = k - 1;
		}
	}
	/* The rest of a sentence is none. */
	if (n <= WORDS && strchr(" :,=", text[n]) != NULL) {
		f->event = (struct log_span){ text, n };
	}
}

static bool
is(const struct log_span *s, const char *word)
{
	return strlen(word) == s->len && memcmp(s->text, word, s->len) == 0;
}

static void
add_field(struct log_fields *f, struct log_span key, struct log_span value)
{
	for (size_t i = 0; i < f->count; i++) {
		const struct log_span *k = &f->fields[i].key;
		if (k->len == key.len &&
		    memcmp(k->text, key.text, key.len) == 0) {
			return;
		}
	}
	if (f->count < LOG_FIELDS) {
		f->fields[f->count++] = (struct log_field){ key, value };
	}
}

/* The parenthesis in which others are quoted: not "(15 bytes) from". */
static const char *
quote(const char *text)
{
	static const char bytes[] = " bytes) from ";
	const char *at = strchr(text, '(');

	if (at != NULL && strncmp(at + 1 + strspn(at + 1, "0123456789"), bytes,
			      sizeof(bytes) - 1) == 0) {
		at = strchr(at + 1, '(');
	}
	return at;
}

/* The address of "unknown[192.0.2.1]" in front of what others have said. */
static void
take_client(const char *text, struct log_fields *f)
{
	static const char name[] = "unknown[";
	const char *at = strstr(text, name), *said = quote(text);

	if (at == NULL || (said != NULL && said < at)) {
		return;
	}
	at += sizeof(name) - 1;
	add_field(f, (struct log_span){ "ip", 2 },
	    (struct log_span){ at, strcspn(at, "]") });
}

/* The value at text; where to go on. */
static const char *
take_value(const char *text, struct log_span *value)
{
	const char *ends = *text == '<' ? ">" : *text == '[' ? "]" : " ,;";
	size_t skip = *text == '<' || *text == '[';

	*value = (struct log_span){ text + skip, strcspn(text + skip, ends) };
	text += skip + value->len;
	return skip == 1 && *text != '\0' ? text + 1 : text;
}

/* What stands in parentheses at the end. */
static void
take_reason(const char *text, struct log_fields *f)
{
	size_t n = strlen(text);

	if (strncmp(text, " (", 2) == 0) {
		n -= 2;
		n -= n > 0 && text[n + 1] == ')';
		add_field(f, (struct log_span){ "reason", 6 },
		    (struct log_span){ text + 2, n });
	}
}

static void
take_fields(const char *text, struct log_fields *f)
{
	while (*text != '\0') {
		size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz-_.");
		if (n == 0 || text[n] != '=') {
			text += strcspn(text, " ,;");
			text += strspn(text, " ,;");
			continue;
		}
		struct log_field field = { .key = { text, n } };
		text = take_value(text + n + 1, &field.value);
		add_field(f, field.key, field.value);
		if (is(&field.key, "status")) {
			take_reason(text, f);
			return;
		}
	}
}

/* The last place of the mark in the text, or NULL. */
static const char *
last_of(const char *text, const char *mark)
{
	const char *last = NULL;

	for (; (text = strstr(text, mark)) != NULL; text++) {
		last = text;
	}
	return last;
}

/* The words of a refusal; where its fields begin. */
static const char *
take_words(const char *text, struct log_fields *f)
{
	const char *words = strstr(text, "]: ");
	const char *end = last_of(text, "; from=<");

	end = end != NULL ? end : last_of(text, "; proto=");
	if (words == NULL || end == NULL || end < words + 3) {
		return text;
	}
	words += 3;
	add_field(f, (struct log_span){ "reason", 6 },
	    (struct log_span){ words, (size_t)(end - words) });
	return end + 2;
}

void
log_fields(const char *text, struct log_fields *f)
{
	const char *start = text;

	memset(f, 0, sizeof(*f));
	text = skip_urgency(text);
	size_t urgent = (size_t)(text - start);
	text = take_id(text, f);
	take_event(text, f);
	if (f->event.len == 0 && urgent > 0) {
		f->event = (struct log_span){ start, urgent - strlen(": ") };
	}
	take_client(text, f);
	if (is(&f->event, "reject")) {
		text = take_words(text, f);
	}
	take_fields(text, f);
}

/* ---- JSON ---- */

enum {
	END = 2,                /* "}}" */
	MESSAGE = LOG_JSON / 2, /* where the message ends at the latest */
	TEXT_SIZE = sizeof("\\\\xff"),
};

struct out {
	char *line;
	size_t len;
};

static void
put_text(struct out *o, const char *text)
{
	size_t n = strlen(text);

	memcpy(o->line + o->len, text, n);
	o->len += n;
}

/* How the character at text is written; its octets there in *used. */
static const char *
spell(const char *text, size_t len, char buf[TEXT_SIZE + 2], size_t *used)
{
	int32_t c = utf8_next(text, len, used);

	if (c == -1) {
		*used = 1;
		snprintf(buf, TEXT_SIZE + 2, "\\\\x%02x", (unsigned char)*text);
	} else if (c == '"' || c == '\\') {
		snprintf(buf, TEXT_SIZE + 2, "\\%c", (int)c);
	} else if (!utf8_is_text(c)) {
		snprintf(buf, TEXT_SIZE + 2, "\\u%04x", (unsigned)c & 0xffff);
	} else {
		snprintf(buf, TEXT_SIZE + 2, "%.*s", (int)*used, text);
	}
	return buf;
}

/* Writes a string, up to the limit; true if all of it is there. */
static bool
put_string(struct out *o, const struct log_span *s, size_t limit)
{
	char buf[TEXT_SIZE + 2];
	size_t used, i = 0;

	put_text(o, "\"");
	for (; i < s->len; i += used) {
		spell(s->text + i, s->len - i, buf, &used);
		if (o->len + strlen(buf) + 1 > limit) {
			break;
		}
		put_text(o, buf);
	}
	put_text(o, "\"");
	return i >= s->len;
}

static void
put_member(struct out *o, const char *name, const struct log_span *value)
{
	if (value->len > 0) {
		put_text(o, ",\"");
		put_text(o, name);
		put_text(o, "\":");
		put_string(o, value, MESSAGE);
	}
}

/* All of a field, or nothing. */
static void
put_field(struct out *o, const struct log_field *f, bool first)
{
	size_t before = o->len;

	if (before + f->key.len + sizeof(",\"\":\"\"") > LOG_JSON - END) {
		return;
	}
	put_text(o, first ? "" : ",");
	put_string(o, &f->key, LOG_JSON);
	put_text(o, ":");
	if (!put_string(o, &f->value, LOG_JSON - END)) {
		o->len = before;
	}
}

static void
put_head(struct out *o, const struct log_entry *e)
{
	char stamp[32] = "", head[256];
	struct tm tm;

	if (gmtime_r(&e->time.tv_sec, &tm) != NULL) {
		strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	}
	snprintf(head, sizeof(head),
	    "{\"time\":\"%s.%03ldZ\",\"pid\":%d,\"level\":\"%s\"", stamp,
	    e->time.tv_nsec / 1000000, (int)e->pid, e->level);
	put_text(o, head);
	put_member(
	    o, "program", &(struct log_span){ e->program, strlen(e->program) });
}

size_t
log_json(const struct log_entry *e, char line[LOG_JSON + 1])
{
	struct out o = { .line = line };
	struct log_fields f;

	log_fields(e->text, &f);
	put_head(&o, e);
	put_member(&o, "id", &f.id);
	put_member(&o, "event", &f.event);
	put_member(
	    &o, "message", &(struct log_span){ e->text, strlen(e->text) });
	if (f.count > 0) {
		put_text(&o, ",\"fields\":{");
		size_t start = o.len;
		for (size_t i = 0; i < f.count; i++) {
			put_field(&o, &f.fields[i], o.len == start);
		}
		put_text(&o, "}");
	}
	put_text(&o, "}");
	line[o.len] = '\0';
	return o.len;
}
