/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_PROCESS_SANDBOX_PRIVATE_H
#define RESTANTE_COMMON_PROCESS_SANDBOX_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>

/* seccomp filters: allow-lists of system calls, and of some of their arguments.
 */

enum { FILTER_VALUES = 4 };

/*
 * An argument (0 is the first) that must have one of these values, less the
 * bits that are not in the mask.  Of several rules about one call all must
 * hold.  Only the low 32 bits are looked at: for arguments that are an int to
 * the kernel, as all of these are.
 */
struct filter_argument {
	int call;
	unsigned number, mask;
	unsigned values[FILTER_VALUES];
	unsigned count;
};

/* Calls that are allowed, in two lists, and what is asked of arguments. */
struct filter {
	const int *calls[2];
	size_t ncalls[2];
	const struct filter_argument *arguments;
	size_t narguments;
	bool withholds; /* it allows all calls but those */
};

/*
 * Allows the calling process, for good, what the filter says; all else fails
 * with EPERM.  It must have no_new_privs.  0, or -1 with errno.
 */
int filter_enter(const struct filter *) __attribute__((warn_unused_result));

#endif
