/* SPDX-License-Identifier: ISC */
/* The disk of t-journal: the calls, and what becomes of them. */
#include "tests/unit/t-journal-store.h"

#include <errno.h>

struct machine machine;

static enum disk_fate fate;
static unsigned fate_step, calls, steps;

int
machine_new_file(void)
{
	scratch_need(machine.file_count < FILES, "fewer files");
	struct file *f = &machine.files[machine.file_count];
	f->now.len = f->disk.len = f->count = 0;
	return machine.file_count++;
}

/* ---- fates ---- */

void
disk_reset(uint64_t seed, const char *data, size_t len)
{
	store_seed(seed);
	machine.directory.now.count = machine.directory.disk.count =
	    machine.directory.count = 0;
	machine.file_count = 0;
	machine.mailbox = machine_new_file();
	file_put(&machine.files[machine.mailbox], data, len, 0);
	file_sync(&machine.files[machine.mailbox]);
	machine.down = false;
	machine.device = 1;
	disk_fate(FATE_NONE, 0);
	for (int i = 0; i < OPEN; i++) {
		machine.opened[i] = -1;
	}
}

void
disk_fate(enum disk_fate new_fate, unsigned step)
{
	fate = new_fate;
	fate_step = step;
	calls = steps = 0;
}

bool
disk_is_down(void)
{
	return machine.down;
}

unsigned
disk_steps(void)
{
	return steps;
}

void
disk_power_cut(void)
{
	static const size_t parts[] = { 0, 2, 8, 14, 16 };
	size_t part = disk_manners.strict ? 0 : parts[store_chance(5)];

	for (int i = 0; i < machine.file_count; i++) {
		file_power_cut(&machine.files[i], part);
	}
	names_power_cut(&machine.directory, part);
	machine.device++; /* numbers of devices are not for ever */
}

void
disk_put_spare(size_t len)
{
	int n = machine_new_file();

	file_grow(&machine.files[n], len);
	file_sync(&machine.files[n]);
	names_set(&machine.directory, "journal.spare", n);
	names_sync(&machine.directory);
}

void
disk_restart(void)
{
	machine.down = false;
	if (fate == FATE_POWER) {
		disk_power_cut();
	}
	fate = FATE_NONE;
	for (int i = 0; i < OPEN; i++) {
		machine.opened[i] = -1;
	}
}

enum answer
machine_next_call(bool changes)
{
	static const int reasons[] = { EIO, ENOSPC, ENOMEM, EACCES };

	errno = EIO;
	if (machine.down) {
		return END;
	}
	calls++;
	steps += changes;
	if (fate == FATE_ERROR && calls == fate_step) {
		errno = reasons[store_chance(4)];
		return FAIL;
	}
	if (changes && steps == fate_step &&
	    (fate == FATE_POWER || fate == FATE_KILL)) {
		machine.down = true;
		return END;
	}
	return GO_ON;
}

/* ---- what is seen, what others do ---- */

const char *
disk_mailbox(size_t *len)
{
	*len = machine.files[machine.mailbox].now.len;
	return machine.files[machine.mailbox].now.data;
}

bool
disk_is_cut(void)
{
	const struct file *f = &machine.files[machine.mailbox];

	return f->now.len < f->disk.len;
}

bool
disk_exists(const char *name)
{
	return names_find(&machine.directory.now, name) != -1;
}

unsigned
disk_set_aside(void)
{
	unsigned n = 0;

	for (size_t i = 0; i < machine.directory.now.count; i++) {
		n += machine.directory.now.list[i].file != -1 &&
		     strncmp(machine.directory.now.list[i].name,
			 "journal.lost.", 13) == 0;
	}
	return n;
}

unsigned
disk_open_files(void)
{
	unsigned n = 0;

	for (int i = 0; i < OPEN; i++) {
		n += machine.opened[i] != -1;
	}
	return n;
}

void
disk_append(const char *data, size_t len, bool sync)
{
	struct file *f = &machine.files[machine.mailbox];

	file_put(f, data, len, f->now.len);
	if (sync) {
		file_sync(f);
	}
}

void
disk_rewrite(const char *data, size_t len, bool another_file)
{
	if (another_file) {
		machine.mailbox = machine_new_file();
	}
	file_cut(&machine.files[machine.mailbox], 0);
	file_put(&machine.files[machine.mailbox], data, len, 0);
	file_sync(&machine.files[machine.mailbox]);
}

void
disk_mark(size_t at, char c)
{
	file_put(&machine.files[machine.mailbox], &c, 1, at);
	file_sync(&machine.files[machine.mailbox]);
}
