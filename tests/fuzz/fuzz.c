/* SPDX-License-Identifier: ISC */
/* Replays files, and the files of folders, through a fuzz target. */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>

static unsigned replayed;

static int
replay_file(const char *path)
{
	FILE *f = fopen(path, "re");
	char *data = NULL;
	size_t size = 0, room = 0;

	if (f == NULL) {
		perror(path);
		return -1;
	}
	do {
		room = room * 2 + 4096;
		data = realloc(data, room);
		MUST(data != NULL);
		size += fread(data + size, 1, room - size, f);
	} while (size == room);
	int result = ferror(f) ? -1 : 0;
	fclose(f);
	/* In a block of its own size, so that a tool sees overruns. */
	char *exact = fuzz_text((const uint8_t *)data, size);
	free(data);
	(void)LLVMFuzzerTestOneInput((const uint8_t *)exact, size);
	free(exact);
	replayed++;
	return result;
}

static int
replay(const char *path)
{
	struct stat st;
	char file[PATH_MAX];
	int result = 0;

	if (stat(path, &st) == -1 || !S_ISDIR(st.st_mode)) {
		return replay_file(path);
	}
	DIR *d = opendir(path);
	if (d == NULL) {
		perror(path);
		return -1;
	}
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		snprintf(file, sizeof(file), "%s/%s", path, e->d_name);
		if (e->d_name[0] != '.') {
			result |= replay_file(file);
		}
	}
	closedir(d);
	return result;
}

int
main(int argc, char **argv)
{
	int result = 0;

	for (int i = 1; i < argc; i++) {
		result |= replay(argv[i]);
	}
	printf("%u inputs\n", replayed);
	return result == 0 && replayed > 0 ? 0 : 1;
}
