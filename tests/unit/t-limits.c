/* SPDX-License-Identifier: ISC */
/* Limits of users: a user's own counts, whatever the order of the lines. */
#include "common/config/config_private.h"
#include "common/config/limits.h"

#include "tests/unit/tap.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *lines[3];
	uint64_t alice, bob, least, most;
	bool differ;
} good[] = {
	{ { "0" }, 0, 0, 0, 0, false },
	{ { "30" }, 30, 30, 30, 30, false },
	{ { "30", "40" }, 40, 40, 40, 40, false },
	{ { "30", "7 alice" }, 7, 30, 7, 30, true },
	{ { "7 alice", "30" }, 7, 30, 7, 30, true },
	{ { "30", "0 alice" }, 0, 30, 30, 30, true },
	{ { "7 alice" }, 7, 0, 7, 7, true },
	{ { "7 alice", "9 alice" }, 9, 0, 9, 9, true },
	{ { "7\t alice", "50 bob" }, 7, 50, 7, 50, true },
	{ { "5", "5 alice" }, 5, 5, 5, 5, false },
	{ { "1000000" }, 1000000, 1000000, 1000000, 1000000, false },
};

static const char *const bad[] = {
	"x",
	"-1",
	"1000001",
	"1.5",
	"30 Alice",
	"30 two words",
	"30d",
	"30 "
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
};

static char error[CONFIG_ERROR];
static const struct config_place place = { .file = "f", .error = error };

static void
many(void)
{
	struct limits l = { .usual = 0 };
	char line[32];
	int set = 0;

	for (int i = 0; i < LIMITS_OWN + 1; i++) {
		snprintf(line, sizeof(line), "%d user%d", i + 1, i);
		set += config_set_limit(&place, &l, false, line) == 0;
	}
	ok(set == LIMITS_OWN && strstr(error, "too many") != NULL,
	    "one more than there is room for is said");
	ok(limits_of(&l, "user31") == 32, "the last one counts");
}

int
main(void)
{
	uint64_t least, most;
	struct limits sizes = { .usual = 0 };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct limits l = { .usual = 0 };
		int bads = 0;
		for (size_t j = 0; j < 3 && good[i].lines[j] != NULL; j++) {
			bads += config_set_limit(
			    &place, &l, false, good[i].lines[j]);
		}
		bool differ = limits_range(&l, &least, &most);
		ok(bads == 0 && limits_of(&l, "alice") == good[i].alice &&
			limits_of(&l, "bob") == good[i].bob &&
			least == good[i].least && most == good[i].most &&
			differ == good[i].differ,
		    "limits %zu: \"%s\"", i, good[i].lines[0]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct limits l = { .usual = 0 };
		ok(config_set_limit(&place, &l, false, bad[i]) == -1,
		    "refused: \"%s\"", bad[i]);
	}
	ok(config_set_limit(&place, &sizes, true, "2M alice") == 0 &&
		limits_of(&sizes, "alice") == 2 << 20,
	    "sizes have units");
	ok(config_set_limit(&place, &sizes, true, "2X") == -1,
	    "but not any unit");
	many();
	return tap_done();
}
