/* SPDX-License-Identifier: ISC */
/*
 * A folder of mailboxes is shared, so what is granted must not reach from it to
 * all that lies in it: the mailbox is granted by itself, and so must be there;
 * and no new file in the folder can be written, so that its dotlocks are made
 * before.
 */
#include "spool/confine.h"

#include "common/process/landlock.h"
#include "common/process/sandbox.h"
#include "spool/exchange.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Opens the folder of a path; name is what follows.  -1: there is none. */
static int
open_folder(const char *path, const char **name)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');

	*name = slash == NULL ? path : slash + 1;
	snprintf(folder, sizeof(folder), "%.*s",
	    slash == NULL   ? 1
	    : slash == path ? 1
			    : (int)(slash - path),
	    slash == NULL ? "." : path);
	return open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* The mailbox, if it is one that lock_take() would accept. */
static int
open_mailbox(int folder, const char *name, enum lock_mode mode)
{
	int flags = mode == LOCK_TO_CREATE
	                ? O_RDWR | O_CREAT | O_NONBLOCK | O_NOCTTY
	                : O_PATH;
	int fd = openat(folder, name, flags | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct stat st;

	if (fd != -1 && (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) ||
			    st.st_nlink != 1 || st.st_uid != geteuid())) {
		close(fd);
		errno = EPERM;
		return -1;
	}
	return fd;
}

/*
 * Makes what dotlocks of that process come from; false: there are no such
 * files.  An exchange takes one more, and leaves it without a name.
 */
static bool
make_stock(struct lock_stock *stock, int folder, const char *mailbox,
    enum lock_mode mode, size_t locks)
{
	if (mode == LOCK_TO_READ) {
		size_t more = exchange_is_possible(folder) ? 1 : 0;
		if (!lock_stock_make(stock, folder, locks + more)) {
			return false;
		}
		lock_stock_return(stock, mailbox);
		return true;
	}
	return (mode == LOCK_TO_CREATE && locks > 1 &&
		   lock_stock_make_lasting(stock, folder, mailbox)) ||
	       lock_stock_make(stock, folder, locks);
}

int
confine_to_store(struct store *s, struct lock_stock *stock, enum lock_mode mode,
    size_t locks)
{
	char lock[NAME_MAX + 1];
	const char *name;
	bool there = true;
	int fd[SANDBOX_FILES] = { -1, -1, -1, -1, -1 };

	if (landlock_abi() == 0) {
		return 0;
	}
	int folder = open_folder(s->mailbox, &name);
	if (folder != -1) {
		fd[SANDBOX_MAILBOX] = open_mailbox(folder, name, mode);
		there = fd[SANDBOX_MAILBOX] != -1 || errno != ENOENT;
		snprintf(lock, sizeof(lock), "%s.lock", name);
		fd[SANDBOX_DOTLOCK] =
		    openat(folder, lock, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		bool stocked = make_stock(stock, folder, name, mode, locks);
		s->stock = stocked ? stock : NULL;
		fd[stocked ? SANDBOX_FOLDER : SANDBOX_LOCKS] = folder;
	}
	s->confined =
	    mode == LOCK_TO_READ && !there ? STORE_NO_MAILBOX : STORE_CONFINED;
	fd[SANDBOX_STATE] =
	    open(s->directory, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int result = sandbox_files(fd);
	int saved = errno;
	for (size_t i = 0; i < SANDBOX_FILES; i++) {
		if (fd[i] != -1) {
			close(fd[i]);
		}
	}
	errno = saved;
	return result;
}
