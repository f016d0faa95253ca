/* SPDX-License-Identifier: ISC */
/*
 * Reads a .forward file and does not follow it.  The checks make sure that
 * nobody but the user decides where the mail goes; a file that fails them is
 * ignored, because mail in the mailbox is not lost.
 */
#include "smtpd/local/forward.h"

#include "common/io/file.h"
#include "common/log/log.h"
#include "common/names/passwd.h"
#include "common/process/landlock.h"
#include "common/process/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Puts the home of the account into it, or none.  Its own field may hold the
 * home of a shared owner of mailboxes, or nothing.  -1: that cannot be found
 * out now.
 */
static int
find_home(struct account *a)
{
	errno = 0;
	const struct passwd *pw = passwd_by_name(a->name);

	if (pw == NULL && errno != 0) {
		return -1;
	}
	bool own = pw != NULL && pw->pw_uid == a->uid && pw->pw_dir[0] == '/';
	strlcpy(a->home, own ? pw->pw_dir : "", sizeof(a->home));
	return 0;
}

/* Opens the folder of the file, and says its name; -1 with errno; ENOENT: there
   is none. */
static int
open_folder(const struct config *config, const struct account *a,
    char name[NAME_MAX + 1])
{
	struct account own = *a;
	char path[PATH_MAX];

	if (strstr(config->forward, "%h") != NULL && find_home(&own) == -1) {
		errno = EAGAIN; /* whatever it was, it is not "none" */
		return -1;
	}
	char *slash = account_forward(config, &own, path) == -1
	                  ? NULL
	                  : strrchr(path, '/');
	if (a->uid == 0 || slash == NULL ||
	    strlcpy(name, slash + 1, NAME_MAX + 1) > NAME_MAX) {
		errno = ENOENT;
		return -1;
	}
	slash[slash == path] = '\0';
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* True if the error means that there is no file that the user can read. */
static bool
is_nothing(int error)
{
	return error == ENOENT || error == ENOTDIR || error == EACCES;
}

bool
forward_find(const struct config *config, const struct account *a,
    struct forward_place *place)
{
	place->folder = open_folder(config, a, place->name);
	return place->folder != -1 || is_nothing(errno);
}

bool
forward_is_there(const struct forward_place *place)
{
	struct stat st;

	return place->folder != -1 && (fstatat(place->folder, place->name, &st,
					   AT_SYMLINK_NOFOLLOW) == 0 ||
					  !is_nothing(errno));
}

void
forward_forget(struct forward_place *place)
{
	if (place->folder != -1) {
		close(place->folder);
		place->folder = -1;
	}
}

bool
forward_exists(const struct config *config, const struct account *a)
{
	struct forward_place place;
	bool found =
	    !forward_find(config, a, &place) || forward_is_there(&place);

	forward_forget(&place);
	return found;
}

/* NULL, or why the file is not to be trusted. */
static const char *
distrust(
    const struct account *a, const struct stat *folder, const struct stat *file)
{
	if ((folder->st_uid != a->uid && folder->st_uid != 0) ||
	    (folder->st_mode & S_IWOTH) != 0) {
		return "others can write to its folder";
	}
	if (!S_ISREG(file->st_mode)) {
		return "it is not a regular file";
	}
	if (file->st_nlink != 1) {
		return "it has more than one name";
	}
	if (file->st_uid != a->uid && file->st_uid != 0) {
		return "it belongs to somebody else";
	}
	if ((file->st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		return "others can write to it";
	}
	return file->st_size > FORWARD_SIZE ? "it is larger than 64 KiB" : NULL;
}

static enum forward
ignore_forward(const struct account *a, const char *why)
{
	log_warn("%s: .forward is ignored: %s", a->name, why);
	return FORWARD_NONE;
}

/* All of the file; -1 with errno, EFBIG when it is too long. */
static ssize_t
read_all(int fd, char text[FORWARD_SIZE])
{
	char more;
	ssize_t len = file_read_all(fd, text, FORWARD_SIZE);
	ssize_t over = len == FORWARD_SIZE ? file_next(fd, &more, 1) : 0;

	if (over > 0) {
		errno = EFBIG;
	}
	return over == 0 ? len : -1;
}

static enum forward
read_checked(const struct account *a, int folder, int fd,
    char text[FORWARD_SIZE], size_t *len)
{
	struct stat directory, file;

	if (fstat(folder, &directory) == -1 || fstat(fd, &file) == -1) {
		return FORWARD_TROUBLE;
	}
	const char *wrong = distrust(a, &directory, &file);
	if (wrong != NULL) {
		return ignore_forward(a, wrong);
	}
	ssize_t n = read_all(fd, text);
	if (n == -1) {
		return errno == EFBIG
		           ? ignore_forward(a, "it grew while it was read")
		           : FORWARD_TROUBLE;
	}
	if (memchr(text, '\0', (size_t)n) != NULL) {
		return ignore_forward(a, "it holds a NUL");
	}
	*len = (size_t)n;
	return n == 0 ? FORWARD_NONE : FORWARD_TEXT;
}

static enum forward
report_trouble(const struct account *a, char why[LOCAL_WHY])
{
	snprintf(why, LOCAL_WHY, "cannot read .forward of %s: %s", a->name,
	    strerror(errno));
	return FORWARD_TROUBLE;
}

static enum forward
open_and_read(const struct account *a, const struct forward_place *place,
    char text[FORWARD_SIZE], size_t *len, char why[LOCAL_WHY])
{
	/* A FIFO or a device must not stop us, nor a link lead elsewhere. */
	int fd = openat(place->folder, place->name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd == -1) {
		return errno == ENOENT || errno == ENOTDIR ? FORWARD_NONE
		       : errno == ELOOP
		           ? ignore_forward(a, "it is a symbolic link")
		       : errno == EACCES || errno == ENXIO || errno == EPERM
		           ? ignore_forward(a, strerror(errno))
		           : report_trouble(a, why);
	}
	enum forward result = read_checked(a, place->folder, fd, text, len);
	if (result == FORWARD_TROUBLE) {
		(void)report_trouble(a, why);
	}
	close(fd);
	return result;
}

enum forward
forward_read(const struct config *config, const struct account *a,
    char text[FORWARD_SIZE], size_t *len, bool *confined, char why[LOCAL_WHY])
{
	struct forward_place place;
	enum forward result = FORWARD_NONE;

	*confined = false;
	if (!forward_find(config, a, &place)) {
		return report_trouble(a, why);
	}
	if (forward_is_there(&place)) {
		*confined = landlock_abi() > 0;
		result = sandbox_task(SANDBOX_READER, NULL) == -1
		             ? report_trouble(a, why)
		             : open_and_read(a, &place, text, len, why);
	}
	forward_forget(&place);
	return result;
}
