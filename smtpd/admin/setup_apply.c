/* SPDX-License-Identifier: ISC */
/*
 * Does what the plan says.  The files of a folder come into being together: a
 * copy of the folder with the new files takes the place of the old one.
 */
#include "common/io/file.h"
#include "common/log/log.h"
#include "common/tls/certificate.h"
#include "smtpd/admin/setup_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PATH = SETUP_PATH + 64, WORDS = 16 };

static int
fail(const char *what, const char *path)
{
	log_error("cannot %s %s: %s", what, path, strerror(errno));
	return -1;
}

static int
sync_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd == -1 ? -1 : fsync(fd);

	if (fd != -1) {
		close(fd);
	}
	return rc;
}

/* Writes a new file that is on the disk then. */
static int
write_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(
	    path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1) {
		return fail("make", path);
	}
	bool good = file_append(fd, text, strlen(text)) == 0 &&
	            fchmod(fd, mode) == 0 && fsync(fd) == 0;
	if (close(fd) == -1 || !good) {
		return fail("write", path);
	}
	return 0;
}

/* Writes the file of an item, whose text may have to be made. */
static int
write_item(const char *path, const struct setup_item *item,
    const struct setup_answers *a)
{
	char pem[CERTIFICATE_PEM];

	if (item->text != NULL) {
		return write_file(path, item->text, item->mode);
	}
	if (certificate_make(a->hostname, pem) == -1) {
		return -1;
	}
	int rc = write_file(path, pem, item->mode);
	explicit_bzero(pem, sizeof(pem));
	return rc;
}

static const char *
last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

static bool
is_planned(const struct setup_plan *p, const char *name)
{
	for (size_t i = 0; i < p->count; i++) {
		if (p->items[i].kind == SETUP_FILE &&
		    strcmp(last_part(p->items[i].name), name) == 0) {
			return true;
		}
	}
	return false;
}

/* ---- a copy of the folder ---- */

/* Links what stays as it is.  1: there is something other than files. */
static int
link_rest(const char *from, const char *to, const struct setup_plan *p)
{
	DIR *dir = opendir(from);
	struct dirent *entry;
	int rc = 0;

	if (dir == NULL) {
		return fail("read", from);
	}
	while (rc == 0 && (entry = readdir(dir)) != NULL) {
		struct stat st;
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0 ||
		    is_planned(p, entry->d_name)) {
			continue;
		}
		char old[PATH + NAME_MAX + 2], new[PATH + NAME_MAX + 2];
		snprintf(old, sizeof(old), "%s/%s", from, entry->d_name);
		snprintf(new, sizeof(new), "%s/%s", to, entry->d_name);
		if (lstat(old, &st) == -1) {
			rc = fail("read", old);
		} else if (!S_ISREG(st.st_mode)) {
			rc = 1;
		} else if (link(old, new) == -1) {
			rc = 1;
		}
	}
	closedir(dir);
	return rc;
}

/* Removes a folder that holds files alone. */
static void
remove_folder(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	if (dir == NULL) {
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		unlinkat(dirfd(dir), entry->d_name, 0);
	}
	closedir(dir);
	rmdir(path);
}

/* The name that the old folder gets, with the time; nobody has it yet. */
static void
name_kept(const char *folder, char kept[PATH])
{
	char when[32] = "old";
	struct stat st;
	struct tm tm;
	time_t now = time(NULL);

	if (localtime_r(&now, &tm) != NULL) {
		(void)strftime(when, sizeof(when), "%Y-%m-%d-%H%M%S", &tm);
	}
	snprintf(kept, PATH, "%s.%s", folder, when);
	for (unsigned i = 2; lstat(kept, &st) == 0; i++) {
		snprintf(kept, PATH, "%s.%s-%u", folder, when, i);
	}
}

/*
 * Exchanges the folder for the new one, which gets the name for the old one
 * before, so that whoever is killed removes no old files the next time.  0; -1,
 * logged; 1: it cannot be exchanged.
 */
static int
exchange(const char *folder, const char *new)
{
	char kept[PATH];

	name_kept(folder, kept);
	if (rename(new, kept) == -1) {
		return fail("make", kept);
	}
	/* Commit point. */
	if (renameat2(AT_FDCWD, kept, AT_FDCWD, folder, RENAME_EXCHANGE) ==
	    -1) {
		/* A mount point, a lower layer of an overlay, or no such
		   call. */
		int rc = errno == EBUSY || errno == EXDEV || errno == EINVAL ||
		                 errno == ENOSYS
		             ? 1
		             : fail("replace", folder);
		remove_folder(kept);
		return rc;
	}
	if (rmdir(kept) == -1) {
		printf("The old files are in %s\n", kept);
	}
	*strrchr(kept, '/') = '\0';
	return sync_folder(kept[0] != '\0' ? kept : "/") == -1
	           ? fail("write", folder)
	           : 0;
}

/* 0; -1, logged; 1: this folder cannot be exchanged. */
static int
replace_folder(const struct setup_place *place, const struct setup_answers *a,
    const struct setup_plan *p)
{
	char new[PATH], path[PATH + NAME_MAX];
	struct stat st;

	snprintf(new, sizeof(new), "%s.setup-new", place->folder);
	remove_folder(new); /* of one that was killed */
	if (stat(place->folder, &st) == -1 || mkdir(new, 0700) == -1) {
		return fail("make", new);
	}
	int rc = chown(new, st.st_uid, st.st_gid) == -1 ||
	                 chmod(new, st.st_mode & 07777) == -1
	             ? fail("make", new)
	             : link_rest(place->folder, new, p);
	for (size_t i = 0; rc == 0 && i < p->count; i++) {
		if (p->items[i].kind == SETUP_FILE) {
			snprintf(path, sizeof(path), "%s/%s", new,
			    last_part(p->items[i].name));
			rc = write_item(path, &p->items[i], a);
		}
	}
	if (rc == 0 && sync_folder(new) == -1) {
		rc = fail("write", new);
	}
	if (rc == 0) {
		rc = exchange(place->folder, new);
	}
	if (rc != 0) {
		remove_folder(new);
	}
	return rc;
}

/* Puts the new file, of that name, in the place of the old one, of which a copy
   stays. */
static int
replace_file(const char *temp, const char *name)
{
	char old[PATH], folder[PATH];
	struct stat st;

	snprintf(old, sizeof(old), "%s.old", name);
	strlcpy(folder, name, sizeof(folder));
	*strrchr(folder, '/') = '\0';
	if (stat(name, &st) == 0) {
		if (chown(temp, st.st_uid, st.st_gid) == -1 ||
		    chmod(temp, st.st_mode & 07777) == -1) {
			return fail("write", temp);
		}
		unlink(old);
		if (link(name, old) == -1) {
			return fail("keep a copy of", name);
		}
	}
	/* Commit point. */
	return rename(temp, name) == -1 || sync_folder(folder) == -1
	           ? fail("write", name)
	           : 0;
}

/* One file after the other; that of the configuration, the last, counts. */
static int
replace_files(const struct setup_answers *a, const struct setup_plan *p,
    enum setup_kind kind)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < p->count; i++) {
		const struct setup_item *item = &p->items[i];
		char temp[PATH];
		if (item->kind != kind) {
			continue;
		}
		snprintf(temp, sizeof(temp), "%s.setup-new", item->name);
		unlink(temp); /* of one that was killed */
		rc = write_item(temp, item, a);
		if (rc == 0) {
			rc = replace_file(temp, item->name);
		}
		if (rc == -1) {
			unlink(temp);
		}
	}
	return rc;
}

/* ---- all of it ---- */

static int
run_line(const char *line)
{
	char text[SETUP_PATH], *words[WORDS + 1], *rest = text;
	size_t n = 0;

	strlcpy(text, line, sizeof(text));
	while (n < WORDS && (words[n] = strsep(&rest, " ")) != NULL) {
		n++;
	}
	words[n] = NULL;
	if (setup_run(words, NULL) != 0) {
		log_error("this failed: %s", line);
		return -1;
	}
	return 0;
}

/* Makes a folder and those above it. */
static int
make_folder(const char *path, mode_t mode)
{
	char part[SETUP_PATH];

	strlcpy(part, path, sizeof(part));
	for (char *c = part + 1; *c != '\0'; c++) {
		if (*c == '/') {
			*c = '\0';
			if (mkdir(part, 0755) == -1 && errno != EEXIST) {
				return fail("make", part);
			}
			*c = '/';
		}
	}
	if (mkdir(path, mode) == -1) {
		return errno == EEXIST ? 0 : fail("make", path);
	}
	/* Not what the umask leaves. */
	return chmod(path, mode) == -1 ? fail("make", path) : 0;
}

static int
do_kind(const struct setup_plan *p, enum setup_kind kind)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct setup_item *item = &p->items[i];
		if (item->kind != kind) {
			continue;
		}
		if ((kind == SETUP_FOLDER ? make_folder(item->name, item->mode)
					  : run_line(item->name)) == -1) {
			return -1;
		}
	}
	return 0;
}

static bool
has_files(const struct setup_plan *p)
{
	for (size_t i = 0; i < p->count; i++) {
		if (p->items[i].kind == SETUP_FILE) {
			return true;
		}
	}
	return false;
}

/* --dkim, with the configuration that is there now. */
static int
make_keys(const struct setup_place *place, const struct setup_answers *a,
    const struct setup_plan *p)
{
	const char *const words[] = { "--dkim", a->domain, NULL };

	for (size_t i = 0; i < p->count; i++) {
		if (p->items[i].kind == SETUP_KEYS &&
		    setup_run_self(place, words, NULL, true) != 0) {
			log_error("no keys were made to sign mail of %s; see "
				  "above, and type it again",
			    a->domain);
			return -1;
		}
	}
	return 0;
}

int
setup_apply(const struct setup_place *place, const struct setup_answers *a,
    const struct setup_plan *p)
{
	int rc = 1;

	if (make_folder(place->folder, place->root ? 0755 : 0700) == -1 ||
	    do_kind(p, SETUP_USER) == -1 || do_kind(p, SETUP_FOLDER) == -1) {
		return -1;
	}
	if (has_files(p)) {
		rc = place->system ? replace_folder(place, a, p) : 1;
		if (rc == 1) {
			rc = replace_files(a, p, SETUP_FILE);
		}
		if (rc == -1) {
			return -1;
		}
	}
	if (replace_files(a, p, SETUP_ALIASES) == -1) {
		return -1;
	}
	if (make_keys(place, a, p) == -1) {
		return -1;
	}
	return do_kind(p, SETUP_UNITS);
}
