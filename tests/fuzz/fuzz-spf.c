/* SPDX-License-Identifier: ISC */
/*
 * SPF with any answers: it ends within its bounds, asks for names only, and
 * says nothing that is not ASCII.  Lines: the sender, the HELO name, then one
 * for each answer, from the start again when they are used up: a letter for
 * the status, then records with | between them.
 */
#include "common/auth/spf.h"

#include "tests/fuzz/fuzz.h"

struct lines {
	const char *start, *at, *end;
};

static struct span
next_line(struct lines *l)
{
	if (l->at >= l->end) {
		l->at = l->start;
	}
	const char *end = memchr(l->at, '\n', (size_t)(l->end - l->at));
	struct span line = { l->at,
		(size_t)((end == NULL ? l->end : end) - l->at) };
	l->at = end == NULL ? l->end : end + 1;
	return line;
}

static char *
copy(struct span s)
{
	return fuzz_text((const uint8_t *)s.at, s.len);
}

/* Makes an answer of a line; pool: for what is shorter than an address. */
static void
make_answer(struct span line, enum ask_type type, struct ask_answer *a,
    char pool[ASK_RECORDS][16])
{
	static const enum ask_status statuses[] = { ASK_OK, ASK_OK, ASK_OK,
		ASK_OK, ASK_OK, ASK_NO_DATA, ASK_NO_NAME, ASK_FAILED };
	size_t address = type == ASK_A ? 4 : type == ASK_AAAA ? 16 : 0;

	a->n = 0;
	a->status = line.len == 0 ? ASK_NO_NAME : statuses[line.at[0] & 7];
	for (size_t i = 1;
	     i < line.len && a->status == ASK_OK && a->n < ASK_RECORDS;) {
		size_t n = i;
		while (n < line.len && line.at[n] != '|') {
			n++;
		}
		struct span r = { line.at + i, n - i };
		if (address > 0) {
			memset(pool[a->n], 0, 16);
			memcpy(pool[a->n], r.at, r.len < 16 ? r.len : 16);
			r = (struct span){ pool[a->n], address };
		}
		a->record[a->n++] = r;
		i = n + 1;
	}
	if (a->n == 0 && a->status == ASK_OK) {
		a->status = ASK_NO_DATA;
	}
}

static void
must_be_ascii(const char *text)
{
	for (; *text != '\0'; text++) {
		MUST(*text >= ' ' && *text < 0x7f);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ask_answer a;
	static char pool[ASK_RECORDS][16];
	struct lines l = { (const char *)data, (const char *)data,
		(const char *)data + size };
	struct spf *s = calloc(1, sizeof(*s));
	char name[ASK_NAME];
	unsigned asked = 0;

	MUST(s != NULL);
	if (size == 0) {
		free(s);
		return 0;
	}
	char *sender = copy(next_line(&l)), *helo = copy(next_line(&l));
	struct spf_question q = { .helo = helo, .sender = sender };
	q.explain = (data[0] & 1) != 0;
	if ((data[0] & 2) != 0) {
		memset(q.address, 0, 10);
		memset(q.address + 10, 0xff, 2);
	}
	memcpy(q.address + 12, "0000", 4);
	for (bool asks = spf_begin(s, &q); asks; asks = spf_answer(s, &a)) {
		MUST(++asked <= SPF_QUESTIONS && asked == s->questions);
		MUST(ask_name(s->ask.name, strlen(s->ask.name), name));
		MUST(strcmp(name, s->ask.name) == 0);
		make_answer(next_line(&l), s->ask.type, &a, pool);
	}
	MUST(spf_word(s->result) != NULL);
	MUST(s->terms <= SPF_TERMS + 1 && s->voids <= SPF_VOIDS + 1);
	must_be_ascii(s->explanation);
	must_be_ascii(s->reason);
	free(helo);
	free(sender);
	free(s);
	return 0;
}
