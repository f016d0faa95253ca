/* SPDX-License-Identifier: ISC */
/*
 * How many connections one next hop gets: a server that works gets more, up to
 * the limit, one in trouble gets fewer and never none, and what has just failed
 * is not tried again at once.
 */
#include "smtpd/queue/window.h"

#include "tests/unit/tap.h"

#include <stddef.h>

/* What happens, as letters: + a success, - trouble; and the sizes after it. */
static const struct {
	const char *name;
	unsigned start, most;
	const char *events;
	unsigned sizes[16];
} stories[] = {
	{ "it grows with each success", 1, 5, "++++", { 2, 3, 4, 5 } },
	{ "and stops at the limit", 4, 5, "+++", { 5, 5, 5 } },
	{ "a limit of one", 1, 1, "+-+", { 1, 1, 1 } },
	{ "trouble halves it", 8, 8, "----", { 4, 2, 1, 1 } },
	{ "and then it grows by one a round", 8, 8, "-+++++++++",
	    { 4, 4, 4, 4, 5, 5, 5, 5, 5, 6 } },
	{ "trouble in a round starts it anew", 4, 8, "-+-++",
	    { 2, 2, 1, 2, 2 } },
	{ "a start beyond the limit", 9, 3, "+", { 3 } },
	{ "a start of nothing", 0, 3, "+", { 2 } },
	{ "a limit of nothing is one", 1, 0, "+-", { 1, 1 } },
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
		struct window w;
		bool good = true;
		window_init(&w, stories[i].start, stories[i].most);
		for (size_t n = 0; stories[i].events[n] != '\0'; n++) {
			switch (stories[i].events[n]) {
			case '+':
				window_success(&w);
				break;
			case '-':
				window_trouble(&w);
				break;
			default:
				continue;
			}
			if (w.size != stories[i].sizes[n]) {
				note("event %zu: %u, not %u", n, w.size,
				    stories[i].sizes[n]);
				good = false;
			}
		}
		ok(good, "%s", stories[i].name);
	}
	return tap_done();
}
