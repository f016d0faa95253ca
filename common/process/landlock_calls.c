/* SPDX-License-Identifier: ISC */
/* The system calls, by number: headers and libraries are often older. */
#include "common/process/landlock.h"

#include <errno.h>

#ifdef __linux__

#include <sys/syscall.h>
#include <unistd.h>

/* They are these on all architectures but alpha, which has 110 more. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

enum { ASK_VERSION = 1, PATH_BENEATH = 1 };

struct path_beneath {
	uint64_t access;
	int32_t fd;
} __attribute__((packed));

int
landlock_call_version(void)
{
	return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, ASK_VERSION);
}

int
landlock_call_create(const struct landlock_ruleset *rules, size_t size)
{
	return (int)syscall(SYS_landlock_create_ruleset, rules, size, 0);
}

int
landlock_call_add(int ruleset, int fd, uint64_t access)
{
	struct path_beneath rule = { .access = access, .fd = fd };

	return (int)syscall(
	    SYS_landlock_add_rule, ruleset, PATH_BENEATH, &rule, 0);
}

int
landlock_call_restrict(int ruleset)
{
	return (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
}

#else

int
landlock_call_version(void)
{
	errno = ENOSYS;
	return -1;
}

int
landlock_call_create(const struct landlock_ruleset *rules, size_t size)
{
	(void)rules;
	(void)size;
	errno = ENOSYS;
	return -1;
}

int
landlock_call_add(int ruleset, int fd, uint64_t access)
{
	(void)ruleset;
	(void)fd;
	(void)access;
	errno = ENOSYS;
	return -1;
}

int
landlock_call_restrict(int ruleset)
{
	(void)ruleset;
	errno = ENOSYS;
	return -1;
}

#endif
