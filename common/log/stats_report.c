/* SPDX-License-Identifier: ISC */
/* Prints the counts.  Their file may hold anything: only numbers are used. */
#include "common/log/stats_report.h"

#include "common/log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* What was counted on the given number of days, the last being today. */
static uint64_t
sum(const struct stats_image *image, uint32_t today, uint32_t days,
    enum stats which)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < days && i < today; i++) {
		total += stats_on(image, today - i, which);
	}
	return total;
}

static const char *
date_of(uint32_t day, char text[16])
{
	time_t when = (time_t)day * (24 * 60 * 60);
	struct tm tm;

	if (gmtime_r(&when, &tm) == NULL ||
	    strftime(text, 16, "%Y-%m-%d", &tm) == 0) {
		text[0] = '\0';
	}
	return text;
}

static void
print_text(FILE *out, const struct stats_image *image, uint32_t today)
{
	bool none = true;

	for (enum stats i = 0; i < STATS_COUNT; i++) {
		uint64_t month = sum(image, today, STATS_DAYS - 1, i);
		if (month == 0) {
			continue;
		}
		if (none) {
			fprintf(out, "%-28s %12s %12s %12s %12s\n", "", "today",
			    "yesterday", "7 days", "31 days");
		}
		none = false;
		fprintf(out, "%-28s %12llu %12llu %12llu %12llu\n",
		    stats_names[i].name,
		    (unsigned long long)sum(image, today, 1, i),
		    (unsigned long long)stats_on(image, today - 1, i),
		    (unsigned long long)sum(image, today, 7, i),
		    (unsigned long long)month);
	}
	if (none) {
		fprintf(out, "Nothing has happened for 31 days.\n");
	}
}

static void
print_json(FILE *out, const struct stats_image *image, uint32_t today)
{
	const char *between = "";
	char text[16];

	fprintf(out, "{\"totals\":{");
	for (enum stats i = 0; i < STATS_COUNT; i++) {
		fprintf(out, "%s\"%s\":%llu", i == 0 ? "" : ",",
		    stats_names[i].name, (unsigned long long)image->totals[i]);
	}
	fprintf(out, "},\"days\":[");
	for (uint32_t d = STATS_DAYS - 1; d > 0; d--) {
		uint32_t day = today - d + 1;
		if (image->table[day % STATS_DAYS].day != day) {
			continue;
		}
		fprintf(
		    out, "%s\n{\"date\":\"%s\"", between, date_of(day, text));
		for (enum stats i = 0; i < STATS_COUNT; i++) {
			fprintf(out, ",\"%s\":%llu", stats_names[i].name,
			    (unsigned long long)stats_on(image, day, i));
		}
		fprintf(out, "}");
		between = ",";
	}
	fprintf(out, "]}\n");
}

/* True if a count before it belongs to the same metric. */
static bool
is_told(enum stats which)
{
	for (enum stats i = 0; i < which; i++) {
		if (strcmp(stats_names[i].metric, stats_names[which].metric) ==
		    0) {
			return true;
		}
	}
	return false;
}

static void
print_metric(FILE *out, const struct stats_image *image, enum stats first)
{
	const struct stats_name *n = &stats_names[first];

	fprintf(out,
	    "# HELP restante_%s_total %s\n"
	    "# TYPE restante_%s_total counter\n",
	    n->metric, n->help, n->metric);
	for (enum stats i = first; i < STATS_COUNT; i++) {
		const struct stats_name *s = &stats_names[i];
		if (strcmp(s->metric, n->metric) != 0) {
			continue;
		}
		fprintf(out, "restante_%s_total", s->metric);
		if (s->label[0] != '\0') {
			fprintf(out, "{%s=\"%s\"}", s->label, s->value);
		}
		fprintf(out, " %llu\n", (unsigned long long)image->totals[i]);
	}
}

/* All lines of a metric have to be one group. */
static void
print_prometheus(FILE *out, const struct stats_image *image)
{
	for (enum stats i = 0; i < STATS_COUNT; i++) {
		if (!is_told(i)) {
			print_metric(out, image, i);
		}
	}
}

void
stats_report_print(FILE *out, const struct stats_image *image, uint32_t today,
    enum stats_form form)
{
	switch (form) {
	case STATS_TEXT:
		print_text(out, image, today);
		break;
	case STATS_JSON:
		print_json(out, image, today);
		break;
	case STATS_PROMETHEUS:
		print_prometheus(out, image);
		break;
	}
}

int
stats_report(const struct config *config, FILE *out, enum stats_form form)
{
	struct stats_image image;

	if (stats_load(config, &image) == -1) {
		return -1;
	}
	stats_report_print(out, &image, stats_today(), form);
	return 0;
}

/* Prints to the descriptor, and closes it.  0, or -1 with errno. */
static int
print_to(int fd, const struct stats_image *image)
{
	FILE *out = fchmod(fd, 0644) == -1 ? NULL : fdopen(fd, "w");

	if (out == NULL) {
		int saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	stats_report_print(out, image, stats_today(), STATS_PROMETHEUS);
	bool good = ferror(out) == 0;
	return fclose(out) == 0 && good ? 0 : -1;
}

void
stats_report_write(const struct config *config)
{
	struct stats_image image;
	char beside[PATH_MAX];
	int fd = -1;

	if (config->stats_file[0] == '\0' || stats_load(config, &image) == -1) {
		return; /* a damaged file is replaced at the next start */
	}
	int n =
	    snprintf(beside, sizeof(beside), "%s.XXXXXX", config->stats_file);
	if (n < 0 || (size_t)n >= sizeof(beside)) {
		errno = ENAMETOOLONG;
	} else {
		fd = mkostemp(beside, O_CLOEXEC);
	}
	if (fd != -1 && print_to(fd, &image) == 0 &&
	    rename(beside, config->stats_file) == 0) {
		return;
	}
	log_error("cannot write %s: %s; see stats-file in restante.conf",
	    config->stats_file, strerror(errno));
	if (fd != -1) {
		(void)unlink(beside);
	}
}
