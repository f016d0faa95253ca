/* SPDX-License-Identifier: ISC */
/*
 * Mail authentication for tests: "auth-probe DNS [KEY DOMAIN SELECTOR]" reads
 * requests, a line each, and answers each with lines, the last of which is ".".
 *
 *   arc FILE PIECE NOW -          its Authenticated Received Chain
 *   dkim FILE PIECE NOW AUTHOR    the signatures of the message in FILE, fed in
 *                                 pieces of so many octets; AUTHOR may be "-"
 *   seal FILE PIECE NOW ID        the set that we would add to its chain, by
 * the results that have the name ID; or why none
 *
 * The file DNS has lines NAME TAB RECORD; the record "!" is a server that
 * fails.
 */
#include "common/auth/arc.h"
#include "common/auth/arc_seal.h"
#include "common/auth/dkim.h"
#include "common/tls/private_key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct text {
	char *data;
	size_t len;
};

static struct text zone;
static struct {
	struct dkim_make_key about;
	struct private_key *key;
} key;

static void
need(bool condition, const char *what)
{
	if (!condition) {
		fprintf(stderr, "auth-probe: %s\n", what);
		exit(1);
	}
}

static struct text
read_file(const char *path)
{
	struct text t = { NULL, 0 };
	FILE *f = fopen(path, "re");
	size_t room = 0, n;

	need(f != NULL, path);
	do {
		room = room * 2 + 65536;
		t.data = realloc(t.data, room);
		need(t.data != NULL, "no memory");
		n = fread(t.data + t.len, 1, room - t.len - 1, f);
		t.len += n;
	} while (n > 0);
	t.data[t.len] = '\0';
	fclose(f);
	return t;
}

enum { RECORDS = 16 };

/* Finds the records of a name; -1: the server fails. */
static int
look_up(const char *name, struct span records[RECORDS])
{
	int count = 0;
	size_t len = strlen(name);

	for (const char *p = zone.data; *p != '\0'; p += strcspn(p, "\n") + 1) {
		size_t line = strcspn(p, "\n");
		if (line <= len || strncasecmp(p, name, len) != 0 ||
		    p[len] != '\t' || count == RECORDS) {
			continue;
		}
		records[count] = (struct span){ p + len + 1, line - len - 1 };
		if (records[count].len == 1 && *records[count].at == '!') {
			return -1;
		}
		count++;
	}
	return count;
}

static enum dkim_lookup
answer(const char *name, struct span records[RECORDS], size_t *count)
{
	int n = look_up(name, records);

	*count = n > 0 ? (size_t)n : 0;
	return n == -1  ? DKIM_LOOKUP_TEMPORARY
	       : n == 0 ? DKIM_LOOKUP_NONE
	                : DKIM_LOOKUP_OK;
}

/* Where the body begins. */
static size_t
head_length(const struct text *t)
{
	const char *at = t->data;
	struct field f;

	while (header_next(&at, t->data + t->len, &f)) {
		continue;
	}
	return (size_t)(at - t->data);
}

static void
run_dkim(const struct text *t, size_t piece, time_t now, const char *author)
{
	size_t head = head_length(t);
	struct dkim *d = dkim_open(t->data, head, author, now);
	struct span records[RECORDS];
	char name[DKIM_QUESTION];
	struct dkim_report r;
	size_t count;

	need(d != NULL, "no memory");
	for (size_t i = head; i < t->len; i += piece) {
		size_t left = t->len - i;
		dkim_body(d, t->data + i, left < piece ? left : piece);
	}
	dkim_body_end(d);
	for (size_t i = 0; i < dkim_count(d); i++) {
		if (dkim_question(d, i, name)) {
			enum dkim_lookup status = answer(name, records, &count);
			dkim_answer(d, i, status, records, count);
		}
		dkim_report(d, i, &r);
		printf("%s d=%s s=%s a=%s b=%s %s\n",
		    dkim_result_name(r.result), r.domain, r.selector,
		    r.algorithm, r.start, r.reason);
	}
	printf("seen %zu\n", dkim_seen(d));
	dkim_close(d);
}

static void
run_arc(const struct text *t, size_t piece, time_t now)
{
	size_t head = head_length(t);
	struct arc *a = arc_open(t->data, head, now);
	struct span records[RECORDS];
	char name[DKIM_QUESTION];
	struct arc_report r;
	size_t count;

	need(a != NULL, "no memory");
	for (size_t i = head; i < t->len; i += piece) {
		size_t left = t->len - i;
		arc_body(a, t->data + i, left < piece ? left : piece);
	}
	arc_body_end(a);
	for (size_t i = 0; i < arc_questions(a); i++) {
		if (arc_question(a, i, name)) {
			enum dkim_lookup status = answer(name, records, &count);
			arc_answer(a, i, status, records, count);
		}
	}
	arc_report(a, &r);
	printf("%s i=%u oldest=%u d=%s %s\n", arc_result_name(r.result), r.sets,
	    r.oldest, arc_sealer(a, r.sets), r.reason);
	arc_close(a);
}

static void
print_set(struct arc_seal *s, time_t now)
{
	struct output out = { 0 };
	uint8_t digest[CRYPTO_SHA256];
	struct signature by;

	need(arc_seal_message(s, &key.about, now, digest) &&
		 private_key_sign(key.key, digest, &by) &&
		 arc_seal_chain(s, by.octets, by.size, digest) &&
		 private_key_sign(key.key, digest, &by),
	    "a set cannot be made");
	arc_seal_fields(s, by.octets, by.size, &out);
	need(!out.failed, "no memory");
	fwrite(out.data, 1, out.len, stdout);
	output_free(&out);
}

static void
run_seal(const struct text *t, size_t piece, time_t now, const char *id)
{
	struct dkim_make *m = dkim_make_open();
	const char *why;

	need(m != NULL && key.key != NULL, "no memory, or no key");
	for (size_t i = 0; i < t->len; i += piece) {
		size_t left = t->len - i;
		dkim_make_feed(m, t->data + i, left < piece ? left : piece);
	}
	need(dkim_make_end(m), "the message cannot be signed");
	struct arc_seal *s = arc_seal_open(m, id);
	need(s != NULL, "no memory");
	if (arc_seal_wanted(s, &why)) {
		print_set(s, now);
	} else {
		printf("none %s\n", why);
	}
	arc_seal_close(s);
	dkim_make_close(m);
}

static void
serve(char *line)
{
	char *words[5] = { NULL };
	size_t n = 0;

	for (char *w; n < 5 && (w = strsep(&line, " \n")) != NULL;) {
		if (*w != '\0') {
			words[n++] = w;
		}
	}
	need(n == 5, "a request has five words");
	struct text t = read_file(words[1]);
	size_t piece = strtoul(words[2], NULL, 10);
	need(piece > 0, "a piece has octets");
	const char *author = strcmp(words[4], "-") == 0 ? "" : words[4];
	time_t now = (time_t)strtoll(words[3], NULL, 10);
	if (strcmp(words[0], "arc") == 0) {
		run_arc(&t, piece, now);
	} else if (strcmp(words[0], "seal") == 0) {
		run_seal(&t, piece, now, author);
	} else {
		need(strcmp(words[0], "dkim") == 0, "unknown request");
		run_dkim(&t, piece, now, author);
	}
	free(t.data);
	printf(".\n");
	fflush(stdout);
}

static void
open_key(char **words)
{
	const char *why = "";
	struct text pem = read_file(words[0]);

	key.key = private_key_read(pem.data, pem.len, &why);
	need(key.key != NULL, why);
	key.about = (struct dkim_make_key){ .domain = words[1],
		.selector = words[2],
		.kind = private_key_kind(key.key) };
	free(pem.data);
}

int
main(int argc, char **argv)
{
	char line[4096];

	need(argc == 2 || argc == 5,
	    "usage: auth-probe DNS [KEY DOMAIN SELECTOR]");
	zone = read_file(argv[1]);
	if (argc == 5) {
		open_key(argv + 2);
	}
	while (fgets(line, sizeof(line), stdin) != NULL) {
		serve(line);
	}
	private_key_close(key.key);
	free(zone.data);
	return 0;
}
