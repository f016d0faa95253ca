/* SPDX-License-Identifier: ISC */
/* Which rights exist depends on the version of the kernel's interface. */
#include "common/process/landlock.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/* The access rights of landlock(7), with the version that brought them. */
enum {
	EXECUTE = 1 << 0,
	WRITE_FILE = 1 << 1,
	READ_FILE = 1 << 2,
	READ_DIR = 1 << 3,
	REMOVE_DIR = 1 << 4,
	REMOVE_FILE = 1 << 5,
	MAKE_CHAR = 1 << 6,
	MAKE_DIR = 1 << 7,
	MAKE_REG = 1 << 8,
	MAKE_SOCK = 1 << 9,
	MAKE_FIFO = 1 << 10,
	MAKE_BLOCK = 1 << 11,
	MAKE_SYM = 1 << 12,
	REFER = 1 << 13,     /* 2: link and rename between folders */
	TRUNCATE = 1 << 14,  /* 3 */
	IOCTL_DEV = 1 << 15, /* 5 */

	/* What can be granted at a file that is no folder. */
	OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV,

	BIND_TCP = 1 << 0, /* 4 */
	CONNECT_TCP = 1 << 1,

	ABSTRACT_SOCKET = 1 << 0, /* 6 */
	SIGNAL = 1 << 1,
};

/* By version: what a ruleset can handle, and how long its struct is. */
static const struct {
	unsigned fs, net, scoped;
	size_t size;
} versions[] = {
	{ 0, 0, 0, 0 },
	{ REFER - 1, 0, 0, 8 },
	{ TRUNCATE - 1, 0, 0, 8 },
	{ IOCTL_DEV - 1, 0, 0, 8 },
	{ IOCTL_DEV - 1, BIND_TCP | CONNECT_TCP, 0, 16 },
	{ IOCTL_DEV * 2 - 1, BIND_TCP | CONNECT_TCP, 0, 16 },
	{ IOCTL_DEV * 2 - 1, BIND_TCP | CONNECT_TCP, ABSTRACT_SOCKET | SIGNAL,
	    24 },
};

enum { NEWEST = sizeof(versions) / sizeof(versions[0]) - 1 };

int
landlock_abi(void)
{
	int version = landlock_call_version();

	return version < 0 ? 0 : version;
}

static unsigned
access_of(unsigned rights)
{
	static const unsigned access[] = { READ_FILE, WRITE_FILE | TRUNCATE,
		READ_DIR, MAKE_REG, REMOVE_FILE,
		MAKE_DIR | REMOVE_DIR | MAKE_SYM | MAKE_FIFO | MAKE_SOCK,
		REFER };
	unsigned all = 0;

	for (unsigned i = 0; i < sizeof(access) / sizeof(access[0]); i++) {
		all |= (rights & 1U << i) != 0 ? access[i] : 0;
	}
	return all;
}

/* Names one place; a right that the kernel does not know is not withheld. */
static int
add_place(int ruleset, const struct place *p, uint64_t handled)
{
	uint64_t access = access_of(p->rights) & handled;
	struct stat st;

	if (fstat(p->fd, &st) == -1) {
		return -1;
	}
	access &= S_ISDIR(st.st_mode) ? UINT64_MAX : OF_FILES;
	return access == 0 ? 0 : landlock_call_add(ruleset, p->fd, access);
}

int
landlock_enter(const struct place *places, size_t n, unsigned keeps)
{
	int version = landlock_abi(), result = 0;

	if (version == 0) {
		return 0;
	}
	version = version > NEWEST ? NEWEST : version;
	struct landlock_ruleset rules = { .fs = versions[version].fs,
		.net = versions[version].net,
		.scoped = versions[version].scoped };
	if ((keeps & LANDLOCK_READING) != 0) {
		rules.fs &= ~(uint64_t)(READ_FILE | READ_DIR);
	}
	if ((keeps & LANDLOCK_SOCKETS) != 0) {
		rules.net = 0;
		rules.scoped &= ~(uint64_t)ABSTRACT_SOCKET;
	}
	if ((keeps & LANDLOCK_SIGNALS) != 0) {
		rules.scoped &= ~(uint64_t)SIGNAL;
	}
	int ruleset = landlock_call_create(&rules, versions[version].size);
	if (ruleset == -1) {
		return -1;
	}
	for (size_t i = 0; i < n && result == 0; i++) {
		if (places[i].fd != -1) {
			result = add_place(ruleset, &places[i], rules.fs);
		}
	}
	if (result == 0) {
		result = landlock_call_restrict(ruleset);
	}
	int saved = errno;
	close(ruleset);
	errno = saved;
	return result;
}
