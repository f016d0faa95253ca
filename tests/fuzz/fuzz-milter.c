/* SPDX-License-Identifier: ISC */
/*
 * What a filter answers, after a first octet that names the stage: whatever it
 * is, the section stays one, and the bounds are kept.
 */
#include "common/milter/milter.h"

#include "tests/fuzz/fuzz.h"

static const char section[] =
    "Received: a\nSubject: one\n two\nReceived: b\n: no name\nTo: x\n";
static const char *const rcpts[] = { "x@y.example", "a@y.example" };

/* The fields that the section has are those that edits were made to. */
static void
check_section(const struct edits *e)
{
	size_t size = edits_size(e) + 1, fields = 0, there = 0;
	char *out = malloc(size);
	struct writer w = { .out = out, .size = size };
	struct field f;

	MUST(out != NULL);
	edits_write(e, &w);
	MUST(writer_finish(&w) != -1);
	const char *at = out;
	while (header_next(&at, out + w.len, &f)) {
		fields++;
	}
	for (size_t i = 0; i < e->count; i++) {
		there += !e->fields[i].gone;
	}
	MUST(at == out + w.len && fields == there);
	free(out);
}

static void
check_milter(const struct milter *m)
{
	MUST(strlen(m->line) < sizeof(m->line));
	MUST(strlen(m->reason) < sizeof(m->reason));
	MUST(strlen(m->sender) < sizeof(m->sender));
	MUST(m->added_len <= sizeof(m->added) &&
	     (m->added_len == 0 || m->added[m->added_len - 1] == '\0'));
	for (const char *p = m->line; *p != '\0'; p++) {
		MUST(*p >= ' ' && *p <= '~');
	}
	if (m->outcome == MILTER_REPLY) {
		MUST((m->line[0] == '4' || m->line[0] == '5') &&
		     m->line[3] == ' ' && m->line[4] == m->line[0]);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum milter_turn turn = MILTER_MORE;
	struct milter m = { .rcpts = rcpts, .nrcpts = 2 };
	struct edits e;
	struct packet p;
	size_t used;

	if (size == 0) {
		return 0;
	}
	enum milter_stage stage = data[0] % MILTER_STAGES;
	char *text = fuzz_text(data + 1, size - 1), *at = text;
	const char *end = text + size - 1;
	MUST(edits_open(&e, section, sizeof(section) - 1, &used) == 0);
	m.edits = &e;
	while (turn != MILTER_OVER && turn != MILTER_BROKEN &&
	       packet_read(at, (size_t)(end - at), &p, &used) == PACKET_OK) {
		at += used;
		if (p.command == 'O' && m.packets == 0) {
			turn = milter_negotiate(&m, &p) ? MILTER_MORE
			                                : MILTER_BROKEN;
		} else {
			turn = milter_take(&m, stage, &p);
		}
		MUST((turn == MILTER_BROKEN) == (m.fault != NULL));
	}
	check_milter(&m);
	check_section(&e);
	edits_close(&e);
	free(text);
	return 0;
}
