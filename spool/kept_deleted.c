/* SPDX-License-Identifier: ISC */
/*
 * A message is in the mailbox or kept, and for a moment in both, never in
 * neither: the copy is on the disk, under its name, before the mailbox loses
 * the first octet.
 */
#include "spool/kept_deleted.h"

#include "common/log/log.h"
#include "common/io/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER = 64 * 1024, DIGITS = 12, MOST = 1000, DAY = 24 * 60 * 60 };

static const char unfinished[] = "new";

/* ---- names: the time, and what tells those of one second apart ---- */

/* The time that a name tells; 0: it is none of ours.  Pure. */
static time_t
kept_deleted_time(const char *name)
{
	time_t when = 0;
	size_t n = strlen(name);

	if (n != DIGITS + 4 || name[DIGITS] != '.' ||
	    strspn(name, "0123456789") != DIGITS ||
	    strspn(name + DIGITS + 1, "0123456789") != 3) {
		return 0;
	}
	for (size_t i = 0; i < DIGITS; i++) {
		when = when * 10 + (name[i] - '0');
	}
	return when;
}

/* Gives the finished file a name that is free. */
static int
name_file(int folder, time_t now)
{
	char name[KEPT_DELETED_NAME];

	for (int i = 0; i < MOST; i++) {
		snprintf(name, sizeof(name), "%0*lld.%03d", DIGITS,
		    (long long)now % 1000000000000, i);
		/* One session at a time: nobody else makes such names. */
		if (faccessat(folder, name, F_OK, AT_SYMLINK_NOFOLLOW) == -1) {
			return errno == ENOENT
			           ? renameat(folder, unfinished, folder, name)
			           : -1;
		}
	}
	errno = EEXIST;
	return -1;
}

/* ---- keeping ---- */

/* Copies a piece of the mailbox; *last is its last octet. */
static int
copy(int out, off_t *at, int mailbox, int64_t from, int64_t to, char *last)
{
	static char buffer[BUFFER];

	while (from < to) {
		size_t n =
		    to - from < BUFFER ? (size_t)(to - from) : (size_t)BUFFER;
		if (file_read(mailbox, buffer, n, from) == -1 ||
		    file_write(out, buffer, n, *at) == -1) {
			return -1;
		}
		*last = buffer[n - 1];
		*at += (off_t)n;
		from += (int64_t)n;
	}
	return 0;
}

/* Copies a message, and an empty line after it. */
static int
copy_message(int out, off_t *at, int mailbox, const struct message *m)
{
	char last = '\n';

	if (copy(out, at, mailbox, m->start, m->end, &last) == -1) {
		return -1;
	}
	size_t n = last == '\n' ? 1 : 2;
	int result = file_write(out, "\n\n", n, *at);
	*at += (off_t)n;
	return result;
}

/* Writes all into the unfinished file, and syncs it. */
static int
write_file(int folder, int mailbox, const struct message *list,
    const bool *gone, size_t count)
{
	off_t at = 0;
	int result = 0;

	if (unlinkat(folder, unfinished, 0) == -1 && errno != ENOENT) {
		return -1;
	}
	int fd = openat(folder, unfinished,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1) {
		return -1;
	}
	for (size_t i = 0; i < count && result == 0; i++) {
		result = gone[i] ? copy_message(fd, &at, mailbox, &list[i]) : 0;
	}
	result = result == 0 ? fsync(fd) : -1;
	int saved = errno;
	if (close(fd) == -1 && result == 0) {
		saved = errno;
		result = -1;
	}
	errno = saved;
	return result;
}

enum if_missing { FAIL, MAKE_IT };

/* Opens the folder; if there is none, makes it or fails. */
static int
open_folder(const char *directory, enum if_missing missing)
{
	int home = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (home == -1) {
		return -1;
	}
	bool made = missing == MAKE_IT && mkdirat(home, "deleted", 0700) == 0;
	int folder = openat(
	    home, "deleted", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder != -1 && made && fsync(home) == -1) {
		close(folder);
		folder = -1;
	}
	int saved = errno;
	close(home);
	errno = saved;
	return folder;
}

int
kept_deleted_add(void *context, int mailbox, const struct message *list,
    const bool *gone, size_t count)
{
	const struct kept_deleted *a = context;
	int folder = open_folder(a->directory, MAKE_IT);

	if (folder == -1) {
		if (errno == ENOTDIR || errno == ELOOP) {
			log_error("in %s, deleted is not a folder: type there "
				  "mv deleted deleted.wrong",
			    a->directory);
		}
		return -1;
	}
	/* Commit point: from here on the mailbox may lose them. */
	int result = write_file(folder, mailbox, list, gone, count) == 0 &&
	                     name_file(folder, a->now) == 0
	                 ? fsync(folder)
	                 : -1;
	int saved = errno;
	if (result == -1) {
		(void)unlinkat(folder, unfinished, 0);
	}
	close(folder);
	errno = saved;
	return result;
}

/* ---- listing ---- */

static int
newest_first(const void *a, const void *b)
{
	return strcmp(((const struct kept_deleted_file *)b)->name,
	    ((const struct kept_deleted_file *)a)->name);
}

/* Adds a name to the list, which grows by doubling.  false: no memory. */
static bool
add_name(struct kept_deleted_file **files, size_t *count, const char *name)
{
	if ((*count & (*count - 1)) == 0) {
		size_t room = *count == 0 ? 1 : *count * 2;
		struct kept_deleted_file *more =
		    realloc(*files, room * sizeof(*more));
		if (more == NULL) {
			return false;
		}
		*files = more;
	}
	struct kept_deleted_file *f = &(*files)[(*count)++];
	strlcpy(f->name, name, sizeof(f->name));
	f->when = kept_deleted_time(name);
	return true;
}

int
kept_deleted_list(const char *directory, struct kept_deleted_file **files)
{
	const struct dirent *entry;
	size_t count = 0;
	bool good = true;
	int folder = open_folder(directory, FAIL);
	DIR *d = folder == -1 ? NULL : fdopendir(folder);

	*files = NULL;
	if (d == NULL) {
		return errno == ENOENT ? 0 : -1;
	}
	while (good && (entry = readdir(d)) != NULL) {
		good = kept_deleted_time(entry->d_name) == 0 ||
		       add_name(files, &count, entry->d_name);
	}
	closedir(d);
	if (!good) {
		free(*files);
		*files = NULL;
		errno = ENOMEM;
		return -1;
	}
	if (count > 1) {
		qsort(*files, count, sizeof(**files), newest_first);
	}
	return (int)count;
}

void
kept_deleted_prune(const char *directory, time_t days, time_t now)
{
	struct kept_deleted_file *files;
	int count = kept_deleted_list(directory, &files);
	int folder = count > 0 ? open_folder(directory, FAIL) : -1;

	for (int i = 0; i < count && folder != -1; i++) {
		if (now - files[i].when >= days * DAY &&
		    unlinkat(folder, files[i].name, 0) == -1) {
			log_warn("cannot remove %s/deleted/%s: %s", directory,
			    files[i].name, strerror(errno));
		}
	}
	if (folder != -1) {
		close(folder);
	}
	free(files);
}
