/* SPDX-License-Identifier: ISC */
/* Writes a mailbox to standard output, as its owner. */
#include "pop3d/admin/admin.h"

#include "common/log/log.h"
#include "pop3d/admin/owner_private.h"
#include "spool/backup.h"
#include "spool/foreign.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	TIMEOUT = 60 * 1000,
	LIMIT = 24 * 60 * 60 * 1000, /* ms; it may go to a slow place */
};

/* What is in a file must be on the disk. */
static int
sync_output(void)
{
	struct stat st;

	if (fstat(STDOUT_FILENO, &st) == 0 && S_ISREG(st.st_mode) &&
	    fsync(STDOUT_FILENO) == -1) {
		log_error("cannot write the backup: %s", strerror(errno));
		return EX_IOERR;
	}
	return EX_OK;
}

static int
backup_owned(const struct store *user, void *context)
{
	char why[FOREIGN_TEXT];
	int output = 0;
	size_t count;

	(void)context;
	signal(SIGPIPE, SIG_IGN); /* an error like any other */
	if (backup_mailbox(user, STDOUT_FILENO, TIMEOUT, &count, &output) ==
	    0) {
		return sync_output();
	}
	if (errno == BACKUP_OUTPUT) {
		log_error("cannot write the backup: %s", strerror(output));
		return EX_IOERR;
	}
	int error = errno;
	foreign_why(error, user->mailbox, why);
	log_error("cannot read %s: %s; what was written is not all of it",
	    user->mailbox, why);
	return error == FOREIGN_FILE ? EX_DATAERR : EX_TEMPFAIL;
}

int
admin_backup(const struct config *config, const char *user)
{
	if (isatty(STDOUT_FILENO)) {
		log_error("the backup goes to standard output: type pop3d "
			  "--backup %s > FILE",
		    user);
		return EX_USAGE;
	}
	return owner_run_for(config, user, backup_owned, NULL, LIMIT);
}
