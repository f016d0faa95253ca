/* SPDX-License-Identifier: ISC */
/* From a line of the log back to its parts. */
#include "common/log_fields.h"

#include <ctype.h>
#include <string.h>

enum {
	ID = 12,    /* characters, see spool/mail.h */
	WORDS = 48, /* octets of an event */
};

static bool
is_capital(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
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
add(struct log_fields *f, struct log_span key, struct log_span value)
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

/* The address of "unknown[192.0.2.1]" in front of what others have said. */
static void
take_client(const char *text, struct log_fields *f)
{
	static const char name[] = "unknown[";
	const char *at = strstr(text, name), *said = strchr(text, '(');

	if (at == NULL || (said != NULL && said < at)) {
		return;
	}
	at += sizeof(name) - 1;
	add(f, (struct log_span){ "ip", 2 },
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
		add(f, (struct log_span){ "reason", 6 },
		    (struct log_span){ text + 2, n });
	}
}

static void
take_fields(const char *text, struct log_fields *f)
{
	while (*text != '\0') {
		size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz-_");
		if (n == 0 || text[n] != '=') {
			text += strcspn(text, " ,;");
			text += strspn(text, " ,;");
			continue;
		}
		struct log_field field = { .key = { text, n } };
		text = take_value(text + n + 1, &field.value);
		add(f, field.key, field.value);
		if (is(&field.key, "status")) {
			take_reason(text, f);
			return;
		}
	}
}

/* Where the fields of a refusal begin. */
static const char *
behind_words(const char *text)
{
	static const char mark[] = "; from=<";
	const char *last = NULL;

	for (const char *at = text; (at = strstr(at, mark)) != NULL; at++) {
		last = at;
	}
	return last != NULL ? last + 2 : text;
}

void
log_fields(const char *text, struct log_fields *f)
{
	memset(f, 0, sizeof(*f));
	text = take_id(text, f);
	take_event(text, f);
	take_client(text, f);
	if (is(&f->event, "reject")) {
		text = behind_words(text);
	}
	take_fields(text, f);
}
