/* SPDX-License-Identifier: ISC */
/* A message out of text, HTML and files. */
#include "smtpd/send/compose.h"

#include "common/log/log.h"
#include "smtpd/send/encode.h"
#include "smtpd/send/related.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum { LINE = 76 };

/* A multipart that is nested in another has a boundary of its own. */
enum level { LEVEL_MIXED, LEVEL_ALTERNATIVE, LEVEL_RELATED };

static const char *const kinds[] = {
	[LEVEL_MIXED] = "mixed",
	[LEVEL_ALTERNATIVE] = "alternative",
	[LEVEL_RELATED] = "related",
};

struct composer {
	struct compose *c;
	FILE *out;
	struct progress progress;
	char unique[32];
	bool fresh; /* the last line end is not of a body */
};

static bool
is_there(const struct text *t)
{
	return t->source.fd != -1;
}

static size_t
count_parts(const struct compose *c, bool referred)
{
	size_t n = 0;

	for (size_t i = 0; i < c->nparts; i++) {
		n += c->parts[i].referred == referred;
	}
	return n;
}

/*
 * "=_" is neither base64 nor quoted-printable, so it is only text as it is in
 * which chance could bring such a line about.
 */
static void
begin_multipart(struct composer *w, enum level level)
{
	fprintf(w->out, "Content-Type: multipart/%s;\n boundary=\"=_%s%d\"%s\n",
	    kinds[level], w->unique, level,
	    level == LEVEL_RELATED ? ";\n type=\"text/html\"" : "");
	w->fresh = true;
}

static void
next_part(struct composer *w, enum level level)
{
	/* The line end before a boundary belongs to it. */
	fprintf(w->out, "%s--=_%s%d\n", w->fresh ? "" : "\n", w->unique, level);
	w->fresh = false;
}

static void
end_multipart(struct composer *w, enum level level)
{
	fprintf(
	    w->out, "%s--=_%s%d--\n", w->fresh ? "" : "\n", w->unique, level);
	w->fresh = true;
}

static int
put_body(
    struct composer *w, struct source *s, enum transfer transfer, bool is_text)
{
	fputc('\n', w->out);
	/* The last line of base64 has an end that nobody misses. */
	w->fresh = transfer == TRANSFER_BASE64;
	return encode_source(s, transfer, is_text, &w->progress, w->out);
}

static int
put_text(struct composer *w, struct text *t, const char *subtype)
{
	enum transfer transfer = part_text_head(t, subtype, w->out);

	return put_body(w, &t->source, transfer, true);
}

static int
put_part(struct composer *w, struct part *p)
{
	struct part_form form;
	int status = part_form(p, &form);

	if (status == EX_OK) {
		status = part_head(p, &form, w->out);
	}
	if (status == EX_OK) {
		status = put_body(w, &p->source, form.transfer, false);
	}
	return status;
}

static int
put_parts(struct composer *w, enum level level, bool referred)
{
	int status = EX_OK;

	for (size_t i = 0; i < w->c->nparts && status == EX_OK; i++) {
		if (w->c->parts[i].referred == referred) {
			next_part(w, level);
			status = put_part(w, &w->c->parts[i]);
		}
	}
	return status;
}

static int
put_page(struct composer *w)
{
	if (count_parts(w->c, true) == 0) {
		return put_text(w, &w->c->html, "html");
	}
	begin_multipart(w, LEVEL_RELATED);
	fputc('\n', w->out);
	next_part(w, LEVEL_RELATED);
	int status = put_text(w, &w->c->html, "html");
	if (status == EX_OK) {
		status = put_parts(w, LEVEL_RELATED, true);
	}
	end_multipart(w, LEVEL_RELATED);
	return status;
}

static int
put_content(struct composer *w)
{
	if (!is_there(&w->c->html)) {
		return put_text(w, &w->c->text, "plain");
	}
	if (w->c->text.source.before.st_size == 0) {
		return put_page(w);
	}
	begin_multipart(w, LEVEL_ALTERNATIVE);
	fputc('\n', w->out);
	next_part(w, LEVEL_ALTERNATIVE);
	int status = put_text(w, &w->c->text, "plain");
	next_part(w, LEVEL_ALTERNATIVE);
	if (status == EX_OK) {
		status = put_page(w);
	}
	end_multipart(w, LEVEL_ALTERNATIVE);
	return status;
}

static int
put_all(struct composer *w)
{
	if (count_parts(w->c, false) == 0) {
		return put_content(w);
	}
	begin_multipart(w, LEVEL_MIXED);
	fputc('\n', w->out);
	next_part(w, LEVEL_MIXED);
	int status = put_content(w);
	if (status == EX_OK) {
		status = put_parts(w, LEVEL_MIXED, false);
	}
	end_multipart(w, LEVEL_MIXED);
	return status;
}

/* Addresses as they were given: whether they are any is seen by SMTP. */
static void
put_to(const struct composer *w)
{
	size_t column = (size_t)fprintf(w->out, "To: ") - 1;

	for (char *const *r = w->c->recipients; *r != NULL; r++) {
		bool first = r == w->c->recipients;
		size_t len = strlen(*r);
		bool fold = !first && column + len + 3 > LINE;
		fprintf(w->out, "%s%s", first ? "" : ",",
		    first  ? ""
		    : fold ? "\n "
			   : " ");
		for (const char *c = *r; *c != '\0'; c++) {
			bool control = (unsigned char)*c < ' ' || *c == '\177';
			fputc(control ? '?' : *c, w->out);
		}
		column = (fold ? 1 : column + 2) + len;
	}
	fputc('\n', w->out);
}

/* What has to be known before the first part can be written. */
static int
prepare_parts(struct composer *w)
{
	struct compose *c = w->c;
	off_t total = c->text.source.before.st_size;
	int status = source_count(&c->text.source, &c->text.count);

	if (status == EX_OK && is_there(&c->html)) {
		status = related_resolve(
		    &c->html.source, c->parts, c->nparts, c->host);
		if (status == EX_OK) {
			status = source_count(&c->html.source, &c->html.count);
		}
		total += c->html.source.before.st_size;
	}
	for (size_t i = 0; i < c->nparts; i++) {
		total += c->parts[i].source.before.st_size;
	}
	progress_begin(&w->progress, total);
	snprintf(w->unique, sizeof(w->unique), "%08x%08x%08x",
	    (unsigned)arc4random(), (unsigned)arc4random(),
	    (unsigned)arc4random());
	return status;
}

int
compose_message(struct compose *c, FILE *out)
{
	struct composer w = { .c = c, .out = out };
	int status = prepare_parts(&w);

	if (status == EX_OK && c->subject != NULL) {
		status = part_field("Subject", c->subject, out);
	}
	if (status == EX_OK) {
		put_to(&w);
		fprintf(out, "%sMIME-Version: 1.0\n",
		    c->automatic ? "Auto-Submitted: auto-generated\n" : "");
		status = put_all(&w);
	}
	progress_end(&w.progress);
	if (status == EX_OK && fflush(out) != 0) {
		log_error("cannot write the message to a temporary "
			  "file: %s",
		    strerror(errno));
		status = EX_IOERR;
	}
	return status;
}
