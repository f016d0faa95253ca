/* SPDX-License-Identifier: ISC */
/* Whose turn it is to look after the queue, and tidying up. */
#include "spool/queue_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OLD = 36 * 60 * 60 }; /* seconds: no message is written for so long */

static const char turn[] = "runner", last_run[] = "last-run";

int
queue_take_turn(struct queue *q)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = openat(
	    q->fd, turn, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd != -1 && fcntl(fd, F_OFD_SETLK, &lock) == -1) {
		int saved = errno == EACCES ? EWOULDBLOCK : errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

struct timespec
queue_changed(const struct queue *q)
{
	struct stat st;

	return fstat(q->places[QUEUE_ACTIVE], &st) == -1
	           ? (struct timespec){ 0 }
	           : st.st_mtim;
}

time_t
queue_last_run(const struct queue *q)
{
	struct stat st;

	return fstatat(q->fd, last_run, &st, AT_SYMLINK_NOFOLLOW) == -1
	           ? 0
	           : st.st_mtime;
}

void
queue_set_last_run(struct queue *q)
{
	int fd = openat(q->fd, last_run,
	    O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);

	if (fd != -1) {
		(void)!futimens(fd, NULL);
		close(fd);
	}
}

/* ---- tidying ---- */

static bool
is_old(int directory, const char *name)
{
	struct stat st;

	return fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       st.st_mtime < time(NULL) - OLD;
}

static bool
is_message(const struct queue *q, const char *id)
{
	for (int i = 0; i < QUEUE_PLACES; i++) {
		if (faccessat(q->places[i], id, F_OK, AT_SYMLINK_NOFOLLOW) ==
		    0) {
			return true;
		}
	}
	return false;
}

/* Removes what is old and unfinished, and reasons of messages not there. */
static void
sweep(const struct queue *q, int directory)
{
	int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);

	if (d == NULL) {
		if (fd != -1) {
			close(fd);
		}
		return;
	}
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		bool unfinished = strncmp(e->d_name, QUEUE_UNFINISHED,
				      sizeof(QUEUE_UNFINISHED) - 1) == 0;
		bool reason = directory == q->reasons && mail_is_id(e->d_name);
		/* Asked for its age first: a message that is moved while we
		   look may be missed in every place. */
		if ((unfinished || reason) && is_old(directory, e->d_name) &&
		    (unfinished || !is_message(q, e->d_name))) {
			unlinkat(directory, e->d_name, 0);
		}
	}
	closedir(d);
}

void
queue_sweep(struct queue *q)
{
	sweep(q, q->places[QUEUE_ACTIVE]);
	sweep(q, q->reasons);
}
