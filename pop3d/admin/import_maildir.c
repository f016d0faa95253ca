/* SPDX-License-Identifier: ISC */
/* The messages of a Maildir: the files in new and cur. */
#include "pop3d/admin/import_private.h"

#include "common/io/file.h"
#include "common/log/log.h"
#include "spool/maildir.h"
#include "spool/mbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

enum { LINE = 1024 };

/* The last second of 2999: a later year is none of a From_ line. */
static const time_t last_time = 32503679999;

struct file {
	char *name;
	bool old; /* in cur */
	uint32_t number;
};

struct maildir {
	int folders[2]; /* new, cur */
	struct file *files;
	size_t count, room;
	size_t lost; /* files that could not be read */
};

static const char *const folder_names[2] = { "new", "cur" };

/* ---- listing ---- */

static int
add_file(struct maildir *m, const char *name, bool old)
{
	if (m->count == m->room) {
		size_t room = m->room == 0 ? 256 : m->room * 2;
		struct file *files =
		    reallocarray(m->files, room, sizeof(*m->files));
		if (files == NULL) {
			return -1;
		}
		m->files = files;
		m->room = room;
	}
	struct file f = { .name = strdup(name), .old = old };
	if (f.name == NULL) {
		return -1;
	}
	m->files[m->count++] = f;
	return 0;
}

static int
list_folder(struct maildir *m, int source, bool old)
{
	struct maildir_name n;
	const struct dirent *entry;
	int result = 0;

	m->folders[old] = openat(source, folder_names[old],
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int again = m->folders[old] == -1 ? -1 : dup(m->folders[old]);
	DIR *d = again == -1 ? NULL : fdopendir(again);
	if (d == NULL) {
		return -1;
	}
	errno = 0;
	while (result == 0 && (entry = readdir(d)) != NULL) {
		result = maildir_name(entry->d_name, &n)
		             ? add_file(m, entry->d_name, old)
		             : 0;
		errno = result == 0 ? 0 : errno;
	}
	int error = errno;
	closedir(d);
	errno = error;
	return error == 0 ? 0 : -1;
}

static int
by_place(const void *a, const void *b)
{
	const struct file *x = a, *y = b;

	if (x->number != y->number) {
		return x->number < y->number ? -1 : 1;
	}
	return maildir_compare(x->name, y->name);
}

/* As the old server numbered them. */
static void
sort_files(struct maildir *m, const struct import *o)
{
	bool dovecot = o->uidls != NULL &&
	               import_uidls_kind(o->uidls) == UIDL_LIST_DOVECOT;

	for (size_t i = 0; dovecot && i < m->count; i++) {
		m->files[i].number = import_uidls_number(
		    o->uidls, m->files[i].name, strcspn(m->files[i].name, ":"));
	}
	if (m->count > 0) {
		qsort(m->files, m->count, sizeof(*m->files), by_place);
	}
}

static void
close_maildir(struct maildir *m)
{
	for (size_t i = 0; i < m->count; i++) {
		free(m->files[i].name);
	}
	free(m->files);
	for (int i = 0; i < 2; i++) {
		if (m->folders[i] != -1) {
			close(m->folders[i]);
		}
	}
}

/* ---- messages ---- */

/* The sender, if the delivery has noted it in the first line. */
static int
read_sender(int fd, char sender[LINE])
{
	static const char name[] = "Return-Path: <";
	char text[LINE];
	size_t len = sizeof(name) - 1;
	ssize_t n = file_read_some(fd, text, sizeof(text) - 1, 0);

	sender[0] = '\0';
	if (n == -1) {
		return -1;
	}
	text[n] = '\0';
	if (strncmp(text, name, len) == 0) {
		size_t path = strcspn(text + len, ">\r\n");
		if (text[len + path] == '>') {
			memcpy(sender, text + len, path);
			sender[path] = '\0';
		}
	}
	return 0;
}

static const char *
uidl_of(const struct import *o, const char *name, size_t base,
    char text[UIDL_MOST + 1])
{
	if (o->names && uidl_is_valid(name, base)) {
		memcpy(text, name, base);
		text[base] = '\0';
		return text;
	}
	return o->uidls == NULL ? NULL
	                        : import_uidls_of_file(o->uidls, name, base);
}

static int
import_open(struct import *o, const struct file *f, int fd)
{
	char from[LINE], sender[LINE], flags[MAILDIR_FIELDS];
	char uidl[UIDL_MOST + 1];
	struct maildir_name n;
	struct stat st;

	if (fstat(fd, &st) == -1 || read_sender(fd, sender) == -1) {
		return -1;
	}
	time_t when = st.st_mtim.tv_sec;
	when = when < 0 ? 0 : when > last_time ? last_time : when;
	from[mbox_from_line(from, sizeof(from) - 1, sender, when)] = '\0';
	(void)maildir_name(f->name, &n);
	maildir_fields(&n, f->old, flags);
	struct stored_source s = {
		.fd = fd, .to = st.st_size, .from_line = from
	};
	return import_message(o, &s, flags, uidl_of(o, f->name, n.base, uidl));
}

/* Opens a file; -1: errno, EPERM if it is not a regular one. */
static int
open_file(const struct maildir *m, const struct file *f)
{
	struct stat st;
	int fd = openat(m->folders[f->old], f->name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd != -1 && (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))) {
		close(fd);
		errno = EPERM;
		return -1;
	}
	return fd;
}

/* False: it cannot go on, and errno says why. */
static bool
import_file(struct import *o, struct maildir *m, const struct file *f)
{
	int fd = open_file(m, f);

	if (fd == -1 && errno != EACCES && errno != EPERM && errno != ELOOP &&
	    errno != ENOENT) {
		return false; /* it is not the file that is to blame */
	}
	if (fd == -1) {
		log_error("cannot read %s/%s/%s: %s", o->path,
		    folder_names[f->old], f->name, strerror(errno));
		m->lost++;
		return true;
	}
	int result = import_open(o, f, fd);
	int error = errno;
	close(fd);
	errno = error;
	return result == 0;
}

static int
import_files(struct import *o, const struct store *store, struct maildir *m)
{
	bool good = true;

	for (size_t i = 0; good && i < m->count; i++) {
		good = import_file(o, m, &m->files[i]);
	}
	if (!good || intake_flush(o->intake) == -1) {
		return import_failed(store, errno);
	}
	if (m->lost > 0) {
		log_error("%zu files of %s could not be read as the owner of "
			  "%s, uid %u: type chown -R %u %s, and then this "
			  "again",
		    m->lost, o->path, store->mailbox, (unsigned)geteuid(),
		    (unsigned)geteuid(), o->path);
		return EX_NOPERM;
	}
	return EX_OK;
}

int
import_maildir(struct import *o, const struct store *store)
{
	struct maildir m = { .folders = { -1, -1 } };
	int status;

	if (o->uidls != NULL &&
	    import_uidls_kind(o->uidls) == UIDL_LIST_NUMBERS) {
		log_error("the messages of a Maildir have no numbers: name its "
			  "dovecot-uidlist or courierpop3dsizelist, or "
			  "\"names\", instead of %s",
		    o->list_path);
		return EX_DATAERR;
	}
	if (list_folder(&m, o->source, false) == -1 ||
	    list_folder(&m, o->source, true) == -1) {
		log_error("cannot read the folders new and cur of %s as the "
			  "owner of %s, uid %u: %s",
		    o->path, store->mailbox, (unsigned)geteuid(),
		    strerror(errno));
		status = errno == ENOENT ? EX_DATAERR : EX_NOPERM;
	} else {
		sort_files(&m, o);
		status = import_files(o, store, &m);
	}
	close_maildir(&m);
	return status;
}
