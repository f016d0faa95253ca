/* SPDX-License-Identifier: ISC */
/*
 * Brings mail of another server into a mailbox, as its owner.  What was named
 * on the command line is opened before, with the rights of who has typed it;
 * the files in a Maildir are opened as the owner.
 */
#include "pop3d/admin/admin.h"

#include "common/io/file.h"
#include "common/io/owned.h"
#include "common/log/log.h"
#include "pop3d/admin/import_private.h"
#include "pop3d/admin/owner_private.h"
#include "spool/foreign.h"
#include "spool/mbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	TIMEOUT = 60 * 1000,
	LIMIT = 24 * 60 * 60 * 1000, /* ms; a mailbox may be large */
	FIELDS = 256,
};

/* ---- for a restore, too ---- */

int
import_failed(const struct store *store, int error)
{
	char why[FOREIGN_TEXT];

	if (error == EBUSY) {
		log_error("another import or restore for %s is running",
		    store->mailbox);
		return EX_TEMPFAIL;
	}
	foreign_why(error, store->mailbox, why);
	log_error("cannot add to %s: %s; what was added before stays: type "
		  "this again to add the rest",
	    store->mailbox, why);
	return error == FOREIGN_FILE ? EX_DATAERR : EX_TEMPFAIL;
}

void
import_report(const struct intake *t, const char *done)
{
	printf("%zu messages %s, %zu were there already\n", intake_taken(t),
	    done, intake_known(t));
}

bool
import_is_mailbox(int fd, const struct store *store)
{
	struct stat a, b;

	if (fstat(fd, &a) == -1 || stat(store->mailbox, &b) == -1 ||
	    a.st_dev != b.st_dev || a.st_ino != b.st_ino) {
		return false;
	}
	log_error(
	    "%s is the mailbox itself: there is nothing to do", store->mailbox);
	return true;
}

/* ---- messages ---- */

int
import_message(struct import *o, struct stored_source *source,
    const char *flags, const char *uidl)
{
	char fields[FIELDS];
	struct message m;
	size_t pending = intake_pending(o->intake);

	snprintf(fields, sizeof(fields), "%s%s%s%s", flags,
	    uidl == NULL ? "" : MBOX_UIDL_FIELD ": ", uidl == NULL ? "" : uidl,
	    uidl == NULL ? "" : "\n");
	source->fields = fields;
	if (stored_write(source, o->stored, o->at, &m) == -1 ||
	    intake_add(o->intake, o->stored, &m) == -1) {
		return -1;
	}
	o->noted += uidl != NULL;
	if (intake_pending(o->intake) > pending) {
		o->at = m.end;
	} else if (intake_pending(o->intake) == 0) {
		o->at = 0; /* else it was there already: the next takes its
		              place */
	}
	return 0;
}

/* Reads the UIDLs of the other server.  An exit status. */
static int
read_uidls(struct import *o)
{
	size_t skipped;

	if (o->list == -1) {
		return EX_OK;
	}
	o->uidls = import_uidls_read(o->list, o->format, &skipped);
	if (o->uidls == NULL) {
		log_error("%s: %s", o->list_path,
		    errno == EILSEQ ? "there is no UIDL in it"
				    : strerror(errno));
		return EX_DATAERR;
	}
	if (skipped > 0) {
		log_warn("%s: %zu lines are no UIDL that only one message has; "
			 "clients will retrieve such messages again",
		    o->list_path, skipped);
	}
	return EX_OK;
}

static int
import_open(struct import *o, const struct store *store)
{
	struct stat st;

	if (fstat(o->source, &st) == -1 ||
	    import_is_mailbox(o->source, store)) {
		return EX_USAGE;
	}
	int status = read_uidls(o);
	if (status != EX_OK) {
		return status;
	}
	o->stored = file_unnamed(store->directory);
	if (o->stored == -1) {
		log_error("cannot make a file in %s: %s", store->directory,
		    strerror(errno));
		return EX_CANTCREAT;
	}
	if (intake_open(&o->intake, store, INTAKE_IMPORT, TIMEOUT) == -1) {
		return import_failed(store, errno);
	}
	return S_ISDIR(st.st_mode) ? import_maildir(o, store)
	                           : import_mbox(o, store);
}

/* Has --check see to it that they are reported. */
static void
note_uidls(const struct import *o, const struct store *store)
{
	int fd = owned_open_at(store->directory, "uidls", O_WRONLY | O_CREAT);

	if (fd != -1) {
		close(fd);
	}
	if (o->config->uidl != UIDL_HEADER) {
		printf("For clients to see their UIDLs, put the line \"uidl "
		       "header\" into restante.conf\n");
	}
}

static int
import_owned(const struct store *store, void *context)
{
	struct import *o = context;
	int status = import_open(o, store);

	if (o->intake != NULL) {
		import_report(o->intake, "imported");
		if (o->noted > 0) {
			note_uidls(o, store);
		}
	}
	if (o->stored != -1) {
		close(o->stored);
	}
	intake_close(o->intake);
	import_uidls_free(o->uidls);
	return status;
}

/* Opens what was named; -1: it says why not. */
static int
open_named(const char *path, bool folder)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd == -1 || fstat(fd, &st) == -1) {
		log_error("cannot open %s: %s", path, strerror(errno));
	} else if (!S_ISREG(st.st_mode) && !(folder && S_ISDIR(st.st_mode))) {
		log_error("%s is no regular file", path);
	} else {
		return fd;
	}
	if (fd != -1) {
		close(fd);
	}
	return -1;
}

int
admin_import(const struct config *config, const char *user, const char *path,
    const char *uidls, const char *format)
{
	struct import o = { .config = config,
		.path = path,
		.source = -1,
		.list = -1,
		.stored = -1,
		.names = uidls != NULL && strcmp(uidls, "names") == 0,
		.format = format == NULL ? UIDL_LIST_FORMAT : format };

	if (!uidl_list_format(o.format)) {
		log_error("%s: only %%u, %%v, %%f and %%g are known in a "
			  "format of UIDLs",
		    o.format);
		return EX_USAGE;
	}
	if ((o.source = open_named(path, true)) == -1) {
		return EX_NOINPUT;
	}
	if (uidls != NULL && !o.names) {
		o.list_path = uidls;
		if ((o.list = open_named(uidls, false)) == -1) {
			close(o.source);
			return EX_NOINPUT;
		}
	}
	int status = owner_run_for(config, user, import_owned, &o, LIMIT);
	close(o.source);
	if (o.list != -1) {
		close(o.list);
	}
	return status;
}
