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

int
main(void)
{
	static struct config config;
	char path[PATH_MAX];

	scratch_make();
	scratch_path(config.state, scratch_inner);
	snprintf(path, sizeof(path), "%.4000s/stats", config.state);
	test_days();
	stats_add(STATS_RECEIVED, 1);
	ok(access(path, F_OK) == -1, "without a file nothing is counted");
	test_many(&config);
	test_other_files(&config, path);
	test_damage(&config, path);
	return tap_done();
}
