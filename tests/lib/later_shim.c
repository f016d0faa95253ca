/* SPDX-License-Identifier: ISC */
/*
 * Preloaded into a program, this adds to what time(2) says the seconds in the
 * file that LATER names, whenever it is asked.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

time_t
time(time_t *result)
{
	struct timespec now;
	const char *path = getenv("LATER");
	char text[16] = "";
	int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);

	if (fd != -1) {
		ssize_t n = read(fd, text, sizeof(text) - 1);
		text[n > 0 ? n : 0] = '\0';
		close(fd);
	}
	syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
	now.tv_sec += strtol(text, NULL, 10);
	if (result != NULL) {
		*result = now.tv_sec;
	}
	return now.tv_sec;
}
