/* SPDX-License-Identifier: ISC */
/*
 * Counts: by day, for so many days, in a file that may hold anything; and what
 * is printed of it.
 */
#include "common/log/stats.h"

#include "common/log/stats_report.h"
#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <sys/wait.h>

enum { CHILDREN = 4, EACH = 20000, MONDAY = 20000 };

static void
test_days(void)
{
	static struct stats_image image;

	stats_clear(&image);
	ok(stats_valid(&image), "a new one is valid");
	for (uint32_t day = MONDAY; day < MONDAY + STATS_DAYS; day++) {
		stats_count(&image, day, STATS_RECEIVED, day - MONDAY + 1);
	}
	bool good = true;
	for (uint32_t day = MONDAY; day < MONDAY + STATS_DAYS; day++) {
		good = good && stats_on(&image, day, STATS_RECEIVED) ==
		                   day - MONDAY + 1;
	}
	ok(good, "each day has its own");
	stats_count(&image, MONDAY + STATS_DAYS, STATS_BOUNCED, 1);
	ok(stats_on(&image, MONDAY, STATS_RECEIVED) == 0 &&
		stats_on(&image, MONDAY + STATS_DAYS, STATS_RECEIVED) == 0 &&
		stats_on(&image, MONDAY + STATS_DAYS, STATS_BOUNCED) == 1 &&
		stats_on(&image, MONDAY + 1, STATS_RECEIVED) == 2,
	    "a new day takes the place of the oldest, empty");
	ok(image.totals[STATS_RECEIVED] == STATS_DAYS * (STATS_DAYS + 1) / 2,
	    "totals stay");
	stats_count(&image, MONDAY, STATS_NONE, 1);
	stats_count(&image, 0, STATS_TLS, 1);
	stats_count(&image, UINT32_MAX, STATS_TLS, UINT64_MAX);
	ok(stats_on(&image, UINT32_MAX, STATS_TLS) == UINT64_MAX, "far days");
}

static uint64_t
total(const struct config *config, enum stats which)
{
	static struct stats_image image;

	return stats_read(config, &image) == 0 ? image.totals[which] : 0;
}

static void
test_many(const struct config *config)
{
	int status, failed = 0;

	ok(stats_open(config) == 0, "opened");
	for (int i = 0; i < CHILDREN; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			for (int k = 0; k < EACH; k++) {
				stats_add(STATS_TLS, 1);
			}
			_exit(0);
		}
		failed += pid == -1;
	}
	while (wait(&status) > 0) {
		failed += status != 0;
	}
	ok(failed == 0 && total(config, STATS_TLS) == CHILDREN * EACH,
	    "many at once lose nothing: %llu",
	    (unsigned long long)total(config, STATS_TLS));
	stats_login("SCRAM-SHA-256-PLUS", true);
	stats_login("SCRAM-SHA-256", true);
	stats_login("SCRAM-SHA-1", true);
	stats_login("X-NEW", false);
	stats_login("PLAIN", false);
	stats_login("LOGIN", false);
	ok(total(config, STATS_LOGIN_SCRAM) == 2 &&
		total(config, STATS_LOGIN_SCRAM1) == 1 &&
		total(config, STATS_FAILED_OTHER) == 1 &&
		total(config, STATS_FAILED_PLAIN) == 1 &&
		total(config, STATS_FAILED_LOGIN) == 1,
	    "logins by mechanism");
}

/* Each octet of the file that is not a count, turned over: made anew. */
static void
test_damage(const struct config *config, const char *path)
{
	struct stats_image image, bad;
	FILE *null = fopen("/dev/null", "we");
	size_t wrong = 0, head = offsetof(struct stats_image, totals);

	for (size_t at = 0; at < sizeof(image); at += at < head ? 1 : 97) {
		for (int bit = 0; bit < 8; bit++) {
			stats_clear(&image);
			((unsigned char *)&image)[at] ^=
			    (unsigned char)(1 << bit);
			unlink(path);
			scratch_write(path, &image, sizeof(image));
			bool nonsense = stats_read(config, &bad) == -1;
			wrong += nonsense != (at < head);
			wrong += stats_open(config) == -1;
			stats_add(STATS_RECEIVED, 1);
			wrong += stats_read(config, &bad) == -1;
			stats_report_print(
			    null, &bad, stats_today(), STATS_JSON);
			stats_report_print(
			    null, &bad, stats_today(), STATS_TEXT);
		}
	}
	fclose(null);
	ok(wrong == 0, "octets turned over: %zu times wrong", wrong);
}

static void
test_other_files(const struct config *config, const char *path)
{
	static const size_t sizes[] = { 0, 1, 16,
		sizeof(struct stats_image) - 1,
		sizeof(struct stats_image) + 1 };
	struct stats_image image;
	char text[sizeof(struct stats_image) + 1] = "";

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		stats_clear(&image);
		memcpy(text, &image, sizeof(image));
		unlink(path);
		scratch_write(path, text, sizes[i]);
		ok(stats_read(config, &image) == -1 && errno == EINVAL &&
			stats_open(config) == 0 &&
			stats_read(config, &image) == 0,
		    "a file of %zu octets is made anew", sizes[i]);
	}
	/* What was mapped is not there any more. */
	ok(truncate(path, 0) == 0, "cut");
	stats_add(STATS_RECEIVED, 1);
	stats_add(STATS_RECEIVED, 1);
	ok(stats_open(config) == 0 && total(config, STATS_RECEIVED) == 0,
	    "counting goes on when the file was cut");
	unlink(path);
	ok(symlink("/etc/passwd", path) == 0 && stats_open(config) == 0 &&
		stats_read(config, &image) == 0,
	    "a symbolic link is replaced, not followed");
	unlink(path);
	ok(mkdir(path, 0755) == 0 && stats_open(config) == -1,
	    "a folder is an error");
	rmdir(path);
}

/* ---- senders ---- */

static void
test_top(void)
{
	static struct stats_image image;
	struct stats_sender sum[STATS_TOP];
	char name[400];

	stats_clear(&image);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "d%d.example", i);
		stats_top_count(&image, MONDAY, 1, name);
		stats_top_count(&image, MONDAY, 1, "Often.Example");
	}
	stats_top_count(&image, MONDAY + 1, 1, "often.example");
	stats_top_count(&image, MONDAY - 12, 1, "old.example");
	size_t n = stats_top_sum(&image, MONDAY + 1, 2, sum);
	ok(n == STATS_TOP && strcmp(sum[0].domain, "often.example") == 0 &&
		sum[0].count >= 1001 && sum[0].count < 1050 &&
		sum[1].count < 100,
	    "of a thousand domains, the one that is there often: %llu",
	    (unsigned long long)sum[0].count);
	n = stats_top_sum(&image, MONDAY, STATS_TOP_DAYS, sum);
	ok(n == STATS_TOP, "fourteen days");
	n = stats_top_sum(&image, MONDAY + STATS_TOP_DAYS, 1, sum);
	ok(n == 0, "a day without mail");
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	stats_top_count(&image, MONDAY + 2, 1, name);
	stats_top_count(&image, MONDAY + 2, 1, "a\n\x1b.example");
	n = stats_top_sum(&image, MONDAY + 2, 1, sum);
	ok(n == 2 && strlen(sum[0].domain) == STATS_TOP_NAME - 1 &&
		strncmp(sum[0].domain, "...x", 4) == 0 &&
		strcmp(sum[1].domain, "a??.example") == 0,
	    "a long name, and one with control characters");
	/* A table without an end anywhere. */
	memset(image.top, 0xff, sizeof(image.top));
	n = stats_top_sum(&image, UINT32_MAX, 2, sum);
	ok(n == 1 && strlen(sum[0].domain) == STATS_TOP_NAME - 1, "all ones");
}

/* Whoever was killed while it wrote keeps others out for seconds at most. */
static void
test_stale(void)
{
	static struct stats_image image;
	struct stats_sender sum[STATS_TOP];

	stats_clear(&image);
	image.top[MONDAY % STATS_TOP_DAYS].busy = 100;
	stats_top_count(&image, MONDAY, 101, "a.example");
	ok(stats_top_sum(&image, MONDAY, 1, sum) == 0, "somebody writes");
	stats_top_count(&image, MONDAY, 103, "a.example");
	stats_top_count(&image, MONDAY, 103, "a.example");
	ok(stats_top_sum(&image, MONDAY, 1, sum) == 1 && sum[0].count == 2,
	    "nobody does any more");
}

/* The file of the version before is taken over. */
static void
test_before(const struct config *config, const char *path)
{
	static struct stats_image image;

	stats_clear(&image);
	memcpy(image.magic, "RSTSTAT1", 8);
	stats_count(&image, stats_today(), STATS_RECEIVED, 7);
	unlink(path);
	scratch_write(path, &image, offsetof(struct stats_image, top));
	ok(stats_read(config, &image) == -1 && errno == EINVAL, "another one");
	ok(stats_open(config) == 0 && total(config, STATS_RECEIVED) == 7,
	    "the counts stay");
	stats_sender("example.org");
	stats_disk(config);
	ok(stats_read(config, &image) == 0 &&
		image.table[stats_today() % STATS_DAYS].disk > 0 &&
		strcmp(
		    image.top[stats_today() % STATS_TOP_DAYS].senders[0].domain,
		    "example.org") == 0,
	    "and others join them");
	unlink(path);
}

int
main(void)
{
	static struct config config;
	char path[PATH_MAX];

	scratch_make();
	scratch_path(config.state, scratch_inner);
	snprintf(path, sizeof(path), "%.4000s/stats", config.state);
	strlcpy(config.queue, "/tmp", sizeof(config.queue));
	test_days();
	test_top();
	test_stale();
	stats_add(STATS_RECEIVED, 1);
	ok(access(path, F_OK) == -1, "without a file nothing is counted");
	test_many(&config);
	test_before(&config, path);
	test_other_files(&config, path);
	test_damage(&config, path);
	return tap_done();
}
