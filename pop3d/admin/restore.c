/* SPDX-License-Identifier: ISC */
/*
 * Puts back what a backup has and a mailbox has not, as its owner and as it was
 * stored.
 */
#include "pop3d/admin/admin.h"

#include "common/io/file.h"
#include "common/log/log.h"
#include "pop3d/admin/import_private.h"
#include "pop3d/admin/owner_private.h"
#include "spool/foreign.h"
#include "spool/scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	TIMEOUT = 60 * 1000,
	LIMIT = 24 * 60 * 60 * 1000, /* ms; a mailbox may be large */
	COPY = 64 * 1024,
};

/* Copies a pipe into a file, for it is read in several places. */
static int
copy_input(const char *directory)
{
	static char buffer[COPY];
	int fd = file_unnamed(directory);
	ssize_t n = 0;

	while (fd != -1 &&
	       (n = file_next(STDIN_FILENO, buffer, sizeof(buffer))) > 0) {
		if (file_append(fd, buffer, (size_t)n) == -1) {
			n = -1;
			break;
		}
	}
	if (fd != -1 && n == -1) {
		int saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

/* The backup as a file; -1: it says why not. */
static int
open_input(const struct store *store)
{
	struct stat st;
	int fd = fstat(STDIN_FILENO, &st) == 0 && S_ISREG(st.st_mode)
	             ? dup(STDIN_FILENO)
	             : copy_input(store->directory);

	if (fd == -1) {
		log_error("cannot read the backup: %s", strerror(errno));
	}
	return fd;
}

static int
restore_each(struct intake *t, int fd, const struct message *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int result = 0;
		if (!list[i].pseudo) {
			result = intake_add(t, fd, &list[i]);
		} else if (intake_was_empty(t)) {
			result = intake_add_hidden(t, fd, &list[i]);
		}
		if (result == -1) {
			return -1;
		}
	}
	return intake_flush(t);
}

static int
restore_from(const struct store *store, int fd)
{
	struct intake *t = NULL;
	struct message *list;
	const char *like;
	size_t count;

	if (import_is_mailbox(fd, store)) {
		return EX_USAGE;
	}
	if (foreign_look(fd, &like) == -1 ||
	    scan_mailbox(fd, 0, &list, &count) == -1) {
		log_error("cannot read the backup: %s",
		    errno == FOREIGN_FILE ? "it is no mbox" : strerror(errno));
		return EX_DATAERR;
	}
	int result = intake_open(&t, store, INTAKE_RESTORE, TIMEOUT);
	if (result == 0) {
		result = restore_each(t, fd, list, count);
	}
	int error = errno;
	if (t != NULL) {
		import_report(t, "restored");
	}
	intake_close(t);
	free(list);
	return result == 0 ? EX_OK : import_failed(store, error);
}

static int
restore_owned(const struct store *store, void *context)
{
	int fd = open_input(store);

	(void)context;
	if (fd == -1) {
		return EX_NOINPUT;
	}
	int status = restore_from(store, fd);
	close(fd);
	return status;
}

int
admin_restore(const struct config *config, const char *user)
{
	if (isatty(STDIN_FILENO)) {
		log_error("the backup comes from standard input: type pop3d "
			  "--restore %s < FILE",
		    user);
		return EX_USAGE;
	}
	return owner_run_for(config, user, restore_owned, NULL, LIMIT);
}
