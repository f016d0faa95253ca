/* SPDX-License-Identifier: ISC */
/* Mailboxes and plans by chance, and by the line for traces. */
#include "tests/unit/t-journal-story.h"

#include <ctype.h>
#include <inttypes.h>

extern size_t journal_batch;

enum { SPARE = 64 * 1024 };

/* ---- plans by chance ---- */

static void
add_range(struct story *s, uint64_t from, uint64_t len, bool is_text)
{
	struct range *last = (struct range *)(void *)s->ranges.data;
	size_t count = s->ranges.len / sizeof(*last);

	if (count > 0 && !is_text && last[count - 1].is_text == 0 &&
	    last[count - 1].from + last[count - 1].len == from &&
	    random_below(2) == 0) {
		last[count - 1].len += len;
		return;
	}
	struct range r = { .from = from, .len = len, .is_text = is_text };
	bytes_add(&s->ranges, &r, sizeof(r));
}

/* Text in place of what lies in front of here; moves to len octets at most. */
static void
add_text(struct story *s, size_t most)
{
	size_t len = random_below((most < 80 ? most : 80) + 1);
	size_t from = s->text.len;

	for (size_t i = 0; i < len; i++) {
		char c = (char)('A' + random_below(26));
		bytes_add(&s->text, &c, 1);
	}
	add_range(s, from, len, true);
	bytes_add(&s->new, s->text.data + from, len);
}

/* Cuts the old mailbox into pieces: some stay, some go, some are replaced. */
static void
make_plan(struct story *s)
{
	bool started = false;
	size_t last = 0;

	s->new.len = s->text.len = s->ranges.len = 0;
	s->all_moves = true;
	for (size_t at = 0; at < s->old.len;) {
		size_t n = 1 + random_below(60);
		n = n < s->old.len - at ? n : s->old.len - at;
		size_t fate = random_below(10);
		bool keep = fate < 5 && (started || at + n < s->old.len);
		if (!keep && !started) {
			started = true;
			s->plan.start = at;
		}
		if (keep) {
			if (started) {
				add_range(s, at, n, false);
				s->all_moves = s->all_moves && s->new.len < at;
			}
			bytes_add(&s->new, s->old.data + at, n);
		}
		at += n;
		last = keep ? n : 0;
		if (!keep && fate >= 8) {
			add_text(s, at - s->new.len);
		} else if (started && random_below(20) == 0) {
			add_range(s, at, 0, false);
		}
	}
	s->plan.size = s->old.len;
	s->plan.ranges = (struct range *)(void *)s->ranges.data;
	s->plan.count = s->ranges.len / sizeof(struct range);
	s->plan.text = s->text.data;
	s->plan.text_len = s->text.len;
	s->may_rewrite = s->new.len + 8 < s->old.len;
	s->batches = (s->new.len - (size_t)s->plan.start + journal_batch - 1) /
	             journal_batch;
	s->old_soft = last > 0 && random_below(8) == 0 ? last : 0;
}

static void
forget(struct story *s)
{
	s->app.len = s->soft = 0;
	s->rewritten = s->marked = s->restored = s->done = false;
}

struct story *
story_begin(uint64_t seed, uint64_t chance)
{
	static const size_t blocks[] = { 8, 32, 64, 512, 512 };
	static const size_t batches[] = { 16, 48, 48, 100, 600 };
	static struct story s;

	random_state = seed * 0x9e3779b97f4a7c15u + 1;
	random_below(1);
	disk_manners.block = blocks[random_below(5)];
	disk_manners.short_calls = random_below(8) == 0;
	disk_manners.whole_writes = random_below(2) == 0;
	s.may_restore = disk_manners.whole_writes &&
	                !disk_manners.short_calls && disk_manners.block == 512;
	disk_manners.no_fallocate = random_below(8) == 0;
	disk_manners.full = !disk_manners.no_fallocate && random_below(3) == 0;
	journal_batch = batches[random_below(5)];
	s.seed = seed;
	s.old.len = 0;
	size_t len = 1 + random_below(journal_batch < 100 ? 300 : 1500);
	for (size_t i = 0; i < len; i++) {
		char c = (char)('a' + random_below(26));
		bytes_add(&s.old, &c, 1);
	}
	make_plan(&s);
	s.appends = '$';
	/* What does not move is no sign, nor are a few octets. */
	size_t total = s.new.len - (size_t)s.plan.start;
	s.may_restore =
	    s.may_restore && s.all_moves &&
	    (total % journal_batch == 0 || total % journal_batch > 8);
	forget(&s);
	disk_reset(seed * 1000 + chance, s.old.data, len - s.old_soft);
	disk_append(s.old.data + len - s.old_soft, s.old_soft, false);
	if (disk_manners.full) {
		disk_put_spare(SPARE);
	}
	return &s;
}

void
story_continue(struct story *s)
{
	size_t len;
	const char *data = disk_mailbox(&len);

	s->old.len = 0;
	bytes_add(&s->old, data, len);
	make_plan(s);
	s->old_soft = 0; /* all of it has been synced */
	s->may_restore = false;
	forget(s);
}

/* ---- verdicts ---- */

/*
 * True if the mailbox is base and what was appended.  The last octets may be
 * lost if they were not synced: NUL, or not there, or shifted.
 */
static bool
is(const struct story *s, const struct bytes *base, size_t soft, bool whole)
{
	size_t len, expected = base->len + s->app.len;
	const char *got = disk_mailbox(&len);

	if ((whole && len > expected) || len < expected - soft) {
		return false;
	}
	for (size_t i = 0; i < (len < expected ? len : expected); i++) {
		char c =
		    i < base->len ? base->data[i] : s->app.data[i - base->len];
		bool lost = i >= expected - soft &&
		            (got[i] == '\0' || !isalpha((unsigned char)got[i]));
		if (got[i] != c && !lost && !(s->marked && got[i] == '#')) {
			return false;
		}
	}
	return true;
}

enum verdict
story_verdict(const struct story *s)
{
	size_t len;

	disk_mailbox(&len);
	if (s->rewritten) {
		return is(s, &s->other, s->soft, true) ? VERDICT_OTHER
		                                       : VERDICT_BAD;
	}
	if (s->marked && disk_set_aside() > 0) {
		return VERDICT_OTHER;
	}
	if (is(s, &s->new, s->soft, true)) {
		return VERDICT_NEW;
	}
	if (is(s, &s->old, s->soft + s->old_soft, true)) {
		return VERDICT_OLD;
	}
	/* A mark in what was to be cut off looks like a cut and new mail. */
	if (s->marked && len >= s->old.len) {
		struct story t = *s;
		t.app.len = 0;
		return is(&t, &s->new, 0, false) ? VERDICT_OTHER : VERDICT_BAD;
	}
	return VERDICT_BAD;
}

/* ---- traces ---- */

static void
no_touch(void *context)
{
	(void)context;
}

static void
print_mailbox(void)
{
	size_t len;
	const char *data = disk_mailbox(&len);

	printf("mailbox %zu %016" PRIx64 "\n", len, disk_digest(data, len));
}

/* Reads "m120:50 t0:7": from the mailbox, and from the text. */
static void
read_ranges(struct story *s, const char *p)
{
	uint64_t from, len;
	char kind;
	int n;

	s->ranges.len = s->text.len = 0;
	while (sscanf(p, " %c%" SCNu64 ":%" SCNu64 "%n", &kind, &from, &len,
		   &n) == 3) {
		p += n;
		struct range r = {
			.from = from, .len = len, .is_text = kind == 't'
		};
		bytes_add(&s->ranges, &r, sizeof(r));
		while (kind == 't' && s->text.len < from + len) {
			char c = (char)('A' + s->text.len % 26);
			bytes_add(&s->text, &c, 1);
		}
	}
	s->plan.ranges = (struct range *)(void *)s->ranges.data;
	s->plan.count = s->ranges.len / sizeof(struct range);
	s->plan.text = s->text.data;
	s->plan.text_len = s->text.len;
}

static void
trace_plan(struct story *s, const char *fate, unsigned step, size_t appended)
{
	s->old.len = 0;
	for (uint32_t i = 0; i < s->plan.size; i++) {
		char c = (char)('a' + ((i * 2654435761u) >> 24) % 26);
		bytes_add(&s->old, &c, 1);
	}
	disk_reset(1, s->old.data, s->old.len);
	disk_fate(strcmp(fate, "power") == 0  ? FATE_POWER
		  : strcmp(fate, "kill") == 0 ? FATE_KILL
					      : FATE_NONE,
	    step);
	if (journal_run(
		DISK_DIRECTORY, DISK_MAILBOX, &s->plan, no_touch, NULL) == -1) {
		printf("%s\n", fate);
		disk_restart();
	}
	for (size_t i = 0; i < appended; i++) {
		char c = (char)('0' + i % 10);
		disk_append(&c, 1, true);
	}
	print_mailbox();
	if (journal_recover(DISK_DIRECTORY, DISK_MAILBOX, no_touch, NULL) ==
	    -1) {
		printf("trouble\n");
	}
	print_mailbox();
}

int
story_trace(void)
{
	static struct story s;
	size_t appended;
	unsigned step;
	char *line = NULL, fate[8];
	size_t room = 0;
	int n;

	disk_manners = (struct disk_manners){
		.block = 512, .strict = true, .trace = true
	};
	while (getline(&line, &room, stdin) > 0) {
		if (sscanf(line, "%zu %" SCNu64 " %" SCNu64 " %7s %u %zu%n",
			&journal_batch, &s.plan.start, &s.plan.size, fate,
			&step, &appended, &n) != 6) {
			printf("Bail out! not a plan: %s", line);
			return 1;
		}
		read_ranges(&s, line + n);
		trace_plan(&s, fate, step, appended);
		printf(".\n");
	}
	free(line);
	return 0;
}
