/* SPDX-License-Identifier: ISC */
/* Lists and restores what spool/kept_deleted.c keeps, as its owner. */
#include "pop3d/admin/admin.h"

#include "common/io/owned.h"
#include "common/log/log.h"
#include "pop3d/admin/owner_private.h"
#include "spool/append.h"
#include "spool/foreign.h"
#include "spool/kept_deleted.h"
#include "spool/mailbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

enum {
	TIMEOUT = 30 * 1000,
	LIMIT = 60 * 60 * 1000, /* ms; all that is kept may be put back */
	FIELD = 60,
};

struct restore {
	char **ids;
	int count;             /* of them; 0: all */
	struct mailbox *there; /* what is in the mailbox */
	size_t found, put, failed;
};

/* ---- the walk ---- */

typedef void visit(struct restore *, const struct store *user,
    const struct store *file, time_t when, struct mailbox *, size_t index);

static bool
each_in_file(const struct store *user, const struct kept_deleted_file *f,
    visit *act, struct restore *search)
{
	struct store file = { .directory = "" };
	struct mailbox *m;

	if (snprintf(file.mailbox, sizeof(file.mailbox), "%s/deleted/%s",
		user->directory, f->name) >= (int)sizeof(file.mailbox) ||
	    mailbox_open(&m, &file, TIMEOUT) == -1) {
		log_error("cannot read %s: %s", file.mailbox, strerror(errno));
		return false;
	}
	bool good = mailbox_identify(m) == 0;
	for (size_t i = mailbox_count(m); good && i > 0; i--) {
		act(search, user, &file, f->when, m, i - 1);
	}
	mailbox_close(m);
	return good;
}

/* Everything that is kept, the newest first.  An exit status. */
static int
each_kept(const struct store *user, visit *act, struct restore *search)
{
	struct kept_deleted_file *files;
	int count = kept_deleted_list(user->directory, &files);
	int status = EX_OK;

	if (count == -1) {
		log_error("cannot read %s/deleted: %s", user->directory,
		    strerror(errno));
		return EX_NOINPUT;
	}
	for (int i = 0; i < count; i++) {
		if (!each_in_file(user, &files[i], act, search)) {
			status = EX_IOERR;
		}
	}
	free(files);
	return status;
}

/* ---- listing ---- */

struct fields {
	char from[FIELD], subject[FIELD];
};

static void
keep_field(const struct mbox_line *line, const char *name, char value[FIELD])
{
	size_t n = strlen(name), to = 0;

	if (value[0] != '\0' || line->len <= n ||
	    strncasecmp(line->text, name, n) != 0) {
		return;
	}
	while (n < line->len && line->text[n] == ' ') {
		n++;
	}
	for (; n < line->len && to < FIELD - 1; n++) {
		char c = line->text[n];
		/* Control characters are replaced. */
		value[to++] = c >= ' ' && c < 0x7f ? c : '?';
	}
	value[to] = '\0';
}

static bool
keep_line(void *context, const struct mbox_line *line)
{
	struct fields *f = context;

	keep_field(line, "From:", f->from);
	keep_field(line, "Subject:", f->subject);
	return line->len > 0;
}

static void
print_message(struct restore *s, const struct store *user,
    const struct store *file, time_t when, struct mailbox *m, size_t index)
{
	struct fields f = { "", "" };
	char uidl[MAILBOX_UIDL + 1], date[32] = "";
	struct tm tm;

	(void)user;
	(void)file;
	mailbox_uidl(mailbox_message(m, index), uidl);
	if (localtime_r(&when, &tm) != NULL) {
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
	}
	if (mailbox_read(m, index, keep_line, &f) == -1) {
		log_error("cannot read %s: %s", uidl, strerror(errno));
	}
	printf("%s  %s  %llu  %s  %s\n", uidl, date,
	    (unsigned long long)mailbox_message(m, index)->octets, f.from,
	    f.subject);
	s->found++;
}

/* ---- putting back ---- */

static bool
is_wanted(const struct restore *s, const char *uidl)
{
	for (int i = 0; i < s->count; i++) {
		if (strcmp(s->ids[i], uidl) == 0) {
			return true;
		}
	}
	return s->count == 0;
}

/* True if the mailbox has a message with the same content. */
static bool
is_in_mailbox(const struct restore *s, const struct message *m)
{
	for (size_t i = 0; i < mailbox_count(s->there); i++) {
		if (memcmp(mailbox_message(s->there, i)->id, m->id,
			sizeof(m->id)) == 0) {
			return true;
		}
	}
	return false;
}

/* Reads the mailbox, which may have changed.  0 or -1. */
static int
reload_mailbox(struct restore *s, const struct store *user)
{
	mailbox_close(s->there);
	s->there = NULL;
	return mailbox_open(&s->there, user, TIMEOUT) == 0
	           ? mailbox_identify(s->there)
	           : -1;
}

/* Opens a file of kept messages. */
static int
open_kept(const char *path)
{
	char folder[PATH_MAX];
	const char *name = strrchr(path, '/') + 1;

	strlcpy(folder, path, sizeof(folder));
	folder[name - path] = '\0';
	return owned_open_at(folder, name, O_RDONLY);
}

static int
put_back(
    const struct store *user, const struct store *file, const struct message *m)
{
	int fd = open_kept(file->mailbox);
	struct append a = { .store = user,
		.sender = "",
		.message = fd,
		.stored = m,
		.timeout = TIMEOUT };

	if (fd == -1) {
		return -1;
	}
	int result = append_message(&a);
	int saved = errno;
	close(fd);
	errno = saved;
	return result;
}

static void
restore_message(struct restore *s, const struct store *user,
    const struct store *file, time_t when, struct mailbox *m, size_t index)
{
	const struct message *message = mailbox_message(m, index);
	char uidl[MAILBOX_UIDL + 1], why[FOREIGN_TEXT];

	(void)when;
	mailbox_uidl(message, uidl);
	if (!is_wanted(s, uidl)) {
		return;
	}
	s->found++;
	if (is_in_mailbox(s, message)) {
		printf("%s is in the mailbox\n", uidl);
	} else if (put_back(user, file, message) == -1 ||
		   reload_mailbox(s, user) == -1) {
		foreign_why(errno, user->mailbox, why);
		log_error("cannot put %s back: %s", uidl, why);
		s->failed++;
	} else {
		printf("%s is back\n", uidl);
		s->put++;
	}
}

/* ---- the verbs ---- */

static int
list_owned(const struct store *user, void *context)
{
	return each_kept(user, print_message, context);
}

static int
undelete_owned(const struct store *user, void *context)
{
	struct restore *s = context;
	char why[FOREIGN_TEXT];

	if (reload_mailbox(s, user) == -1) {
		foreign_why(errno, user->mailbox, why);
		log_error("cannot open %s: %s", user->mailbox, why);
		return EX_TEMPFAIL;
	}
	int status = each_kept(user, restore_message, s);
	mailbox_close(s->there);
	if (s->found < (size_t)s->count || s->found == 0) {
		log_error("%s; type pop3d --deleted USER",
		    s->count == 0 ? "no deleted message is kept"
				  : "not all of these messages are kept");
		return EX_DATAERR;
	}
	return s->failed > 0 ? EX_TEMPFAIL : status;
}

int
admin_deleted(const struct config *config, const char *user)
{
	struct restore search = { .count = 0 };

	return owner_run_for(config, user, list_owned, &search, LIMIT);
}

int
admin_undelete(const struct config *config, const char *user, char **ids)
{
	struct restore search = { .ids = ids };

	while (ids[search.count] != NULL) {
		search.count++;
	}
	return owner_run_for(config, user, undelete_owned, &search, LIMIT);
}
