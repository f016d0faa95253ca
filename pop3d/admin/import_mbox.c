/* SPDX-License-Identifier: ISC */
/*
 * The messages of an mbox.  Most programs put ">" before a line of a message
 * that looks like a From_ line (mboxrd before those that have one, too); mboxcl
 * does so, and has a Content-Length; mboxcl2 has that, and leaves such lines as
 * they are.  So if there is such a line in a message that has a Content-Length,
 * the file is mboxcl2, and nothing is taken off the messages that have one.
 */
#include "pop3d/admin/import_private.h"

#include "common/io/file.h"
#include "common/log/log.h"
#include "spool/foreign.h"
#include "spool/mbox.h"
#include "spool/scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

enum { FROM = 1000 };

/* ---- quotes ---- */

struct look {
	bool body, length, bare;
};

static bool
look_at_line(void *context, const struct mbox_line *line)
{
	struct look *l = context;
	int64_t octets;

	if (!l->body) {
		l->length = l->length || mbox_content_length(line, &octets);
		l->body = line->len == 0 && line->begins && line->ends;
		return true;
	}
	l->bare = l->bare || mbox_is_from(line, false);
	return !l->bare;
}

/* Finds out which messages have no quotes.  0, or -1 with errno. */
static int
find_quotes(int fd, const struct message *list, size_t count, bool *bare)
{
	bool cl2 = false;
	bool *length = calloc(count + 1, sizeof(*length));
	int result = length == NULL ? -1 : 0;

	for (size_t i = 0; i < count && result == 0; i++) {
		struct look l = { .body = false };
		result = stored_lines(
		    fd, list[i].text, list[i].end, look_at_line, &l);
		bare[i] = l.bare;
		length[i] = l.length;
		cl2 = cl2 || (l.bare && l.length);
	}
	for (size_t i = 0; i < count && result == 0; i++) {
		bare[i] = bare[i] || (cl2 && length[i]);
	}
	int saved = errno;
	free(length);
	errno = saved;
	return result;
}

/* ---- messages ---- */

/*
 * The From_ line of a message; one of our own, with the time of the file, if
 * it has no date.
 */
static int
read_from(int fd, const struct message *m, time_t when, char from[FROM + 2])
{
	int64_t len = m->text - m->start;
	struct mbox_line line = { .text = from, .begins = true };

	if (len <= FROM) {
		if (file_read(fd, from, (size_t)len, m->start) == -1) {
			return -1;
		}
		while (len > 0 &&
		       (from[len - 1] == '\n' || from[len - 1] == '\r')) {
			len--;
		}
		line.len = (size_t)len;
		if (mbox_is_from(&line, true) &&
		    memchr(from, '\0', line.len) == NULL) {
			memcpy(from + len, "\n", 2);
			return 0;
		}
	}
	from[mbox_from_line(from, FROM, "", when)] = '\0';
	return 0;
}

static int
import_each(struct import *o, const struct message *list, size_t count,
    const bool *bare, time_t when)
{
	size_t hidden = count > 0 && list[0].pseudo;
	uint32_t last = o->uidls == NULL ? 0 : import_uidls_last(o->uidls);
	/* Some servers counted the hidden message. */
	size_t first = last == count ? 0 : hidden;
	char from[FROM + 2];

	for (size_t i = hidden; i < count; i++) {
		struct stored_source s = { .fd = o->source,
			.from = list[i].text,
			.to = list[i].end,
			.from_line = from,
			.mbox = true,
			.quoted = !bare[i] };
		const char *uidl = o->uidls == NULL
		                       ? NULL
		                       : import_uidls_of_number(o->uidls,
					     (uint32_t)(i + 1 - first));
		if (read_from(o->source, &list[i], when, from) == -1 ||
		    import_message(o, &s, "", uidl) == -1) {
			return -1;
		}
	}
	return intake_flush(o->intake);
}

/* True if the list can be that of this file; else it says why not. */
static bool
list_fits(const struct import *o, size_t count)
{
	if (o->names || (o->uidls != NULL &&
			    import_uidls_kind(o->uidls) != UIDL_LIST_NUMBERS)) {
		log_error("%s is no Maildir: it needs a list of numbers and "
			  "UIDLs, as curl -X UIDL prints it",
		    o->path);
		return false;
	}
	if (o->uidls != NULL && import_uidls_last(o->uidls) > count) {
		log_error("%s has UIDLs of %u messages, and %s has %zu: get "
			  "both at the same time, while the old server is "
			  "stopped for mail",
		    o->list_path, import_uidls_last(o->uidls), o->path, count);
		return false;
	}
	return true;
}

static bool
is_same(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int
import_list(struct import *o, const struct store *store,
    const struct message *list, size_t count, const struct stat *before)
{
	struct stat now;
	bool *bare = calloc(count + 1, sizeof(*bare));

	if (!list_fits(o, count)) {
		free(bare);
		return EX_DATAERR;
	}
	int result =
	    bare == NULL ? -1 : find_quotes(o->source, list, count, bare);
	if (result == 0) {
		result =
		    import_each(o, list, count, bare, before->st_mtim.tv_sec);
	}
	int error = errno;
	free(bare);
	if (fstat(o->source, &now) == 0 && !is_same(before, &now)) {
		log_error("%s has changed meanwhile: stop what writes to it, "
			  "and type this again",
		    o->path);
		return EX_TEMPFAIL;
	}
	return result == 0 ? EX_OK : import_failed(store, error);
}

int
import_mbox(struct import *o, const struct store *store)
{
	const char *like;
	struct message *list;
	struct stat st;
	size_t count;

	if (fstat(o->source, &st) == -1 ||
	    foreign_look(o->source, &like) == -1) {
		if (errno == FOREIGN_FILE) {
			log_error(
			    "%s is no mbox, but looks like %s", o->path, like);
			return EX_DATAERR;
		}
		log_error("cannot read %s: %s", o->path, strerror(errno));
		return EX_NOINPUT;
	}
	if (scan_mailbox(o->source, 0, &list, &count) == -1) {
		log_error("cannot read %s: %s", o->path, strerror(errno));
		return EX_NOINPUT;
	}
	int status = import_list(o, store, list, count, &st);
	free(list);
	return status;
}
