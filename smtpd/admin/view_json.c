/* SPDX-License-Identifier: ISC */
/* Messages for programs: one object of JSON (RFC 8259) a line. */
#include "smtpd/admin/view_private.h"

#include "common/io/json.h"

#include <string.h>

static void
json_recipient(FILE *out, struct queue_file *f, size_t i)
{
	static const char *const states[] = {
		[RECIPIENT_WAITING] = "waiting",
		[RECIPIENT_SENT] = "sent",
		[RECIPIENT_EXPANDED] = "expanded",
		[RECIPIENT_FAILED] = "failed",
		[RECIPIENT_REMOVED] = "removed",
	};
	static const char *const kinds[] = {
		[TARGET_ADDRESS] = "address",
		[TARGET_USER] = "user",
		[TARGET_FILE] = "file",
		[TARGET_PIPE] = "pipe",
	};
	const struct recipient *r = &f->mail.recipients[i];
	char reason[QUEUE_REASON];

	queue_reason(f, i, reason);
	fprintf(out, "%s{\"address\":", i == 0 ? "" : ",");
	json_string(out, r->text);
	json_member(out, "kind", kinds[r->target]);
	json_member(out, "given", r->given);
	json_member(out, "state", states[r->slot.state]);
	json_number(out, "attempts", r->slot.attempts);
	json_number(out, "next", r->slot.next);
	json_number(out, "last", r->slot.last);
	json_member(out, "reply", reason);
	putc('}', out);
}

void
view_json(FILE *out, struct queue_file *f)
{
	const struct mail *m = &f->mail;

	fputs("{\"id\":", out);
	json_string(out, f->id);
	json_member(out, "place", queue_place_names[f->place]);
	fprintf(out, ",\"busy\":%s", view_is_busy(f) ? "true" : "false");
	fputs(",\"damaged\":false", out);
	json_number(out, "size", (int64_t)m->size);
	json_number(out, "arrival", m->arrival);
	json_member(out, "sender", m->sender);
	json_member(out, "user", m->user);
	json_member(out, "client", m->client);
	json_member(out, "held", m->held);
	fputs(",\"recipients\":[", out);
	for (size_t i = 0; i < m->count; i++) {
		json_recipient(out, f, i);
	}
	fputs("]}\n", out);
}

void
view_json_unreadable(FILE *out, enum queue_place place, const char *name,
    uint64_t size, bool later)
{
	fputs("{\"id\":", out);
	json_string(out, name);
	json_member(out, "place", queue_place_names[place]);
	fputs(later ? ",\"busy\":false,\"damaged\":false,\"later\":true"
		    : ",\"busy\":false,\"damaged\":true",
	    out);
	json_number(out, "size", (int64_t)size);
	fputs(",\"recipients\":[]}\n", out);
}
