/* SPDX-License-Identifier: ISC */
/*
 * Writes the files of keys.  A key is made as SELECTOR.next.  It is taken into
 * use by a second name, SELECTOR.pem; then those that it replaces become
 * SELECTOR.old, and last the first name goes.  So a key with both names is one
 * that was being taken into use.
 */
#include "smtpd/admin/dkim_private.h"

#include "common/io/file.h"
#include "common/log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- making ---- */

/*
 * Writes a file, and has it on the disk, before it has its name: a key is whole
 * or is not there.  0 or -1 with errno.
 */
static int
write_file(const char *path, const char *text, size_t len)
{
	char unfinished[PATH_MAX];
	const char *name = strrchr(path, '/') + 1;

	/* What begins with a dot is no key. */
	int n = snprintf(unfinished, sizeof(unfinished), "%.*s.%s.new",
	    (int)(name - path), path, name);
	if (n < 0 || (size_t)n >= sizeof(unfinished)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (unlink(unfinished) == -1 && errno != ENOENT) {
		return -1; /* of somebody who was killed */
	}
	int fd = open(unfinished,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
	    S_IRUSR | S_IWUSR);
	if (fd == -1) {
		return -1;
	}
	bool good = file_append(fd, text, len) == 0 && fsync(fd) == 0;
	good = close(fd) == 0 && good;
	good = good && rename(unfinished, path) == 0;
	if (!good) {
		int error = errno;
		unlink(unfinished);
		errno = error;
	}
	return good ? 0 : -1;
}

/* The folder of a domain, made if need be. */
static int
make_folder(
    const struct config *config, const char *domain, char path[PATH_MAX])
{
	int n = snprintf(path, PATH_MAX, "%s/dkim/%s", config->state, domain);

	if (n < 0 || n >= PATH_MAX) {
		log_error("the path of the keys is too long");
		return -1;
	}
	const size_t ends[] = { strlen(config->state),
		strlen(config->state) + strlen("/dkim"), (size_t)n };
	for (size_t i = 0; i < 3; i++) {
		char c = path[ends[i]];
		path[ends[i]] = '\0';
		mode_t mode = i == 0 ? 0755 : S_IRWXU;
		bool made = mkdir(path, mode) == 0;
		if (!made && errno != EEXIST) {
			log_error("cannot make %s: %s", path, strerror(errno));
			return -1;
		}
		if (made && i == 0 && chmod(path, mode) == -1) {
			log_error("cannot open %s to others: %s", path,
			    strerror(errno));
			return -1;
		}
		path[ends[i]] = c;
	}
	return 0;
}

/* True if any file has that selector. */
static bool
is_taken(const struct config *config, const char *domain, const char *selector)
{
	static const char *const endings[] = { ".pem", ".next", ".old" };
	char path[PATH_MAX];
	struct stat st;

	for (size_t i = 0; i < 3; i++) {
		if (dkim_key_path(config, domain, selector, endings[i], path) ==
			-1 ||
		    lstat(path, &st) == 0) {
			return true;
		}
	}
	return false;
}

/* rYYYYMM or eYYYYMM, and a letter if there is one of this month. */
static int
new_selector(const struct config *config, const char *domain,
    enum public_key_kind kind, char out[DKIM_KEY_NAME])
{
	time_t now = time(NULL);
	struct tm tm;
	char month[16];

	if (gmtime_r(&now, &tm) == NULL ||
	    strftime(month, sizeof(month), "%Y%m", &tm) == 0) {
		return -1;
	}
	for (char letter = 'a'; letter <= 'z'; letter++) {
		snprintf(out, DKIM_KEY_NAME, "%c%s%.1s",
		    kind == PUBLIC_KEY_RSA ? 'r' : 'e', month,
		    letter == 'a' ? "" : &letter);
		if (!is_taken(config, domain, out)) {
			return 0;
		}
	}
	return -1;
}

static int
make_key(
    const struct config *config, const char *domain, enum public_key_kind kind)
{
	char selector[DKIM_KEY_NAME], path[PATH_MAX], pem[PRIVATE_KEY_PEM];
	const char *why;

	if (new_selector(config, domain, kind, selector) == -1 ||
	    dkim_key_path(config, domain, selector, ".next", path) == -1) {
		log_error(
		    "no name is left for a new key of %s this month", domain);
		return -1;
	}
	struct private_key *key = private_key_make(kind, &why);
	if (key == NULL) {
		log_error("cannot make a key: %s", why);
		return -1;
	}
	ssize_t n = private_key_pem(key, pem, sizeof(pem));
	private_key_close(key);
	int result = n == -1 ? -1 : write_file(path, pem, (size_t)n);
	explicit_bzero(pem, sizeof(pem));
	if (result == -1) {
		log_error("cannot write %s: %s", path, strerror(errno));
	}
	return result;
}

static bool
has_kind(const struct dkim_keys *k, enum public_key_kind kind)
{
	for (size_t i = 0; i < k->count; i++) {
		if (k->names[i].kind == kind && k->keys[i] != NULL) {
			return true;
		}
	}
	return false;
}

/* Names are on the disk when their folder is, and it is one itself. */
static int
sync_folders(const struct config *config, const char *domain)
{
	const char *const parts[] = { "/dkim/", "/dkim", "" };
	char path[PATH_MAX];

	for (size_t i = 0; i < 3; i++) {
		int n = snprintf(path, sizeof(path), "%s%s%s", config->state,
		    parts[i], i == 0 ? domain : "");
		int fd = n < 0 || n >= PATH_MAX
		             ? -1
		             : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		int result = fd == -1 ? -1 : fsync(fd);
		int error = errno;
		if (fd != -1) {
			close(fd);
		}
		if (result == -1) {
			log_error("cannot write %s: %s", path, strerror(error));
			return -1;
		}
	}
	return 0;
}

int
dkim_files_make(const struct config *config, const char *domain,
    const struct dkim_keys *next)
{
	static const enum public_key_kind kinds[] = { PUBLIC_KEY_RSA,
		PUBLIC_KEY_ED25519 };
	char folder[PATH_MAX];
	int made = 0;

	if (make_folder(config, domain, folder) == -1) {
		return -1;
	}
	for (size_t i = 0; i < 2; i++) {
		if (has_kind(next, kinds[i])) {
			continue;
		}
		if (make_key(config, domain, kinds[i]) == -1) {
			return -1;
		}
		made++;
	}
	return sync_folders(config, domain) == -1 ? -1 : made;
}

/* ---- changing ---- */

static int
paths_of(const struct config *config, const struct dkim_name *n,
    char next[PATH_MAX], char pem[PATH_MAX])
{
	if (dkim_key_path(config, n->domain, n->selector, ".next", next) == 0 &&
	    dkim_key_path(config, n->domain, n->selector, ".pem", pem) == 0) {
		return 0;
	}
	errno = ENAMETOOLONG;
	return -1;
}

static bool
is_same_file(const char *a, const char *b)
{
	struct stat one, other;

	return lstat(a, &one) == 0 && lstat(b, &other) == 0 &&
	       one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

bool
dkim_files_unfinished(const struct config *config, const struct dkim_keys *next)
{
	char from[PATH_MAX], to[PATH_MAX];

	for (size_t i = 0; i < next->count; i++) {
		if (paths_of(config, &next->names[i], from, to) == 0 &&
		    is_same_file(from, to)) {
			return true;
		}
	}
	return false;
}

static int
cannot(const struct dkim_name *n)
{
	log_error("cannot change the key %s of %s: %s", n->selector, n->domain,
	    strerror(errno));
	return -1;
}

static int
begin_use(const struct config *config, const struct dkim_keys *next)
{
	char from[PATH_MAX], to[PATH_MAX];

	for (size_t i = 0; i < next->count; i++) {
		if (paths_of(config, &next->names[i], from, to) == -1 ||
		    (link(from, to) == -1 &&
			(errno != EEXIST || !is_same_file(from, to)))) {
			return cannot(&next->names[i]);
		}
	}
	return 0;
}

static int
end_change(const struct config *config, const struct dkim_keys *next)
{
	char from[PATH_MAX], to[PATH_MAX];

	for (size_t i = 0; i < next->count; i++) {
		if (paths_of(config, &next->names[i], from, to) == -1 ||
		    (unlink(from) == -1 && errno != ENOENT)) {
			return cannot(&next->names[i]);
		}
	}
	return 0;
}

/* What is done to each key that signs. */
struct retiring {
	const struct config *config;
	const char *domain;
	const struct dkim_keys *next;
	struct dkim_names *old;
	bool said; /* why it failed */
};

static bool
is_next(const struct dkim_keys *next, const char *selector)
{
	for (size_t i = 0; i < next->count; i++) {
		if (strcmp(next->names[i].selector, selector) == 0) {
			return true;
		}
	}
	return false;
}

/* One that cannot be used stays: it has signed nothing. */
static int
retire(void *context, const char *selector, const char *path)
{
	struct retiring *r = context;
	char to[PATH_MAX], error[CONFIG_ERROR];

	if (is_next(r->next, selector)) {
		return 0;
	}
	struct private_key *key = dkim_key_open(path, error);
	if (key == NULL) {
		bool blame = errno == EPERM || errno == EINVAL;
		log_error("%s", error);
		r->said = !blame;
		return blame ? 0 : -1;
	}
	enum public_key_kind kind = private_key_kind(key);
	private_key_close(key);
	if (!has_kind(r->next, kind)) {
		return 0;
	}
	if (dkim_key_path(r->config, r->domain, selector, ".old", to) == -1 ||
	    rename(path, to) == -1) {
		log_error("cannot rename %s: %s", path, strerror(errno));
		r->said = true;
		return -1;
	}
	if (r->old->count < DKIM_NAMES_MOST) {
		strlcpy(r->old->selectors[r->old->count++], selector,
		    DKIM_KEY_NAME);
	}
	return 0;
}

/* Retires the keys that have signed so far. */
static int
retire_all(struct retiring *r)
{
	if (dkim_keys_walk(r->config, r->domain, ".pem", retire, r) == 0) {
		return 0;
	}
	if (!r->said) {
		log_error("cannot look for the keys of %s: %s", r->domain,
		    strerror(errno));
	}
	return -1;
}

int
dkim_files_switch(const struct config *config, const char *domain,
    const struct dkim_keys *next, struct dkim_names *old)
{
	struct retiring r = { config, domain, next, old, false };

	/* The new ones first, so that at no time there is none; each step is
	   on the disk before the next one. */
	old->count = 0;
	return begin_use(config, next) == -1 ||
	               sync_folders(config, domain) == -1 ||
	               retire_all(&r) == -1 ||
	               sync_folders(config, domain) == -1 ||
	               end_change(config, next) == -1 ||
	               sync_folders(config, domain) == -1
	           ? -1
	           : 0;
}
