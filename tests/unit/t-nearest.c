/* SPDX-License-Identifier: ISC */
/* The word that was meant: a slip is recognized, and nonsense is not. */
#include "common/text/nearest.h"

#include "tests/unit/tap.h"

#include <stdio.h>
#include <string.h>

static const char *const known[] = { "hostname", "relay", "relay-concurrency",
	"relay-password", "sessions", "sessions-per-source", "size-limit",
	"srs", "tls", "log", "uidl", "users", "virtual-domains" };

static const struct {
	const char *word, *meant; /* "": nothing */
} cases[] = {
	{ "hostnme", "hostname" },
	{ "hostnames", "hostname" },
	{ "hsotname", "hostname" },
	{ "HostName", "hostname" },
	{ "host", "hostname" },
	{ "size_limit", "size-limit" },
	{ "sizelimit", "size-limit" },
	{ "session", "sessions" },
	{ "sessions=5", "sessions" },
	{ "sessions:", "sessions" },
	{ "relay-pass", "relay-password" },
	{ "relya", "relay" },
	{ "user", "users" },
	{ "tsl", "tls" },
	{ "virtual-domain", "virtual-domains" },
	/* Too far, too short, too long. */
	{ "foo", "" },
	{ "ab", "" },
	{ "a", "" },
	{ "", "" },
	{ "=", "" },
	{ "xyzzy", "" },
	{ "password", "" },
	{ "hostname-hostname-hostname-hostname", "" },
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct nearest n = { .word = cases[i].word };
		for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++) {
			nearest_offer(&n, known[k]);
		}
		const char *got = n.best != NULL ? n.best : "";
		if (!ok(strcmp(got, cases[i].meant) == 0, "\"%s\"",
			cases[i].word)) {
			note("got %s, wanted %s", got, cases[i].meant);
		}
	}
	return tap_done();
}
