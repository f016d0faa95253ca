/* SPDX-License-Identifier: ISC */
/*
 * The redo journal against crashes: at every step, with any subset of what was
 * not synced on the disk, with other programs at work before the recovery, and
 * with crashes in the recovery.  The mailbox must be the old or the new one
 * and what was appended.  `t-journal --trace` is for t_model.py.
 */
#include "tests/unit/t-journal-story.h"
#include "tests/unit/tap.h"

enum { STORIES = 1500, CONTROLS = 400 };

static unsigned long crashes, losses;
static char first_loss[200];

static void
count_loss(const struct story *s, const char *what)
{
	if (losses++ == 0) {
		snprintf(first_loss, sizeof(first_loss),
		    "story %ju, fate %d at %u: %s", (uintmax_t)s->seed,
		    (int)s->fate, s->step, what);
	}
}

/* ---- what other programs do between two tries ---- */

static void
append(struct story *s)
{
	size_t len = 1 + random_below(random_below(3) == 0 ? 400 : 40);
	/* Unsynced on an unsynced cut: nobody could tell whose the end is. */
	bool sync = random_below(4) != 0 || disk_is_cut();
	char text[400];

	if (s->soft > 0 || s->old_soft > 0) {
		return; /* what comes after it would not be found */
	}
	for (size_t i = 0; i < len; i++) {
		text[i] = (char)((size_t)s->appends + random_below(3));
	}
	s->appends = (char)(s->appends + 3);
	disk_manners.full = false; /* as this shows */
	disk_append(text, len, sync);
	bytes_add(&s->app, text, len);
	s->soft = sync ? 0 : len;
}

/* All of it is another program's from now on. */
static void
rewrite(struct story *s)
{
	size_t len = random_below(2 * s->old.len + 100);

	s->app.len = s->soft = 0;
	s->other.len = 0;
	for (size_t i = 0; i < len; i++) {
		char c = (char)('A' + random_below(26));
		bytes_add(&s->other, &c, 1);
	}
	disk_rewrite(s->other.data, len, random_below(2) == 0);
	s->rewritten = true;
}

/* One octet in the middle, such as a Status field that is set in place. */
static void
mark(struct story *s)
{
	size_t len;

	disk_mailbox(&len);
	if (len > 0) {
		disk_mark(random_below(len), '#');
		s->marked = true;
	}
}

/* A backup is written over the mailbox; mostly of the same size. */
static void
restore(struct story *s)
{
	s->app.len = s->soft = 0;
	disk_rewrite(s->old.data, s->old.len, false);
	s->restored = true;
}

static void
others(struct story *s)
{
	size_t chance = random_below(20);

	if (chance < 6) {
		append(s);
	} else if (s->old_soft > 0) {
		return;
	} else if (chance == 6 && s->may_rewrite) {
		rewrite(s);
	} else if (chance == 7 && !s->rewritten) {
		mark(s);
	} else if (chance == 8 && s->may_restore && !s->rewritten &&
		   !s->marked) {
		restore(s);
	}
}

/* ---- the tries ---- */

static void
touch(void *context)
{
	++*(unsigned *)context;
}

static void
maybe_restart(struct story *s)
{
	if (disk_is_down()) {
		crashes++;
		disk_restart();
	} else if (random_below(8) == 0) {
		disk_power_cut();
	}
	if (disk_open_files() != 0) {
		count_loss(s, "descriptors stay open");
	}
}

/* One recovery, with or without a misfortune. */
static void
recover_once(struct story *s, bool calm)
{
	static const enum disk_fate fates[] = { FATE_POWER, FATE_KILL,
		FATE_POWER, FATE_NONE, FATE_ERROR };
	unsigned touched = 0;

	/* After an error nobody could tell what others did not sync. */
	bool may_fail = s->soft == 0 && s->old_soft == 0;
	disk_fate(calm ? FATE_NONE : fates[random_below(may_fail ? 5 : 4)],
	    1 + (unsigned)random_below(random_below(2) == 0 ? 8 : 60));
	int result =
	    journal_recover(DISK_DIRECTORY, DISK_MAILBOX, touch, &touched);
	if (calm && result == -1) {
		count_loss(s, "the recovery fails");
	} else if (result == 0 && disk_exists("journal")) {
		count_loss(s, "the journal stays");
	}
}

/* Looks at the end.  After a success only the new mailbox will do. */
static void
judge(struct story *s)
{
	enum verdict v = story_verdict(s);

	if (v == VERDICT_BAD) {
		count_loss(s, "neither the old nor the new mailbox");
	} else if (s->done && v == VERDICT_OLD && !s->restored) {
		count_loss(s, "the old mailbox after a success");
	}
	s->done = s->done || v == VERDICT_NEW;
	if (disk_set_aside() > 0 && !s->rewritten && !s->marked &&
	    !s->restored) {
		count_loss(s, "set aside, and nobody had rewritten it");
	}
	if (disk_is_down() || disk_exists("journal")) {
		count_loss(s, "the journal stays");
	}
}

/* A run that meets its fate, and all that follows. */
static void
play(struct story *s, enum disk_fate fate, unsigned step)
{
	unsigned touched = 0;

	s->fate = fate;
	s->step = step;
	disk_fate(fate, step);
	s->done = journal_run(DISK_DIRECTORY, DISK_MAILBOX, &s->plan, touch,
		      &touched) == 0;
	s->steps = disk_steps();
	if (fate == FATE_NONE && (!s->done || touched != s->batches)) {
		count_loss(s, "the run fails");
	}
	for (size_t tries = random_below(4); tries > 0; tries--) {
		maybe_restart(s);
		others(s);
		recover_once(s, false);
	}
	maybe_restart(s);
	others(s);
	recover_once(s, true);
	judge(s);
	/* What has been found good stays so. */
	disk_power_cut();
	recover_once(s, true);
	judge(s);
}

/* A story with a misfortune at each step in turn. */
static void
tell(uint64_t seed, enum disk_fate fate)
{
	unsigned last = 1;

	for (unsigned step = 1; step <= last; step++) {
		struct story *s = story_begin(seed, step);
		if (fate == FATE_ERROR && s->old_soft > 0) {
			return;
		}
		if (step == 1) {
			play(s, FATE_NONE, 0);
			last = s->steps * (fate == FATE_ERROR ? 3 : 1) + 1;
			s = story_begin(seed, step);
		}
		play(s, fate, step);
		if (s->done && !s->rewritten && !s->marked && !s->restored &&
		    s->soft == 0 && random_below(3) == 0) {
			story_continue(s); /* in the same directory */
			play(s, fate, 1 + (unsigned)random_below(last));
		}
	}
}

static void
tell_all(unsigned stories)
{
	crashes = losses = 0;
	random_state = 1;
	for (uint64_t seed = 1; seed <= stories; seed++) {
		tell(seed, FATE_POWER);
		tell(seed, FATE_KILL);
		tell(seed, FATE_ERROR);
	}
}

static void
test_control(const char *what, bool *lazy)
{
	*lazy = true;
	tell_all(CONTROLS);
	*lazy = false;
	ok(losses > 0, "without %s losses are found", what);
	note("%lu losses after %lu crashes", losses, crashes);
}

int
main(int argc, char **argv)
{
	const char *wanted = getenv("RESTANTE_LONG");
	unsigned stories = STORIES * (wanted != NULL && *wanted != 0 ? 10 : 1);

	if (argc == 2 && strcmp(argv[1], "--trace") == 0) {
		return story_trace();
	}
	freopen("/dev/null", "w", stderr); /* the log */
	tell_all(stories);
	ok(losses == 0, "crashes at every step lose nothing");
	note("%lu losses after %lu crashes", losses, crashes);
	if (losses > 0) {
		note("the first: %s", first_loss);
	}
	test_control("syncs of the journal", &disk_manners.lazy_journal);
	test_control("syncs of the mailbox", &disk_manners.lazy_mailbox);
	test_control("syncs of the directory", &disk_manners.lazy_directory);
	return tap_done();
}
