/* SPDX-License-Identifier: ISC */
/* "UIDL SECONDS" lines; replaced by rename(2), never synced. */
#include "pop3d/mailbox/retrieved.h"

#include "common/io/owned.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DIGITS = 12, MOST = 256 * 1024 * 1024 };

struct entry {
	char uidl[MAILBOX_UIDL + 1];
	time_t when;
};

struct retrieved {
	struct entry *entries; /* by UIDL */
	size_t count;
};

/* Reads one line without its end into an entry. */
static bool
parse(const char *line, size_t len, char uidl[MAILBOX_UIDL + 1], time_t *when)
{
	const char *blank = memchr(line, ' ', len);
	size_t n = blank == NULL ? 0 : (size_t)(blank - line);

	if (n == 0 || n > MAILBOX_UIDL || len != n + 1 + DIGITS) {
		return false;
	}
	*when = 0;
	for (const char *p = blank + 1; p < line + len; p++) {
		if (*p < '0' || *p > '9') {
			return false;
		}
		*when = *when * 10 + (*p - '0');
	}
	for (size_t i = 0; i < n; i++) {
		if (line[i] < 0x21 || line[i] > 0x7e) {
			return false;
		}
	}
	memcpy(uidl, line, n);
	uidl[n] = '\0';
	return *when > 0;
}

bool
retrieved_line(const char **text, char uidl[MAILBOX_UIDL + 1], time_t *when)
{
	const char *end;

	while ((end = strchr(*text, '\n')) != NULL) {
		const char *line = *text;
		*text = end + 1;
		if (parse(line, (size_t)(end - line), uidl, when)) {
			return true;
		}
	}
	return false;
}

static int
by_uidl(const void *a, const void *b)
{
	return strcmp(
	    ((const struct entry *)a)->uidl, ((const struct entry *)b)->uidl);
}

/* The whole file as text, to be freed; NULL: none, or it cannot be read. */
static char *
read_text(const char *directory)
{
	char *text = NULL;
	struct stat st;
	int fd = owned_open_at(directory, "collected", O_RDONLY);

	if (fd == -1) {
		return NULL;
	}
	if (fstat(fd, &st) == 0 && st.st_size < MOST &&
	    (text = malloc((size_t)st.st_size + 1)) != NULL) {
		ssize_t n = pread(fd, text, (size_t)st.st_size, 0);
		text[n < 0 ? 0 : n] = '\0';
	}
	close(fd);
	return text;
}

/* Makes the sorted list from the text. */
static bool
fill(struct retrieved *c, const char *text)
{
	const char *p = text;
	size_t lines = 1;

	for (; (p = strchr(p, '\n')) != NULL; p++) {
		lines++;
	}
	c->entries = malloc(lines * sizeof(*c->entries));
	if (c->entries == NULL) {
		return false;
	}
	while (retrieved_line(
	    &text, c->entries[c->count].uidl, &c->entries[c->count].when)) {
		c->count++;
	}
	qsort(c->entries, c->count, sizeof(*c->entries), by_uidl);
	return true;
}

struct retrieved *
retrieved_open(const char *directory)
{
	struct retrieved *c = calloc(1, sizeof(*c));
	char *text = c == NULL ? NULL : read_text(directory);

	if (text != NULL && !fill(c, text)) {
		retrieved_close(c);
		c = NULL;
	}
	free(text);
	return c;
}

void
retrieved_close(struct retrieved *c)
{
	if (c != NULL) {
		free(c->entries);
		free(c);
	}
}

time_t
retrieved_since(const struct retrieved *c, const char *uidl)
{
	struct entry key;

	strlcpy(key.uidl, uidl, sizeof(key.uidl));
	const struct entry *e = c->count == 0
	                            ? NULL
	                            : bsearch(&key, c->entries, c->count,
					  sizeof(*c->entries), by_uidl);
	return e == NULL ? 0 : e->when;
}

/* The lines of what stays.  Errors are the stream's. */
static void
write_lines(FILE *f, const struct retrieved *c, const struct mailbox *m,
    const bool *gone, const bool *fresh, time_t now)
{
	char uidl[MAILBOX_UIDL + 1];

	for (size_t i = 0; i < mailbox_count(m); i++) {
		mailbox_uidl(mailbox_message(m, i), uidl);
		time_t since = retrieved_since(c, uidl);
		/* From a clock that was ahead: it begins again. */
		since = since > now || (since == 0 && fresh[i]) ? now : since;
		if (!gone[i] && since > 0) {
			fprintf(
			    f, "%s %0*lld\n", uidl, DIGITS, (long long)since);
		}
	}
}

int
retrieved_write(const struct retrieved *c, const char *directory,
    const struct mailbox *m, const bool *gone, const bool *fresh, time_t now)
{
	char path[PATH_MAX], next[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/collected", directory) >=
		(int)sizeof(path) ||
	    snprintf(next, sizeof(next), "%s/collected.new", directory) >=
		(int)sizeof(next)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	(void)unlinkat(AT_FDCWD, next, 0);
	int fd = owned_open_at(
	    directory, "collected.new", O_WRONLY | O_CREAT | O_EXCL);
	FILE *f = fd == -1 ? NULL : fdopen(fd, "w");
	if (f == NULL) {
		if (fd != -1) {
			close(fd);
		}
		return -1;
	}
	write_lines(f, c, m, gone, fresh, now);
	bool good = ferror(f) == 0;
	if (fclose(f) == EOF || !good ||
	    renameat(AT_FDCWD, next, AT_FDCWD, path) == -1) {
		int saved = errno;
		unlinkat(AT_FDCWD, next, 0);
		errno = saved;
		return -1;
	}
	return 0;
}
