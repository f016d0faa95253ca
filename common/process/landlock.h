/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_PROCESS_LANDLOCK_H
#define RESTANTE_COMMON_PROCESS_LANDLOCK_H

#include <stddef.h>
#include <stdint.h>

/*
 * Landlock, where the kernel has it (Linux 5.13, when it is among the security
 * modules that were started): a process can open only what lies at or beneath
 * the places that it names.  What it has open already stays open.
 */

/* The rights to a place, and to everything below it. */
enum {
	PLACE_READ = 1 << 0,   /* open files for reading */
	PLACE_WRITE = 1 << 1,  /* open files for writing, cut them */
	PLACE_LIST = 1 << 2,   /* list folders */
	PLACE_MAKE = 1 << 3,   /* make and link regular files in folders */
	PLACE_REMOVE = 1 << 4, /* remove and rename what is no folder */
	PLACE_OTHERS = 1 << 5, /* make, rename, remove folders, links, FIFOs */
	PLACE_MOVE = 1 << 6,   /* rename and link between folders, from 2 on */
};

struct place {
	int fd; /* O_PATH will do; -1: there is no such place */
	unsigned rights;
};

/* The version that the kernel speaks; 0: it has none. */
int landlock_abi(void);

/* The rights that a process keeps, as far as it had them before. */
enum {
	LANDLOCK_READING = 1 << 0, /* read files and list folders */
	LANDLOCK_SOCKETS = 1 << 1, /* of TCP, and abstract ones */
	LANDLOCK_SIGNALS = 1 << 2, /* to whomever it may send them */
	/* Files alone are confined. */
	LANDLOCK_FILES = LANDLOCK_SOCKETS | LANDLOCK_SIGNALS,
};

/*
 * Confines the calling process, for good, to these places, but for what it
 * keeps.  From version 4 on it can use no TCP ports either, from 6 on reach no
 * abstract socket and signal no process that was not forked from it.  It must
 * have no_new_privs.  Without Landlock nothing changes.  0, or -1 with errno.
 */
int landlock_enter(const struct place *, size_t n, unsigned keeps)
    __attribute__((warn_unused_result));

/*
 * The three system calls, for landlock.c alone; a file of their own, so that a
 * test can take their place.
 */
struct landlock_ruleset {
	uint64_t fs, net, scoped;
};
int landlock_call_version(void);
int landlock_call_create(const struct landlock_ruleset *, size_t size);
int landlock_call_add(int ruleset, int fd, uint64_t access);
int landlock_call_restrict(int ruleset);

#endif
