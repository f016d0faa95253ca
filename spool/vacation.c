/* SPDX-License-Identifier: ISC */
/* The answer of a user who is away, and the senders who have had it. */
#include "spool/vacation.h"

#include "common/io/file.h"
#include "common/io/owned.h"
#include "common/io/statefile.h"
#include "common/text/hash.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME "vacation"
#define FILE_NEW "vacation.new"
#define FILE_SEEN "vacation.seen"

enum {
	A_DAY = 24 * 60 * 60,
	TRIES = 20,        /* for the lock of the table */
	PAUSE = 50 * 1000, /* us between them */
	FILE_MOST = VACATION_TEXT + 1024,
};

/* A record of the table; all zero: free. */
struct answered {
	uint64_t sender;
	int64_t when;
};

/* ---- the text: "from DAY", "until DAY", "subject TEXT", an empty line, and
   the answer ---- */

bool
vacation_is_day(const char *text)
{
	static const char form[] = "dddd-dd-dd";
	int month, day;

	for (size_t i = 0; i < sizeof(form); i++) {
		if (form[i] == 'd' ? !isdigit((unsigned char)text[i])
				   : text[i] != form[i]) {
			return false;
		}
	}
	month = (text[5] - '0') * 10 + text[6] - '0';
	day = (text[8] - '0') * 10 + text[9] - '0';
	return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

/* Takes one line of the top; false: it is none. */
static bool
take_line(const char *line, size_t n, struct vacation *v)
{
	static const struct {
		const char *word;
		size_t at, size;
	} words[] = {
		{ "from ", offsetof(struct vacation, from), sizeof(v->from) },
		{ "until ", offsetof(struct vacation, until),
		    sizeof(v->until) },
		{ "subject ", offsetof(struct vacation, subject),
		    sizeof(v->subject) },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t word = strlen(words[i].word);
		if (n < word || memcmp(line, words[i].word, word) != 0) {
			continue;
		}
		if (n - word >= words[i].size) {
			return false;
		}
		char *to = (char *)v + words[i].at;
		memcpy(to, line + word, n - word);
		to[n - word] = '\0';
		return true;
	}
	return false;
}

static bool
is_clean(const char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f) {
			return false;
		}
	}
	return true;
}

bool
vacation_parse(const char *text, size_t len, struct vacation *v)
{
	const char *end = text + len, *line = text;

	memset(v, 0, sizeof(*v));
	while (line < end && *line != '\n') {
		const char *eol = memchr(line, '\n', (size_t)(end - line));
		if (eol == NULL || !take_line(line, (size_t)(eol - line), v)) {
			return false;
		}
		line = eol + 1;
	}
	if (line == end || (size_t)(end - line - 1) > VACATION_TEXT ||
	    memchr(text, '\0', len) != NULL || !is_clean(v->subject) ||
	    (v->from[0] != '\0' && !vacation_is_day(v->from)) ||
	    (v->until[0] != '\0' && !vacation_is_day(v->until))) {
		return false;
	}
	v->len = (size_t)(end - line - 1);
	memcpy(v->text, line + 1, v->len);
	return v->len > 0;
}

bool
vacation_is_on(const struct vacation *v, const char *day)
{
	return (v->from[0] == '\0' || strcmp(day, v->from) >= 0) &&
	       (v->until[0] == '\0' || strcmp(day, v->until) <= 0);
}

/* ---- the file ---- */

bool
vacation_exists(const char *directory)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof(path), "%s/" FILE_NAME, directory) <
	           (int)sizeof(path) &&
	       access(path, F_OK) == 0;
}

int
vacation_read(const char *directory, struct vacation *v)
{
	static char text[FILE_MOST + 1];
	int fd = owned_open_at(directory, FILE_NAME, O_RDONLY);

	if (fd == -1) {
		return -1;
	}
	ssize_t n = file_read_all(fd, text, sizeof(text));
	int error = errno;
	close(fd);
	errno = error;
	if (n != -1 && (n > FILE_MOST || !vacation_parse(text, (size_t)n, v))) {
		errno = EINVAL;
		return -1;
	}
	return n == -1 ? -1 : 0;
}

static int
write_text(int fd, const struct vacation *v)
{
	char top[FILE_MOST];
	int n = 0;

	if (v->from[0] != '\0') {
		n += snprintf(
		    top + n, sizeof(top) - (size_t)n, "from %s\n", v->from);
	}
	if (v->until[0] != '\0') {
		n += snprintf(
		    top + n, sizeof(top) - (size_t)n, "until %s\n", v->until);
	}
	if (v->subject[0] != '\0') {
		n += snprintf(top + n, sizeof(top) - (size_t)n, "subject %s\n",
		    v->subject);
	}
	top[n++] = '\n';
	return file_append(fd, top, (size_t)n) == -1 ||
	               file_append(fd, v->text, v->len) == -1 || fsync(fd) == -1
	           ? -1
	           : 0;
}

/* Writes the new file and gives it its name. */
static int
replace_file(int folder, const struct vacation *v)
{
	int fd = owned_open(folder, FILE_NEW, O_WRONLY | O_CREAT | O_TRUNC);

	if (fd == -1) {
		return -1;
	}
	int result = write_text(fd, v);
	int error = errno;
	if (close(fd) == -1 && result == 0) {
		result = -1;
		error = errno;
	}
	if (result == -1) {
		(void)unlinkat(folder, FILE_NEW, 0);
		errno = error;
		return -1;
	}
	return renameat(folder, FILE_NEW, folder, FILE_NAME) == -1 ||
	               fsync(folder) == -1
	           ? -1
	           : 0;
}

static int
remove_file(int folder, const char *name)
{
	return unlinkat(folder, name, 0) == 0 || errno == ENOENT ? 0 : -1;
}

static int
open_directory(const char *directory)
{
	return open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int
vacation_write(const char *directory, const struct vacation *v)
{
	int folder = open_directory(directory);

	if (folder == -1) {
		return -1;
	}
	int result = remove_file(folder, FILE_SEEN);
	result = result == 0 ? replace_file(folder, v) : -1;
	int error = errno;
	close(folder);
	errno = error;
	return result;
}

int
vacation_remove(const char *directory)
{
	int folder = open_directory(directory);

	if (folder == -1) {
		return errno == ENOENT ? 0 : -1;
	}
	int result = remove_file(folder, FILE_NAME);
	result = result == 0 ? remove_file(folder, FILE_SEEN) : -1;
	result = result == 0 ? fsync(folder) : -1;
	int error = errno;
	close(folder);
	errno = error;
	return result;
}

/* ---- the senders ---- */

static uint64_t
hash_sender(const char *sender)
{
	uint64_t hash = HASH_START;

	for (; *sender != '\0'; sender++) {
		char c = (char)tolower((unsigned char)*sender);
		hash = hash_add(hash, &c, 1);
	}
	return hash | 1; /* 0 is a free record */
}

/* True if that was less than so many seconds ago; the future was not. */
static bool
is_lately(const struct answered *a, time_t now, int64_t seconds)
{
	return a->sender != 0 && a->when <= now && a->when > now - seconds;
}

/* Finds the place for a sender; false: none is to be answered. */
static bool
choose_place(const struct answered table[VACATION_SENDERS], uint64_t sender,
    time_t now, size_t *place)
{
	unsigned today = 0;

	*place = 0;
	for (size_t i = 0; i < VACATION_SENDERS; i++) {
		const struct answered *a = &table[i];
		if (a->sender == sender && is_lately(a, now, VACATION_AGAIN)) {
			return false;
		}
		today += is_lately(a, now, A_DAY);
		if (a->when < table[*place].when) {
			*place = i;
		}
	}
	return today < VACATION_A_DAY;
}

static enum vacation_turn
take_turn(int fd, uint64_t sender, time_t now)
{
	static struct answered table[VACATION_SENDERS];
	struct answered mine = { .sender = sender, .when = now };
	size_t place;

	if (statefile_lock(fd, F_WRLCK, 0, 0, TRIES, PAUSE) == -1 ||
	    file_read_all(fd, table, sizeof(table)) == -1) {
		return VACATION_TROUBLE;
	}
	if (!choose_place(table, sender, now, &place)) {
		return VACATION_ENOUGH;
	}
	return file_write(
		   fd, &mine, sizeof(mine), (off_t)(place * sizeof(mine))) == -1
	           ? VACATION_TROUBLE
	           : VACATION_ANSWER;
}

enum vacation_turn
vacation_take(const char *directory, const char *sender, time_t now)
{
	int fd = owned_open_at(directory, FILE_SEEN, O_RDWR | O_CREAT);

	if (fd == -1) {
		return VACATION_TROUBLE;
	}
	enum vacation_turn turn = take_turn(fd, hash_sender(sender), now);
	int error = errno;
	close(fd);
	errno = error;
	return turn;
}
