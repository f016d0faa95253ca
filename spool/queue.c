/* SPDX-License-Identifier: ISC */
/* The queue's folders, and what lies in them. */
#include "spool/queue.h"

#include "common/log/log.h"
#include "spool/queue_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* No retry is later than this: 4 h and a fifth, and a minute to be sure. */
enum { FURTHEST = 4 * 60 * 60 * 6 / 5 + 60 };

const char *const queue_place_names[QUEUE_PLACES] = { "active", "deferred",
	"hold", "corrupt" };

enum { OLD = 36 * 60 * 60 }; /* seconds: no message is written for so long */

static const char turn[] = "runner", last_run[] = "last-run",
		  next_run[] = "next-run";

/* ---- folders ---- */

/*
 * Opens a folder, or makes it.  Ours cannot be written to by their owner until
 * they are durable: so the next process completes one whose maker was killed,
 * and no mail is acknowledged in a folder that a power cut takes away.
 */
static int
open_folder(int parent, const char *name)
{
	struct stat st;

	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(parent, name, flags);
	if (fd == -1 && errno == ENOENT) {
		if (mkdirat(parent, name, 0500) == -1 && errno != EEXIST) {
			return -1;
		}
		fd = openat(parent, name, flags);
	}
	if (fd == -1) {
		return -1;
	}
	if (fstat(fd, &st) == -1 ||
	    ((st.st_mode & S_IWUSR) == 0 &&
		(fsync(parent) == -1 || fchmod(fd, 0700) == -1))) {
		int saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

/* Opens the queue itself, which mostly exists; it may be a symbolic link. */
static int
open_top(const char *path)
{
	struct stat st;
	char parent[PATH_MAX];
	const char *slash = strrchr(path, '/');

	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd != -1 && fstat(fd, &st) == 0 && (st.st_mode & S_IWUSR) != 0) {
		return fd;
	}
	if (fd == -1 && errno != ENOENT) {
		return -1;
	}
	if (fd != -1) {
		close(fd);
	}
	size_t len = slash == NULL ? 0 : (size_t)(slash - path);
	if (slash == NULL || slash[1] == '\0') {
		errno = ENOENT;
		return -1;
	}
	memcpy(parent, path, len);
	parent[len] = '\0';
	int above =
	    open(len == 0 ? "/" : parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (above == -1) {
		return -1;
	}
	fd = open_folder(above, slash + 1);
	int saved = errno;
	close(above);
	errno = saved;
	return fd;
}

int
queue_open_top(struct queue *q, const char *path)
{
	memset(q, 0, sizeof(*q));
	q->fd = q->reasons = -1;
	for (int i = 0; i < QUEUE_PLACES; i++) {
		q->places[i] = -1;
	}
	if (strlcpy(q->path, path, sizeof(q->path)) >= sizeof(q->path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	q->fd = open_top(path);
	return q->fd == -1 ? -1 : 0;
}

int
queue_open(struct queue *q, const char *path)
{
	bool good = queue_open_top(q, path) == 0;

	for (int i = 0; good && i < QUEUE_PLACES; i++) {
		q->places[i] = open_folder(q->fd, queue_place_names[i]);
		good = q->places[i] != -1;
	}
	good = good && (q->reasons = open_folder(q->fd, "reason")) != -1;
	if (!good) {
		int saved = errno;
		queue_close(q);
		errno = saved;
	}
	return good ? 0 : -1;
}

static void
close_one(int *fd)
{
	if (*fd != -1) {
		close(*fd);
		*fd = -1;
	}
}

void
queue_close(struct queue *q)
{
	close_one(&q->fd);
	close_one(&q->reasons);
	for (int i = 0; i < QUEUE_PLACES; i++) {
		close_one(&q->places[i]);
	}
}

int
queue_rename(int from, const char *old, int to, const char *new)
{
	struct stat st;

	if (renameat2(from, old, to, new, RENAME_NOREPLACE) == 0) {
		return 0;
	}
	if (errno != EINVAL && errno != ENOSYS) {
		return -1;
	}
	/* NFS cannot do that; there a fresh id is enough. */
	if (fstatat(to, new, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return -1;
	}
	return errno == ENOENT ? renameat(from, old, to, new) : -1;
}

void
queue_set_aside(
    struct queue *q, enum queue_place place, const char *name, const char *why)
{
	char fresh[MAIL_ID + 1];
	int corrupt = q->places[QUEUE_CORRUPT];
	/* With an id people can name it, and mailq shows it. */
	const char *as = mail_is_id(name) ? name : fresh;

	mail_new_id(fresh);
	int result = queue_rename(q->places[place], name, corrupt, as);
	if (result == -1 && errno == EEXIST && as != fresh) {
		as = fresh;
		result = queue_rename(q->places[place], name, corrupt, as);
	}
	if (result == -1 && errno == ENOENT) {
		return;
	}
	if (result == -1) {
		log_error("%s/%s/%s: %s, and cannot be set aside: %s", q->path,
		    queue_place_names[place], name, why, strerror(errno));
		return;
	}
	log_error("%s/%s/%s: %s; set aside as corrupt/%s, and will not be sent "
		  "(look at it: smtpd --show %s)",
	    q->path, queue_place_names[place], name, why, as, as);
}

/* ---- what lies there ---- */

static bool
is_unfinished(const char *name)
{
	return strncmp(name, QUEUE_UNFINISHED, sizeof(QUEUE_UNFINISHED) - 1) ==
	       0;
}

static int
list_add(struct queue_list *list, const struct queue_entry *entry)
{
	if (list->count == list->room) {
		size_t room = list->room == 0 ? 64 : list->room * 2;
		void *p = reallocarray(list->entries, room, sizeof(*entry));
		if (p == NULL) {
			return -1;
		}
		list->entries = p;
		list->room = room;
	}
	list->entries[list->count++] = *entry;
	return 0;
}

struct sight {
	struct queue *queue;
	enum queue_place place;
	time_t now, due_by;
	struct queue_list *list;
};

/* Adds the file of that name, if it is due.  0, or -1 with errno. */
static int
list_name(void *data, const char *name)
{
	struct sight *s = data;
	struct queue_entry entry = { .place = s->place };
	struct stat st;

	if (is_unfinished(name)) {
		return 0;
	}
	if (!mail_is_id(name)) {
		if (s->place != QUEUE_CORRUPT) {
			queue_set_aside(
			    s->queue, s->place, name, "not a message's name");
		}
		return 0;
	}
	memcpy(entry.id, name, sizeof(entry.id));
	if (s->place == QUEUE_DEFERRED) {
		if (fstatat(s->queue->places[s->place], name, &st,
			AT_SYMLINK_NOFOLLOW) == -1) {
			return errno == ENOENT ? 0 : -1; /* gone meanwhile */
		}
		entry.due = st.st_mtime > s->now + FURTHEST ? 0 : st.st_mtime;
		if (s->due_by != (time_t)-1 && entry.due > s->due_by) {
			time_t *later = &s->list->later;
			*later = *later == 0 || entry.due < *later ? entry.due
			                                           : *later;
			return 0;
		}
	}
	return list_add(s->list, &entry);
}

int
queue_each_name(struct queue *q, enum queue_place place,
    int (*call)(void *, const char *name), void *data)
{
	/* Not a duplicate: that would share its position with others. */
	int fd =
	    openat(q->places[place], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	int result = 0;

	if (d == NULL) {
		if (fd != -1) {
			close(fd);
		}
		return -1;
	}
	while (result == 0) {
		errno = 0;
		struct dirent *e = readdir(d);
		if (e == NULL) {
			result = errno == 0 ? 0 : -1;
			break;
		}
		if (strcmp(e->d_name, ".") != 0 &&
		    strcmp(e->d_name, "..") != 0) {
			result = call(data, e->d_name);
		}
	}
	int saved = errno;
	closedir(d);
	errno = saved;
	return result;
}

int
queue_scan(struct queue *q, enum queue_place place, time_t due_by,
    struct queue_list *list)
{
	struct sight s = { .queue = q,
		.place = place,
		.now = time(NULL),
		.due_by = due_by,
		.list = list };

	return queue_each_name(q, place, list_name, &s);
}

static int
by_due(const void *a, const void *b)
{
	const struct queue_entry *x = a, *y = b;

	return x->due < y->due   ? -1
	       : x->due > y->due ? 1
	                         : strcmp(x->id, y->id);
}

void
queue_list_sort(struct queue_list *list)
{
	if (list->count > 1) {
		qsort(
		    list->entries, list->count, sizeof(*list->entries), by_due);
	}
}

void
queue_list_free(struct queue_list *list)
{
	free(list->entries);
	memset(list, 0, sizeof(*list));
}

/* ---- one runner at a time ---- */

int
queue_lock_runner(struct queue *q)
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

/* Sets the times of a file that only has these; NULL: both are now. */
static void
set_times(struct queue *q, const char *name, const struct timespec times[2])
{
	int fd = openat(q->fd, name,
	    O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);

	if (fd != -1) {
		(void)!futimens(fd, times);
		close(fd);
	}
}

void
queue_set_last_run(struct queue *q)
{
	set_times(q, last_run, NULL);
}

/* next-run was read by nobody: its access time is when it was planned. */
static bool
find_next_run(const struct queue *q, struct stat *st)
{
	return fstatat(q->fd, next_run, st, AT_SYMLINK_NOFOLLOW) == 0;
}

void
queue_plan_run(struct queue *q, time_t when)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_NOW },
		{ .tv_sec = when } };
	struct stat st;

	if (find_next_run(q, &st) && st.st_mtime <= when) {
		times[1] = st.st_mtim; /* another one comes first */
		if (st.st_atime == time(NULL)) {
			return; /* as with all that fail together */
		}
	}
	set_times(q, next_run, times);
}

void
queue_plan_next_run(struct queue *q, time_t when, time_t most)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
		{ .tv_sec = when } };
	struct stat st;

	if (!find_next_run(q, &st)) {
		return;
	}
	if (when == 0 || time(NULL) - st.st_atime > most) {
		unlinkat(q->fd, next_run, 0);
	} else {
		set_times(q, next_run, times);
	}
}

bool
queue_run_planned(const struct queue *q)
{
	struct stat st;

	return find_next_run(q, &st) && st.st_mtime <= time(NULL);
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

void
queue_forget_unfinished(const struct queue *q, const struct stat *st)
{
	int active = q->places[QUEUE_ACTIVE];
	int fd = openat(active, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	struct stat named;

	if (d == NULL) {
		if (fd != -1) {
			close(fd);
		}
		return;
	}
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		if (is_unfinished(e->d_name) &&
		    fstatat(active, e->d_name, &named, AT_SYMLINK_NOFOLLOW) ==
			0 &&
		    named.st_dev == st->st_dev && named.st_ino == st->st_ino) {
			unlinkat(active, e->d_name, 0);
		}
	}
	closedir(d);
}

/* Removes old unfinished files, and reasons of messages that are gone. */
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
		bool unfinished = is_unfinished(e->d_name);
		bool reason = directory == q->reasons && mail_is_id(e->d_name);
		/* The age comes first: a message that is moved while we look
		   may be missed in every place. */
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
