/* SPDX-License-Identifier: ISC */
/*
 * Files of notes for reports.  Guards against notes that nobody asked for, and
 * against a flood that fills the disk.
 */
#include "common/io/notes_file.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PATH = PATH_MAX + 64 };

static struct config config = { .reports = true };

/* The path of today's; midnight, UTC, must not come in between. */
static const char *
today(const char *kind, char path[PATH])
{
	time_t now = time(NULL);
	struct tm tm;
	char date[16];

	strftime(date, sizeof(date), "%Y%m%d", gmtime_r(&now, &tm));
	snprintf(path, PATH, "%s/reports/%s%s", config.state, kind, date);
	return path;
}

static bool
is_refused(const char *kind)
{
	int fd = notes_file_open(&config, kind);

	if (fd != -1) {
		close(fd);
	}
	return fd == -1;
}

static void
test_kind(const char *kind)
{
	char path[PATH], text[16] = "";
	struct stat st;

	for (int i = 0; i < 2; i++) {
		int fd = notes_file_open(&config, kind);
		ok(fd != -1 && write(fd, "a\n", 2) == 2, "%s: a note", kind);
		close(fd);
	}
	int fd = open(today(kind, path), O_RDONLY);
	ok(fd != -1 && read(fd, text, sizeof(text)) == 4 &&
		memcmp(text, "a\na\n", 4) == 0,
	    "%s: one follows the other", path);
	ok(fstat(fd, &st) == 0 && (st.st_mode & 0777) == 0600,
	    "nobody else reads it");
	close(fd);
	ok(truncate(path, NOTES_MOST - 1) == 0 && !is_refused(kind),
	    "it may grow");
	ok(truncate(path, NOTES_MOST) == 0 && is_refused(kind),
	    "as far as the limit");
	ok(unlink(path) == 0 && symlink("elsewhere", path) == 0 &&
		is_refused(kind),
	    "no link is followed");
	unlink(path);
}

int
main(void)
{
	char path[PATH];

	scratch_make();
	strlcpy(
	    config.state, scratch_path(path, "state"), sizeof(config.state));
	ok(is_refused(NOTES_TLS), "there is no folder for the state");
	scratch_need(mkdir(config.state, 0700) == 0, config.state);
	config.reports = false;
	ok(is_refused(NOTES_TLS) && access(today("", path), F_OK) == -1,
	    "no reports, no notes");
	config.reports = true;
	test_kind(NOTES_DMARC);
	test_kind(NOTES_TLS);
	snprintf(path, sizeof(path), "%s/reports", config.state);
	ok(rmdir(path) == 0 && rmdir(config.state) == 0, "no more is left");
	return tap_done();
}
