/* SPDX-License-Identifier: ISC */
/*
 * The table of penalties outlives every server, and strangers choose its keys:
 * points must come and go as the manual says, one address must not pay for
 * another, and whatever the file holds, nothing must crash or be believed.
 */
#include "common/server/penalty.h"
#include "common/session/offence.h"

#include "common/io/deadline.h"
#include "common/job/job.h"
#include "common/text/siphash.h"
#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { SECOND = 1000 };

static const int64_t start = INT64_C(1800000000000);

static struct penalty_image *
image(void)
{
	static struct penalty_image t;

	penalty_reset(&t);
	return &t;
}

/* The key of an address, as text. */
static const uint8_t *
key(const char *text)
{
	static uint8_t keys[4][NETWORK_ADDRESS];
	static size_t n;
	struct network network;
	uint8_t *k = keys[n++ % 4];

	scratch_need(network_parse(text, &network), text);
	penalty_key(network.address, k);
	return k;
}

static unsigned
points(const struct penalty_image *t, const char *address, int64_t now)
{
	struct penalty p;

	return penalty_look(t, key(address), now, &p) ? p.points : 0;
}

/* ---- what it is made of ---- */

static void
test_siphash(void)
{
	const uint64_t seed[2] = { UINT64_C(0x0706050403020100),
		UINT64_C(0x0f0e0d0c0b0a0908) };
	static const struct {
		size_t len;
		uint64_t hash;
	} vectors[] = { { 0, UINT64_C(0x726fdb47dd0e0e31) },
		{ 1, UINT64_C(0x74f839c593dc67fd) },
		{ 8, UINT64_C(0x93f5f5799a932462) },
		{ 15, UINT64_C(0xa129ca6149be45e5) } };
	uint8_t data[16];

	for (size_t i = 0; i < sizeof(data); i++) {
		data[i] = (uint8_t)i;
	}
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		ok(siphash(seed, data, vectors[i].len) == vectors[i].hash,
		    "SipHash-2-4 of %zu octets", vectors[i].len);
	}
}

/* ---- points ---- */

static void
test_points(void)
{
	struct penalty_image *t = image();
	struct penalty p;

	ok(points(t, "192.0.2.1", start) == 0, "nobody has points at first");
	penalty_count(t, key("192.0.2.1"), OFFENCE_ABUSE, start);
	penalty_count(t, key("192.0.2.1"), OFFENCE_SYNTAX, start);
	ok(penalty_look(t, key("192.0.2.1"), start, &p) && p.points == 32 &&
		p.counts[OFFENCE_ABUSE] == 1 && p.counts[OFFENCE_SYNTAX] == 1 &&
		p.counts[OFFENCE_LOGIN] == 0,
	    "offences add up");
	ok(points(t, "192.0.2.2", start) == 0, "and to nobody else's account");
	ok(points(t, "192.0.2.1", start + 10 * SECOND) == 31 &&
		points(t, "192.0.2.1", start + 100 * SECOND) == 22 &&
		points(t, "192.0.2.1", start + 319 * SECOND) == 1 &&
		points(t, "192.0.2.1", start + 320 * SECOND) == 0,
	    "a point is gone after ten seconds");
	penalty_count(
	    t, key("192.0.2.1"), OFFENCE_SYNTAX, start + 100 * SECOND);
	ok(points(t, "192.0.2.1", start + 100 * SECOND) == 24,
	    "what comes later adds to what is left");
	for (int i = 0; i < 1000; i++) {
		penalty_count(t, key("192.0.2.1"), OFFENCE_ABUSE, start);
	}
	ok(points(t, "192.0.2.1", start) == PENALTY_MOST, "there is a limit");
	ok(points(t, "192.0.2.1", start - 50 * SECOND) == PENALTY_MOST &&
		points(t, "192.0.2.1", start - 3600 * SECOND) == 0,
	    "a clock set back: a little is nothing, much ends it");
}

static void
test_delay(void)
{
	ok(penalty_delay(0) == 0 && penalty_delay(PENALTY_SLOW - 1) == 0,
	    "few points: no delay");
	ok(penalty_delay(PENALTY_SLOW) > 0 &&
		penalty_delay(PENALTY_SLOW + 10) > penalty_delay(PENALTY_SLOW),
	    "more points: more of it");
	ok(penalty_delay(PENALTY_MOST) == PENALTY_DELAY, "up to a limit");
}

/* It ends early for who hangs up, so that a slot is not held for the dead. */
static void
test_wait(void)
{
	struct connection c = { .welcome = { .delay = 30 } };
	int pair[2];

	scratch_need(
	    socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
	c.rfd = pair[0];
	int64_t before = deadline_now();
	offence_delay(&c);
	ok(deadline_now() - before >= 30, "an error takes as long as was said");
	close(pair[1]);
	c.welcome.delay = 60 * 60 * 1000;
	offence_delay(&c);
	ok(true, "but not for a client that has hung up");
	close(pair[0]);
}

static void
test_addresses(void)
{
	struct penalty_image *t = image();

	penalty_count(t, key("2001:db8:1:200::1"), OFFENCE_ABUSE, start);
	ok(points(t, "2001:db8:1:2ff:5::6", start) == 30,
	    "a /56 of IPv6 is one");
	ok(points(t, "2001:db8:1:300::1", start) == 0, "its neighbour another");
	penalty_count(t, key("192.0.2.255"), OFFENCE_ABUSE, start);
	ok(points(t, "192.0.2.254", start) == 0,
	    "addresses of IPv4 are by themselves");
	ok(points(t, "::ffff:192.0.2.255", start) == 30,
	    "however they are written");
	penalty_forgive(t, key("192.0.2.255"));
	ok(points(t, "192.0.2.255", start) == 0 &&
		points(t, "2001:db8:1:200::1", start) == 30,
	    "one is forgiven");
	penalty_forgive(t, NULL);
	ok(points(t, "2001:db8:1:200::1", start) == 0, "all are forgiven");
}

static void
test_once(void)
{
	struct penalty_image *t = image();
	uint8_t k[NETWORK_ADDRESS];
	static const struct {
		const char *name, *secret;
		unsigned points;
	} steps[] = {
		{ "alice", "wrong", 10 },
		{ "alice", "wrong", 10 },
		{ "alice", "wronger", 20 },
		{ "alicew", "ronger", 30 },
		{ "bob", "wrong", 40 },
		{ "alice", "wrong", 40 },
		/* A challenge, then what the same client falls back to. */
		{ "carol", NULL, 50 },
		{ "carol", "wrong", 50 },
		{ "carol", "wrong", 50 },
		{ "carol", "another", 60 },
		/* Guessing by challenges is counted each time. */
		{ "dave", NULL, 70 },
		{ "dave", NULL, 80 },
		{ "dave", "one", 80 },
		{ "dave", "two", 90 },
	};

	memcpy(k, key("192.0.2.1"), sizeof(k));
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		penalty_login(t, k, steps[i].name, steps[i].secret, start);
		ok(points(t, "192.0.2.1", start) == steps[i].points,
		    "login %zu: %s with %s makes %u points", i, steps[i].name,
		    steps[i].secret == NULL ? "a challenge" : steps[i].secret,
		    steps[i].points);
	}
	ok(memmem(t, sizeof(*t), "wrong", 5) == NULL, "no password is in it");
}

/* ---- many, and chosen ---- */

static void
test_full(void)
{
	struct penalty_image *t = image();
	uint8_t k[NETWORK_ADDRESS] = { [10] = 0xff, [11] = 0xff };
	struct penalty p;
	size_t n = 0;

	for (int i = 0; i < 10; i++) {
		penalty_count(t, key("192.0.2.1"), OFFENCE_ABUSE, start);
	}
	/* Ten for each entry, with less to their account than the first. */
	for (uint32_t i = 0; i < PENALTY_ENTRIES * 10; i++) {
		memcpy(k + 12, &i, sizeof(i));
		penalty_count(t, k, OFFENCE_SYNTAX, start);
	}
	ok(points(t, "192.0.2.1", start) == 300,
	    "a flood of mild ones does not wash away one that is refused");
	for (size_t at = 0; penalty_next(t, &at, start, &p);) {
		n++;
	}
	ok(n > PENALTY_ENTRIES / 2 && n <= PENALTY_ENTRIES, "%zu are listed",
	    n);
}

/* The longest of the sets that the keys fall into. */
static size_t
crowd(const struct penalty_image *t, uint32_t step)
{
	static size_t sets[PENALTY_SETS];
	uint8_t k[NETWORK_ADDRESS] = { [10] = 0xff, [11] = 0xff };
	size_t most = 0;

	memset(sets, 0, sizeof(sets));
	for (uint32_t i = 0; i < 10 * PENALTY_SETS; i++) {
		uint32_t v4 = i * step;
		memcpy(k + 12, &v4, sizeof(v4));
		size_t n =
		    ++sets[siphash(t->seed, k, sizeof(k)) % PENALTY_SETS];
		most = n > most ? n : most;
	}
	return most;
}

static void
test_seed(void)
{
	struct penalty_image *a = malloc(sizeof(*a)), *b = malloc(sizeof(*b));

	scratch_need(a != NULL && b != NULL, "malloc");
	penalty_reset(a);
	penalty_reset(b);
	ok(memcmp(a->seed, b->seed, sizeof(a->seed)) != 0,
	    "each table has a seed of its own");
	/* 10 on average; 40 would be one in 10^12. */
	ok(crowd(a, 1) < 40 && crowd(a, PENALTY_SETS) < 40 &&
		crowd(a, 65537) < 40,
	    "keys in a pattern do not meet in one place");
	free(a);
	free(b);
}

/* ---- any octets ---- */

/* Uses the table in every way there is. */
static void
exercise(struct penalty_image *t)
{
	struct penalty p;
	char text[PENALTY_TEXT];

	if (!penalty_is_table(t)) {
		return;
	}
	(void)penalty_look(t, key("192.0.2.1"), start, &p);
	for (size_t at = 0; penalty_next(t, &at, start, &p);) {
		(void)penalty_text(&p, text);
	}
	penalty_login(t, key("192.0.2.1"), "alice", "x", start);
	penalty_count(t, key("192.0.2.1"), OFFENCE_RECIPIENT, start);
}

static void
test_flips(void)
{
	struct penalty_image *t = image(), *good = malloc(sizeof(*good));
	const struct penalty_entry *e = t->entries;
	bool head = true, entry = true, after = true;

	scratch_need(good != NULL, "malloc");
	penalty_login(t, key("192.0.2.1"), "alice", "x", start);
	penalty_count(t, key("192.0.2.1"), OFFENCE_ABUSE, start);
	*good = *t;
	while (e->score == 0) {
		e++;
	}
	size_t from = (size_t)((const char *)e - (const char *)t);
	for (size_t i = 0; i < sizeof(*t); i++) {
		bool own = i >= from && i < from + sizeof(*e);
		if (i >= offsetof(struct penalty_image, entries) && !own &&
		    i % 509 != 0) {
			continue; /* of the empty ones, some */
		}
		for (int bit = 0; bit < 8; bit++) {
			((char *)t)[i] = (char)(((char *)t)[i] ^ 1 << bit);
			if (i < offsetof(struct penalty_image, entries)) {
				head = head && !penalty_is_table(t);
			} else if (own) {
				entry =
				    entry && points(t, "192.0.2.1", start) == 0;
			} else {
				after = after &&
				        points(t, "192.0.2.1", start) == 40;
			}
			exercise(t);
			*t = *good;
		}
	}
	ok(head, "a bit of the head that flips makes it no table");
	ok(entry, "a bit of an entry that flips makes it no entry");
	ok(after, "a bit elsewhere changes nothing for others");
	free(good);
}

static void
test_noise(void)
{
	struct penalty_image *t = image();
	uint8_t *octets = (uint8_t *)t->entries;
	struct penalty p;
	size_t at = 0;

	for (size_t i = 0; i < sizeof(t->entries); i++) {
		octets[i] = (uint8_t)random_below(256);
	}
	ok(!penalty_next(t, &at, start, &p), "noise is no entry");
	exercise(t);
	ok(points(t, "192.0.2.1", start) == 15, "and new ones find room in it");
}

/* ---- the file ---- */

static void
test_file(void)
{
	struct config config = { .file = "" };
	struct penalties a, b;
	char path[PATH_MAX];

	strlcpy(config.state, scratch_dir, sizeof(config.state));
	ok(penalties_open(&a, &config, false) == -1, "there is none at first");
	scratch_need(penalties_open(&a, &config, true) == 0 &&
			 penalties_open(&b, &config, true) == 0,
	    "penalties_open");
	ok(!penalties_readable(&a), "a new one is empty");
	scratch_need(penalties_begin(&a), "penalties_begin");
	penalty_count(a.image, key("192.0.2.1"), OFFENCE_ABUSE, start);
	ok(!penalties_begin(&b), "a lock is waited for in vain, not for ever");
	penalties_end(&a);
	ok(penalties_readable(&b) && points(b.image, "192.0.2.1", start) == 30,
	    "what one process counts the other sees");
	scratch_path(path, "penalties");
	scratch_write(path, "penalty1", 8);
	ok(penalties_begin(&b) && points(b.image, "192.0.2.1", start) == 0,
	    "a file that was cut is begun anew");
	penalties_end(&b);
	unlink(path);
	scratch_need(penalties_begin(&a), "penalties_begin");
	penalty_count(a.image, key("192.0.2.1"), OFFENCE_ABUSE, start);
	penalties_end(&a);
	ok(penalties_readable(&b) && points(b.image, "192.0.2.1", start) == 30,
	    "one that was deleted is made again, for both");
	penalties_close(&a);
	penalties_close(&b);
}

/* A session that had the table could forgive itself. */
static void
test_children(void)
{
	struct config config = { .file = "" };
	struct penalties p;
	int status;

	strlcpy(config.state, scratch_dir, sizeof(config.state));
	scratch_need(penalties_open(&p, &config, true) == 0, "penalties_open");
	pid_t pid = fork();
	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		_exit(*(volatile char *)p.image);
	}
	scratch_need(waitpid(pid, &status, 0) == pid, "waitpid");
	ok(WIFSIGNALED(status) ||
		(WIFEXITED(status) && WEXITSTATUS(status) == 1),
	    "a child does not have it mapped");
	penalties_close(&p);
}

int
main(void)
{
	scratch_make();
	test_siphash();
	test_points();
	test_delay();
	test_wait();
	test_addresses();
	test_once();
	test_full();
	test_seed();
	test_flips();
	test_noise();
	test_file();
	test_children();
	return tap_done();
}
