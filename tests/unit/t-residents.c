/* SPDX-License-Identifier: ISC */
/* For whose mail a worker may stay: for any that comes twice in a second. */
#include "common/server/residents.h"

#include "tests/unit/tap.h"

#include <stdlib.h>
#include <string.h>

enum { PLACES = 1024 }; /* a multiple of those for notes */

/* Asks for a resident for a job with that key; true if there may be one. */
static bool
offered(struct server *s, uint64_t key, struct task *task)
{
	struct slot slot = { .used = true,
		.role = ROLE_MX,
		.request = { .kind = REQUEST_DELIVER, .key = key } };
	struct resident *r = residents_offer(s, &slot, task);

	residents_begun(r, task, -1);
	return r != NULL;
}

/* Several recipients in turn: how many are offered one. */
static size_t
count(struct server *s, uint64_t first, uint64_t apart, size_t n)
{
	struct task task;
	size_t found = 0;

	for (size_t i = 0; i < n; i++) {
		found += offered(s, first + i * apart, &task);
	}
	return found;
}

int
main(void)
{
	struct server *s = calloc(1, sizeof(*s));
	struct task task;

	if (s == NULL) {
		return 1;
	}
	s->nlisteners = 1;
	ok(count(s, 1, 1, 50) == 0, "nobody is offered one for the first job");
	ok(count(s, 1, 1, 50) == 50, "all are for the second, in turn");
	ok(offered(s, 1, &task) && task.jobs == 16, "for so many jobs");
	memset(s->recent, 0, sizeof(s->recent));
	ok(count(s, 64, PLACES, 8) == 0 && count(s, 64, PLACES, 8) == 8,
	    "recipients whose notes may be in the same places are, too");
	(void)count(s, 1000, 1, 10000);
	ok(!offered(s, 1, &task) && offered(s, 1, &task),
	    "of very many, only those are who come again soon");
	free(s);
	return tap_done();
}
