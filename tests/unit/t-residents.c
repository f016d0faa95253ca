/* SPDX-License-Identifier: ISC */
/* For whose mail a worker may stay: for any that comes twice in a second. */
#include "common/server/residents.h"

#include "tests/unit/tap.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PLACES = 1024 }; /* a multiple of those for notes */

/* Asks for a resident for a job with that key; true if there may be one. */
static bool
offered(struct server *s, uint64_t key, struct task *task)
{
	struct slot slot = { .used = true,
		.role = ROLE_MX,
		.request = { .kind = REQUEST_DELIVER, .key = key } };
	struct resident *r = residents_offer(s, &slot, task);

	(void)residents_begun(r, &slot, task, -1);
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

/* A kind of jobs that a resident does from the first one on. */
static void
test_from_first(struct server *s)
{
	struct task task;
	struct slot first = { .used = true,
		.role = ROLE_SUBMISSION,
		.user = "alice",
		.request = { .kind = REQUEST_NEXT_HOP, .key = 3 } };
	struct slot second = first;

	memset(s->residents, 0, sizeof(s->residents));
	struct resident *r = residents_offer(s, &first, &task);
	ok(r != NULL && task.jobs == stay_rules[REQUEST_NEXT_HOP].jobs,
	    "who asks next hops may stay at once, and for users, too");
	int end = dup(task.stay);
	ok(residents_begun(r, &first, &task, 12345) && first.resident == r &&
		first.worker == 0,
	    "it has the first job like any other");
	ok(residents_take(s, &second, 0) && second.resident == r &&
		r->waiting == 2,
	    "and gets another one before it has answered");
	second.request.kind = REQUEST_DELIVER;
	second.role = ROLE_MX;
	second.user[0] = '\0';
	ok(!residents_take(s, &second, 0),
	    "but none of another kind that has the same number");
	close(end);
	close(r->channel);
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
	test_from_first(s);
	free(s);
	return tap_done();
}
