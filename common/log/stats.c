/* SPDX-License-Identifier: ISC */
/* Counting, without locks: see the header. */
#include "common/log/stats.h"

#include "common/io/statefile.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

static const char magic[8] = { 'R', 'S', 'T', 'S', 'T', 'A', 'T', '2' };
/* The file of version 0.2 ends where the senders begin. */
static const char before[8] = { 'R', 'S', 'T', 'S', 'T', 'A', 'T', '1' };

_Static_assert((int)STATS_COUNT <= (int)STATS_ROOM, "no room in the file");

/* The log's other half: set once, before there are other processes. */
static struct stats_image *stats_image;

/* ---- the image ---- */

void
stats_clear(struct stats_image *image)
{
	memset(image, 0, sizeof(*image));
	memcpy(image->magic, magic, sizeof(magic));
	image->room = STATS_ROOM;
	image->days = STATS_DAYS;
}

bool
stats_valid(const struct stats_image *image)
{
	return memcmp(image->magic, magic, sizeof(magic)) == 0 &&
	       image->room == STATS_ROOM && image->days == STATS_DAYS;
}

/* Makes the place for the day its own, if it is another's: a count or two that
 * come at just that moment may be lost. */
static struct stats_day *
place(struct stats_image *image, uint32_t day)
{
	struct stats_day *d = &image->table[day % STATS_DAYS];
	uint32_t was = day;

	/* Written even where nothing changes: a page that is read before it is
	   written to costs each process two faults. */
	if (!atomic_compare_exchange_strong(&d->day, &was, day) &&
	    atomic_compare_exchange_strong(&d->day, &was, day)) {
		for (size_t i = 0; i < STATS_ROOM; i++) {
			d->counts[i] = 0;
		}
		d->disk = 0;
	}
	return d;
}

void
stats_count(
    struct stats_image *image, uint32_t day, enum stats which, uint64_t n)
{
	if (which < STATS_COUNT) {
		atomic_fetch_add(&place(image, day)->counts[which], n);
		atomic_fetch_add(&image->totals[which], n);
	}
}

uint64_t
stats_on(const struct stats_image *image, uint32_t day, enum stats which)
{
	const struct stats_day *d = &image->table[day % STATS_DAYS];

	return d->day == day ? d->counts[which] : 0;
}

uint32_t
stats_today(void)
{
	time_t now = time(NULL);
	struct tm tm;

	if (localtime_r(&now, &tm) != NULL) {
		now += tm.tm_gmtoff;
	}
	return now < 0 ? 0 : (uint32_t)(now / (24 * 60 * 60));
}

/* ---- the file ---- */

/*
 * Opens it if it is what it should be; else -1, EINVAL.  Reads size octets of
 * it, the head at least.
 */
static int
open_file(const char *path, int flags, struct stats_image *image, size_t size)
{
	struct stat st;
	int fd = statefile_open(path, flags, &st);

	if (fd == -1) {
		errno = errno == ELOOP || errno == EPERM ? EINVAL : errno;
		return -1;
	}
	if (st.st_size != sizeof(*image) ||
	    pread(fd, image, size, 0) != (ssize_t)size || !stats_valid(image)) {
		close(fd);
		errno = EINVAL;
		return -1;
	}
	return fd;
}

/* An empty image, or one with the counts of a file of an earlier version. */
static void
take_over(const char *path, struct stats_image *image)
{
	const size_t size = offsetof(struct stats_image, top);
	struct stat st;
	int fd = statefile_open(path, O_RDONLY, &st);
	bool good = fd != -1 && st.st_size == (off_t)size &&
	            pread(fd, image, size, 0) == (ssize_t)size &&
	            memcmp(image->magic, before, sizeof(before)) == 0 &&
	            image->room == STATS_ROOM && image->days == STATS_DAYS;

	if (fd != -1) {
		close(fd);
	}
	if (good) {
		memcpy(image->magic, magic, sizeof(magic));
		memset(image->top, 0, sizeof(image->top));
	} else {
		stats_clear(image);
	}
}

/*
 * Makes a new file and puts it in the place of what is there, which others may
 * have mapped: it never gets shorter under them.  All its room is on the disk,
 * because a hole that cannot be filled would be a signal.
 */
static int
make_file(const struct config *config, const char *path)
{
	static struct stats_image image; /* large, and seldom needed */
	char beside[PATH_MAX];

	if (statefile_path(config, "stats", ".XXXXXX", beside) == -1) {
		return -1;
	}
	statefile_folder(config);
	int fd = mkostemp(beside, O_CLOEXEC);
	if (fd == -1) {
		return -1;
	}
	take_over(path, &image);
	errno = 0;
	if (statefile_size(fd, sizeof(image)) == -1 ||
	    pwrite(fd, &image, sizeof(image), 0) != sizeof(image) ||
	    rename(beside, path) == -1) {
		int saved = errno != 0 ? errno : ENOSPC;
		close(fd);
		(void)unlink(beside);
		errno = saved;
		return -1;
	}
	return fd;
}

/*
 * Somebody has made the file shorter: from here on this process counts for
 * itself alone.  Any other signal of the kind is what it would have been.
 */
static void
cut(int number, siginfo_t *info, void *context)
{
	const char *at = info->si_addr, *start = (const char *)stats_image;
	int saved = errno;

	(void)context;
	if (start == NULL || at < start ||
	    at >= start + sizeof(struct stats_image) ||
	    mmap(stats_image, sizeof(struct stats_image),
		PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		-1, 0) == MAP_FAILED) {
		signal(number, SIG_DFL);
	}
	errno = saved;
}

int
stats_open(const struct config *config)
{
	struct sigaction sa = { .sa_sigaction = cut, .sa_flags = SA_SIGINFO };
	static struct stats_image image; /* of which the head is read */
	char path[PATH_MAX];

	if (statefile_path(config, "stats", "", path) == -1) {
		return -1;
	}
	int fd = open_file(
	    path, O_RDWR, &image, offsetof(struct stats_image, totals));
	if (fd == -1 && (errno == EINVAL || errno == ENOENT)) {
		fd = make_file(config, path);
	}
	if (fd == -1) {
		return -1;
	}
	void *at = mmap(
	    NULL, sizeof(image), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd); /* whoever has the mapping alone cannot cut it */
	if (at == MAP_FAILED) {
		return -1;
	}
	if (stats_image != NULL) {
		munmap(stats_image, sizeof(image));
	}
	stats_image = at;
	sigaction(SIGBUS, &sa, NULL);
	return 0;
}

int
stats_read(const struct config *config, struct stats_image *image)
{
	char path[PATH_MAX];

	if (statefile_path(config, "stats", "", path) == -1) {
		return -1;
	}
	int fd = open_file(path, O_RDONLY, image, sizeof(*image));
	if (fd == -1) {
		return -1;
	}
	close(fd);
	return 0;
}

int
stats_load(const struct config *config, struct stats_image *image)
{
	if (stats_read(config, image) == 0) {
		return 0;
	}
	if (errno == ENOENT) {
		stats_clear(image);
		return 0;
	}
	return -1;
}

/* ---- counting ---- */

void
stats_sender(const char *domain)
{
	time_t now = time(NULL);

	if (stats_image != NULL && domain[0] != '\0') {
		stats_top_count(
		    stats_image, stats_today(), (uint32_t)now, domain);
	}
}

void
stats_mail_folder(const struct config *config, char folder[PATH_MAX])
{
	char *end;

	strlcpy(folder, config->mailbox, PATH_MAX);
	folder[strcspn(folder, "%")] = '\0';
	end = strrchr(folder, '/');
	if (end == NULL || end == folder) {
		strlcpy(folder, config->queue, PATH_MAX);
	} else {
		*end = '\0';
	}
}

void
stats_disk(const struct config *config)
{
	char folder[PATH_MAX];
	struct statvfs fs;

	stats_mail_folder(config, folder);
	if (stats_image == NULL || statvfs(folder, &fs) == -1) {
		return;
	}
	uint64_t used = (uint64_t)(fs.f_blocks - fs.f_bfree) * fs.f_frsize;
	used = (used >> 20) + 1; /* 0 is for what is not known */
	place(stats_image, stats_today())->disk =
	    used < UINT32_MAX ? (uint32_t)used : UINT32_MAX;
}

void
stats_add(enum stats which, uint64_t n)
{
	if (stats_image != NULL) {
		stats_count(stats_image, stats_today(), which, n);
	}
}

void
stats_login(const char *mechanism, bool good)
{
	enum stats which = good ? STATS_LOGIN_PLAIN : STATS_FAILED_PLAIN;
	enum stats other = good ? STATS_LOGIN_OTHER : STATS_FAILED_OTHER;

	while (which < other) {
		const char *value = stats_names[which].value;
		size_t n = strlen(value);
		if (strncmp(mechanism, value, n) == 0 &&
		    (mechanism[n] == '\0' ||
			strcmp(mechanism + n, "-PLUS") == 0)) {
			break;
		}
		which++;
	}
	stats_add(which, 1);
}
