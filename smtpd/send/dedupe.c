/* SPDX-License-Identifier: ISC */
/* Notices that are sent once in a period. */
#include "smtpd/send/dedupe.h"

#include "common/io/file.h"
#include "common/io/owned.h"
#include "common/log/log.h"
#include "common/names/passwd.h"
#include "common/text/date.h"
#include "common/tls/crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

/* ---- the record: pure ---- */

static const char magic[] = "restante-notice 1 ";
enum { MAGIC = sizeof(magic) - 1, DIGITS = 19 };

/* DIGITS digits, and the character that ends them. */
static bool
number(const char *text, char end, uint64_t *value)
{
	uint64_t v = 0;

	for (int i = 0; i < DIGITS; i++) {
		if (text[i] < '0' || text[i] > '9') {
			return false;
		}
		v = v * 10 + (uint64_t)(text[i] - '0');
	}
	*value = v;
	return v <= INT64_MAX && text[DIGITS] == end;
}

void
record_parse(const char *text, size_t len, struct notice_record *r)
{
	uint64_t sent, held;

	memset(r, 0, sizeof(*r));
	if (len != RECORD_SIZE || memcmp(text, magic, MAGIC) != 0 ||
	    text[MAGIC + DIGITS] != ' ' || text[RECORD_SIZE - 1] != '\n') {
		return;
	}
	if (number(text + MAGIC, ' ', &sent) &&
	    number(text + MAGIC + DIGITS + 1, ' ', &held)) {
		r->sent = (int64_t)sent;
		r->held = held;
	}
}

void
record_text(const struct notice_record *r, char text[RECORD_SIZE + 1])
{
	snprintf(text, RECORD_SIZE + 1, "%s%019lld %019llu \n", magic,
	    (long long)r->sent, (unsigned long long)r->held);
}

bool
record_due(const struct notice_record *r, int64_t now, int64_t period)
{
	return r->sent == 0 || now < r->sent || now - r->sent >= period;
}

/* ---- its file ---- */

enum { HEX = 2 * 16, STEP_MS = 20, PATIENCE_MS = 60 * 1000 };

static const char folder[] = "restante/notices";

/* The folder, which the environment of a user may name; false: there is none.
   XDG says that a path which is not absolute does not count. */
static bool
state_folder(const struct config *config, char path[PATH_MAX])
{
	const char *state = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");
	int n;

	if (geteuid() == 0) {
		n = snprintf(path, PATH_MAX, "%s/notices", config->state);
	} else if (state != NULL && *state == '/') {
		n = snprintf(path, PATH_MAX, "%s/%s", state, folder);
	} else {
		const struct passwd *pw = passwd_by_uid(geteuid());
		if (home == NULL || *home != '/') {
			home = pw == NULL ? NULL : pw->pw_dir;
		}
		n = home == NULL ? -1
		                 : snprintf(path, PATH_MAX,
				       "%s/.local/state/%s", home, folder);
	}
	return n > 0 && n < PATH_MAX - HEX - 1;
}

/* As mkdir -p does. */
static int
make_folders(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash != NULL;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(path, S_IRWXU); /* the last one tells */
		*slash = '/';
	}
	return mkdir(path, S_IRWXU) == -1 && errno != EEXIST ? -1 : 0;
}

/* Keys are any text, names of files are not. */
static void
file_name(const char *key, char *name)
{
	uint8_t digest[CRYPTO_SHA256];

	crypto_sha256(key, strlen(key), digest);
	for (size_t i = 0; i < HEX / 2; i++) {
		snprintf(name + 2 * i, 3, "%02x", digest[i]);
	}
}

static int
open_file(const struct config *config, const char *key)
{
	char path[PATH_MAX], name[HEX + 1];

	file_name(key, name);
	if (!state_folder(config, path)) {
		log_warn(
		    "cannot record notices, no folder for them: sent without "
		    "checking for an earlier one");
		return -1;
	}
	int fd = -1;
	if (make_folders(path) == 0) {
		fd = owned_open_at(path, name, O_RDWR | O_CREAT);
	}
	if (fd == -1) {
		log_warn("cannot record notices in %s: %s; sent without "
			 "checking for an earlier one",
		    path, strerror(errno));
	}
	return fd;
}

/* 0; -1: others keep it locked. */
static int
lock_file(int fd)
{
	struct flock whole = { .l_type = F_WRLCK };
	const struct timespec pause = { .tv_nsec = STEP_MS * 1000000L };

	for (int waited = 0; waited < PATIENCE_MS; waited += STEP_MS) {
		if (fcntl(fd, F_OFD_SETLK, &whole) == 0) {
			return 0;
		}
		nanosleep(&pause, NULL);
	}
	return -1;
}

static void
remember(const struct dedupe *d)
{
	char text[RECORD_SIZE + 1];

	/* No sync: what a power cut takes away is one mail too many. */
	record_text(&d->record, text);
	if (pwrite(d->fd, text, RECORD_SIZE, 0) != RECORD_SIZE ||
	    ftruncate(d->fd, RECORD_SIZE) == -1) {
		log_warn("cannot record the notice: %s", strerror(errno));
	}
}

int
dedupe_begin(struct dedupe *d, const struct config *config, const char *key,
    int64_t period)
{
	char text[RECORD_SIZE + 1];

	memset(d, 0, sizeof(*d));
	d->due = true;
	d->fd = open_file(config, key);
	if (d->fd == -1) {
		return EX_OK;
	}
	if (lock_file(d->fd) == -1) {
		log_error("another notice \"%s\" has been under way for a "
			  "minute: see mailq, and try again",
		    key);
		dedupe_end(d, false);
		return EX_TEMPFAIL;
	}
	ssize_t n = file_read_all(d->fd, text, sizeof(text));
	record_parse(text, n < 0 ? 0 : (size_t)n, &d->record);
	d->due = record_due(&d->record, time(NULL), period);
	if (!d->due) {
		d->record.held++;
		remember(d);
	}
	return EX_OK;
}

void
dedupe_note(const struct dedupe *d, char note[DEDUPE_NOTE])
{
	char date[DATE_SIZE];

	note[0] = '\0';
	if (d->record.held > 0 && d->record.sent > 0) {
		date_text((time_t)d->record.sent, date);
		snprintf(note, DEDUPE_NOTE,
		    "(%llu more like this %s held back since %s)",
		    (unsigned long long)d->record.held,
		    d->record.held == 1 ? "was" : "were", date);
	}
}

void
dedupe_end(struct dedupe *d, bool sent)
{
	struct flock whole = { .l_type = F_UNLCK };

	if (d->fd == -1) {
		return;
	}
	if (sent) {
		d->record = (struct notice_record){ .sent = time(NULL) };
		remember(d);
	}
	/* A server of our own may have inherited the descriptor: it must not
	   keep the lock. */
	(void)fcntl(d->fd, F_OFD_SETLK, &whole);
	close(d->fd);
	d->fd = -1;
}
