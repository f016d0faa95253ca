/* SPDX-License-Identifier: ISC */
/* The log for programs (RFC 8259). */
#include "common/log/log_json.h"

#include "common/log/log_fields.h"
#include "common/text/utf8.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

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
put(struct out *o, const char *text)
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

/* A string, up to the limit; whether all of it is there. */
static bool
put_string(struct out *o, const struct log_span *s, size_t limit)
{
	char buf[TEXT_SIZE + 2];
	size_t used, i = 0;

	put(o, "\"");
	for (; i < s->len; i += used) {
		spell(s->text + i, s->len - i, buf, &used);
		if (o->len + strlen(buf) + 1 > limit) {
			break;
		}
		put(o, buf);
	}
	put(o, "\"");
	return i >= s->len;
}

static void
put_member(struct out *o, const char *name, const struct log_span *value)
{
	if (value->len > 0) {
		put(o, ",\"");
		put(o, name);
		put(o, "\":");
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
	put(o, first ? "" : ",");
	put_string(o, &f->key, LOG_JSON);
	put(o, ":");
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
	put(o, head);
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
		put(&o, ",\"fields\":{");
		size_t start = o.len;
		for (size_t i = 0; i < f.count; i++) {
			put_field(&o, &f.fields[i], o.len == start);
		}
		put(&o, "}");
	}
	put(&o, "}");
	line[o.len] = '\0';
	return o.len;
}
