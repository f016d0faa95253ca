/* SPDX-License-Identifier: ISC */
/* Opens the notes of a day.  May run as root. */
#include "common/io/notes_file.h"

#include "common/io/statefile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* The file of today; 0, or -1: the path is too long. */
static int
path_of_today(
    const struct config *config, const char *kind, char path[PATH_MAX])
{
	char date[16];
	struct tm tm;
	time_t now = time(NULL);
	char name[sizeof(NOTES_FOLDER) + 16];

	if (gmtime_r(&now, &tm) == NULL ||
	    strftime(date, sizeof(date), "%Y%m%d", &tm) == 0) {
		return -1;
	}
	snprintf(name, sizeof(name), NOTES_FOLDER "/%s", kind);
	return statefile_path(config, name, date, path);
}

int
notes_file_open(const struct config *config, const char *kind)
{
	char path[PATH_MAX];
	struct stat st;

	if (!config->reports ||
	    statefile_path(config, NOTES_FOLDER, "", path) == -1 ||
	    (mkdir(path, S_IRWXU) == -1 && errno != EEXIST) ||
	    path_of_today(config, kind, path) == -1) {
		return -1;
	}
	int fd = statefile_open(path, O_WRONLY | O_APPEND | O_CREAT, &st);
	if (fd != -1 && st.st_size >= NOTES_MOST) {
		close(fd);
		fd = -1;
	}
	return fd;
}
