/* SPDX-License-Identifier: ISC */
/*
 * The MIME library for tests/system/interop/t_mime_python.py: reads requests, a line each, and
 * answers each with lines, the last of which is ".".  Octets are hexadecimal.
 */
#include "common/mime/header.h"
#include "common/mime/mailboxes.h"
#include "common/mime/multipart.h"
#include "common/mime/param.h"
#include "common/mime/qp.h"
#include "common/mime/word.h"
#include "common/text/base64.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char room[HEADER_KEPT];

static void
need(bool condition, const char *what)
{
	if (!condition) {
		fprintf(stderr, "mime-probe: %s\n", what);
		exit(1);
	}
}

static char *
allocate(size_t size)
{
	char *p = malloc(size + 1);

	need(p != NULL, "no memory");
	return p;
}

static void
show(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		printf("%02x", (unsigned char)text[i]);
	}
	printf("\n");
}

static void
show_result(const char *text, ssize_t len)
{
	if (len == -1) {
		printf("none\n");
	} else {
		show(text, (size_t)len);
	}
}

static int
nibble(char c)
{
	return c >= 'a' ? c - 'a' + 10 : c - '0';
}

/* In place; answers the length. */
static size_t
unhex(char *text)
{
	size_t n = strlen(text) / 2;

	for (size_t i = 0; i < n; i++) {
		text[i] =
		    (char)(nibble(text[2 * i]) << 4 | nibble(text[2 * i + 1]));
	}
	text[n] = '\0';
	return n;
}

/* ---- codecs, in steps of a size ---- */

static size_t
run_codec(const char *op, const char *in, size_t len, char *out, size_t step)
{
	struct qp_encoder qe = { .binary = strstr(op, "binary") != NULL,
		.crlf = strstr(op, "crlf") != NULL };
	struct base64_encoder be = { .crlf = qe.crlf };
	struct qp_decoder qd = { 0 };
	struct base64_decoder bd = { 0 };
	bool qp = strncmp(op, "qp", 2) == 0;
	bool encode = strstr(op, "encode") != NULL;
	size_t n = 0, some, taken;

	for (size_t i = 0; i < len; i += taken) {
		size_t now = len - i < step ? len - i : step;
		taken = qp       ? encode ? qp_encode(&qe, in + i, now, out + n,
						QP_ROOM + step, &some)
		                          : qp_decode(&qd, in + i, now, out + n,
						QP_ROOM + step, &some)
		              : encode ? base64_encode_lines(&be, in + i, now,
					     out + n, BASE64_ROOM + step, &some)
		                 : base64_decode_lines(&bd, in + i, now,
				       out + n, BASE64_ROOM + step, &some);
		n += some;
	}
	n += qp       ? encode ? qp_encode_end(&qe, out + n)
	                       : qp_decode_end(&qd, out + n)
	           : encode ? base64_encode_end(&be, out + n)
	              : base64_decode_end(&bd, out + n);
	return n;
}

/* ---- messages ---- */

static void
show_event(const struct multipart *m, enum multipart_event e)
{
	static const char *const names[] = { "more", "begin", "field", "piece",
		"header", "body", "around", "delimiter", "end", "done" };
	const struct multipart_part *p = multipart_part(m);

	printf("%s %u %u %s %d %d ", names[e], m->depth, p->number,
	    e == MULTIPART_HEADER ? p->type : "-", (int)p->kind,
	    (int)p->transfer);
	show(m->text, m->len);
}

static void
walk(const char *message, size_t len, size_t step)
{
	struct multipart *m = malloc(sizeof(*m));
	enum multipart_event e = MULTIPART_MORE;
	size_t at = 0;

	need(m != NULL, "no memory");
	multipart_init(m, room, sizeof(room));
	while (e != MULTIPART_DONE) {
		e = multipart_next(m);
		if (e != MULTIPART_MORE) {
			show_event(m, e);
		} else if (at == len) {
			multipart_finish(m);
		} else {
			size_t now = len - at < step ? len - at : step;
			multipart_feed(m, message + at, now);
			at += now;
		}
	}
	printf("limited %d\n", m->limited);
	free(m);
}

/* ---- addresses ---- */

static void
addresses(const char *text, size_t len, char *out, size_t size)
{
	struct mailboxes m = { .text = text, .end = text + len };
	struct mailboxes_entry e;

	for (enum mailboxes_kind kind;
	     (kind = mailboxes_next(&m, &e)) != MAILBOXES_END;) {
		printf("%d %zd ", (int)kind,
		    e.spec.len > 0 ? e.spec.at - text : -1);
		show_result(out, mailboxes_address(&e, out, size));
		show_result(out, mailboxes_name(&e, out, size));
	}
}

/* ---- requests ---- */

static void
field_values(const char *text, size_t len, char *out, size_t size)
{
	const char *at = text;
	struct field f;

	while (header_next(&at, text + len, &f)) {
		show(f.name, f.name_len);
		show_result(out, header_unfold(&f, out, size));
	}
	printf("body %zu\n", (size_t)(at - text));
}

static void
answer(const char *op, char *arg, char *second, size_t step)
{
	size_t len = unhex(arg);
	size_t extra = second == NULL ? 0 : unhex(second);
	size_t size = 16 * (len + extra) + 4096, column = step;
	char *out = allocate(size);

	if (strstr(op, "code") != NULL && strchr(op, '-') != NULL) {
		show(out, run_codec(op, arg, len, out, step));
	} else if (strcmp(op, "walk") == 0) {
		walk(arg, len, step);
	} else if (strcmp(op, "fields") == 0) {
		field_values(arg, len, out, size);
	} else if (strcmp(op, "addresses") == 0) {
		addresses(arg, len, out, size);
	} else if (strcmp(op, "word_decode") == 0) {
		show_result(out, word_decode(arg, len, out, size));
	} else if (strcmp(op, "word_text") == 0) {
		show_result(out,
		    word_encode(WORD_TEXT, arg, len, column, "\n", out, size));
	} else if (strcmp(op, "mailbox") == 0) {
		show_result(out, mailboxes_write(arg, len, second, &column,
				     "\n", out, size));
	} else if (strcmp(op, "param_type") == 0) {
		bool is = param_type(arg, len, out);
		show_result(out, is ? (ssize_t)strlen(out) : -1);
	} else if (strcmp(op, "param_text") == 0) {
		show_result(out, param_text(arg, len, second, out, size));
	} else if (strcmp(op, "param_encode") == 0) {
		show_result(
		    out, param_encode(second, arg, len, "\n", out, size));
	} else if (strcmp(op, "param_words") == 0) {
		show_result(
		    out, param_encode_words(second, arg, len, "\n", out, size));
	} else {
		need(false, op);
	}
	printf(".\n");
	fflush(stdout);
	free(out);
}

/* op SP step SP hex [SP hex] */
int
main(void)
{
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, stdin) > 0) {
		char *rest = line;
		line[strcspn(line, "\n")] = '\0';
		char *op = strsep(&rest, " ");
		char *step = strsep(&rest, " ");
		char *arg = strsep(&rest, " ");
		need(op != NULL && step != NULL && arg != NULL, "usage");
		answer(op, arg, rest, (size_t)strtoul(step, NULL, 10));
	}
	free(line);
	return 0;
}
