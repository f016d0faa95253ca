/* SPDX-License-Identifier: ISC */
/* Turns lists of system calls into a program for seccomp(2). */
#include "common/process/sandbox_private.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#ifdef __linux__
#include <endian.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#if defined(__x86_64__)
#define THIS_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_ARCH AUDIT_ARCH_AARCH64
#elif defined(__i386__)
#define THIS_ARCH AUDIT_ARCH_I386
#elif defined(__riscv)
#define THIS_ARCH AUDIT_ARCH_RISCV64
#elif defined(__arm__)
#define THIS_ARCH AUDIT_ARCH_ARM
#else
#error "add this architecture to the sandbox"
#endif

enum { MOST_CALLS = 128, MOST_CODE = 1024, LONGEST_JUMP = 255 };

/* The program as far as it is written; full: there was no room for more. */
struct code {
	size_t n;
	bool full;
	struct sock_filter text[MOST_CODE];
};

static void
put(struct code *c, struct sock_filter instruction)
{
	if (c->n == MOST_CODE) {
		c->full = true;
		return;
	}
	c->text[c->n++] = instruction;
}

static void
put_load(struct code *c, size_t offset)
{
	put(c, (struct sock_filter)BPF_STMT(
		   BPF_LD | BPF_W | BPF_ABS, (unsigned)offset));
}

static void
put_result(struct code *c, unsigned result)
{
	put(c, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, result));
}

/* Goes on after the next so many instructions if the value is that one. */
static void
put_skip_if(struct code *c, unsigned value, size_t skipped)
{
	put(c, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value,
		   (unsigned char)skipped, 0));
}

static void
put_argument(struct code *c, const struct filter_argument *a)
{
	size_t high_first = __BYTE_ORDER == __BIG_ENDIAN ? 4 : 0;

	put_load(c, offsetof(struct seccomp_data, args) +
			8 * (size_t)a->number + high_first);
	put(c,
	    (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, a->mask));
	for (unsigned i = 0; i < a->count; i++) {
		put_skip_if(c, a->values[i], a->count - i);
	}
	put_result(c, SECCOMP_RET_ERRNO | EPERM);
}

static void
put_call(struct code *c, const struct filter *f, int call)
{
	put_skip_if(c, (unsigned)call, 1);
	if (f->withholds) {
		put_result(c, SECCOMP_RET_ALLOW);
		put_result(c, SECCOMP_RET_ERRNO | EPERM);
		return;
	}
	put_result(c, SECCOMP_RET_ERRNO | EPERM);
	for (size_t i = 0; i < f->narguments; i++) {
		if (f->arguments[i].call == call) {
			put_argument(c, &f->arguments[i]);
		}
	}
	put_result(c, SECCOMP_RET_ALLOW);
}

static int
ascending(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/*
 * Writes a search tree over the sorted numbers [from, to): the kernel runs the
 * filter for every number once when it is installed, so that its depth is what
 * a session pays for it.
 */
static void
put_tree(struct code *c, const struct filter *f, const int *numbers,
    size_t from, size_t to)
{
	if (to - from == 1) {
		put_call(c, f, numbers[from]);
		return;
	}
	size_t middle = from + (to - from) / 2, test = c->n;
	put(c,
	    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0, 0, 0));
	put_tree(c, f, numbers, from, middle);
	if (c->full || c->n - test - 1 > LONGEST_JUMP) {
		c->full = true;
		return;
	}
	c->text[test].k = (unsigned)numbers[middle];
	c->text[test].jt = (unsigned char)(c->n - test - 1);
	put_tree(c, f, numbers, middle, to);
}

int
filter_enter(const struct filter *f)
{
	static struct code c; /* most programs are short */
	int numbers[MOST_CALLS];
	size_t count = f->ncalls[0] + f->ncalls[1];

	if (count > MOST_CALLS) {
		errno = E2BIG;
		return -1;
	}
	memcpy(numbers, f->calls[0], f->ncalls[0] * sizeof(numbers[0]));
	if (f->ncalls[1] > 0) {
		memcpy(numbers + f->ncalls[0], f->calls[1],
		    f->ncalls[1] * sizeof(numbers[0]));
	}
	c.n = 0;
	c.full = false;
	qsort(numbers, count, sizeof(numbers[0]), ascending);
	put_load(&c, offsetof(struct seccomp_data, arch));
	put_skip_if(&c, THIS_ARCH, 1);
	put_result(&c, SECCOMP_RET_ERRNO | EPERM);
	put_load(&c, offsetof(struct seccomp_data, nr));
	put_tree(&c, f, numbers, 0, count);
	if (c.full) {
		errno = E2BIG;
		return -1;
	}
	struct sock_fprog program = { .len = (unsigned short)c.n,
		.filter = c.text };
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

#endif
