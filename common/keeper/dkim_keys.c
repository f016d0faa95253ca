/* SPDX-License-Identifier: ISC */
/*
 * Reads the keys that sign mail, with the rights of the runner or of the
 * administrator.  What lies there is the administrator's, and is checked all
 * the same: a file that others can read is no key any more.
 */
#include "common/keeper/dkim_keys.h"

#include "common/io/file.h"
#include "common/log/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int
directory(const struct config *config, char path[PATH_MAX])
{
	int n = snprintf(path, PATH_MAX, "%s/dkim", config->state);

	if (n < 0 || n >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return 0;
}

/* Names of domains and selectors; it leaves out what begins with a dot. */
static bool
is_name(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len >= DKIM_KEY_NAME || *name == '.') {
		return false;
	}
	for (const char *p = name; *p != '\0'; p++) {
		if (!((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') ||
			*p == '-' || *p == '.' || *p == '_')) {
			return false;
		}
	}
	return true;
}

/* The next name; NULL: there is none, or *result is -1 with errno. */
static struct dirent *
next_name(DIR *d, int *result)
{
	errno = 0;
	struct dirent *e = readdir(d);

	if (e == NULL && errno != 0) {
		*result = -1;
	}
	return e;
}

/* True for trouble that says nothing about a file; or keys are being changed.
 */
static bool
is_passing(int error)
{
	return error == ENOMEM || error == EIO || error == EMFILE ||
	       error == ENFILE || error == EINTR || error == ENOENT;
}

uint64_t
dkim_keys_version(
    const struct config *config, const char *domain, const char *selector)
{
	char path[PATH_MAX];
	struct stat st;
	int n = snprintf(path, sizeof(path), "%s/dkim%s%s%s%s%s", config->state,
	    domain == NULL ? "" : "/", domain == NULL ? "" : domain,
	    selector == NULL ? "" : "/", selector == NULL ? "" : selector,
	    selector == NULL ? "" : ".pem");

	if (n < 0 || n >= PATH_MAX) {
		return 0;
	}
	if (lstat(path, &st) == -1) {
		return errno == ENOENT || errno == ENOTDIR;
	}
	/* FNV-1a, by words. */
	const uint64_t parts[] = { st.st_dev, st.st_ino,
		(uint64_t)st.st_ctim.tv_sec, (uint64_t)st.st_ctim.tv_nsec };
	uint64_t hash = 14695981039346656037U;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		hash = (hash ^ parts[i]) * 1099511628211U;
	}
	return hash | 2; /* neither of those above */
}

bool
dkim_keys_folder(const struct config *config, const char *domain, size_t above)
{
	while (domain != NULL && strlen(domain) > above) {
		if (dkim_keys_version(config, domain, NULL) > 1) {
			return true;
		}
		domain = strchr(domain, '.');
		domain = domain == NULL ? NULL : domain + 1;
	}
	return false;
}

int
dkim_keys_exist(const struct config *config)
{
	char path[PATH_MAX];
	DIR *d = directory(config, path) == -1 ? NULL : opendir(path);
	struct dirent *e;
	int result = 0;

	if (d == NULL) {
		return errno == ENOENT ? 0 : -1;
	}
	while (result == 0 && (e = next_name(d, &result)) != NULL) {
		result = is_name(e->d_name);
	}
	int error = errno;
	closedir(d);
	errno = error;
	return result;
}

int
dkim_key_path(const struct config *config, const char *domain,
    const char *selector, const char *ending, char path[PATH_MAX])
{
	int n = snprintf(path, PATH_MAX, "%s/dkim/%s/%s%s", config->state,
	    domain, selector, ending);

	return is_name(domain) && is_name(selector) && n > 0 && n < PATH_MAX
	           ? 0
	           : -1;
}

/* Why a file is no place for a key; NULL: it is one. */
static const char *
wrong_file(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1) {
		return "it cannot be looked at";
	}
	errno = EPERM;
	if (!S_ISREG(st.st_mode)) {
		return "it is no file";
	}
	if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
		return "others can read it: make a new one (smtpd --dkim "
		       "DOMAIN --rotate), or if nobody has, type: chmod 600";
	}
	return st.st_uid == 0 || st.st_uid == geteuid()
	           ? NULL
	           : "it belongs to somebody else";
}

struct private_key *
dkim_key_open(const char *path, char error[CONFIG_ERROR])
{
	char text[PRIVATE_KEY_PEM];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	struct private_key *key = NULL;

	if (fd == -1) {
		snprintf(error, CONFIG_ERROR, "cannot read the key %.200s: %s",
		    path, strerror(errno));
		return NULL;
	}
	const char *why = wrong_file(fd);
	int cause = errno;
	if (why == NULL) {
		ssize_t n = file_read_all(fd, text, sizeof(text));
		key = n == -1 ? NULL : private_key_read(text, (size_t)n, &why);
		cause = errno;
		why = n == -1 ? strerror(cause) : why;
		explicit_bzero(text, sizeof(text));
	}
	close(fd);
	errno = cause;
	if (key == NULL) {
		snprintf(error, CONFIG_ERROR,
		    "the key %.200s is not used: %.100s", path, why);
	}
	return key;
}

/* Adds a key; of its kind, the last name counts.  0, or -1: too many. */
static int
add(struct dkim_keys *k, struct dkim_name name, struct private_key *key)
{
	name.usable = key != NULL;
	name.kind = key == NULL ? 0 : private_key_kind(key);
	for (size_t i = 0; i < k->count; i++) {
		struct dkim_name *n = &k->names[i];
		if (strcmp(n->domain, name.domain) != 0 ||
		    n->kind != name.kind || n->usable != name.usable) {
			continue;
		}
		if (strcmp(n->selector, name.selector) < 0) {
			private_key_close(k->keys[i]);
			k->keys[i] = key;
			*n = name;
		} else {
			private_key_close(key);
		}
		return 0;
	}
	if (k->count == DKIM_KEYS) {
		private_key_close(key);
		errno = E2BIG;
		return -1;
	}
	k->names[k->count] = name;
	k->keys[k->count++] = key;
	return 0;
}

/* The selector of a file name; false: it is none. */
static bool
selector_of(const char *file, const char *ending, char selector[DKIM_KEY_NAME])
{
	size_t len = strlen(file), n = strlen(ending);

	if (len <= n || len - n >= DKIM_KEY_NAME ||
	    strcmp(file + len - n, ending) != 0) {
		return false;
	}
	memcpy(selector, file, len - n);
	selector[len - n] = '\0';
	return is_name(selector);
}

int
dkim_keys_walk(const struct config *config, const char *domain,
    const char *ending,
    int (*each)(void *context, const char *selector, const char *path),
    void *context)
{
	char path[PATH_MAX], selector[DKIM_KEY_NAME];
	int n =
	    snprintf(path, sizeof(path), "%s/dkim/%s", config->state, domain);
	DIR *d = n < 0 || n >= PATH_MAX ? NULL : opendir(path);
	struct dirent *e;
	int result = 0;

	if (d == NULL) {
		return -1;
	}
	while (result == 0 && (e = next_name(d, &result)) != NULL) {
		if (selector_of(e->d_name, ending, selector) &&
		    dkim_key_path(config, domain, selector, ending, path) ==
			0) {
			result = each(context, selector, path);
		}
	}
	int error = errno;
	closedir(d);
	errno = error;
	return result;
}

struct reading {
	struct dkim_keys *keys;
	const struct config *config;
	const char *domain;
	uint64_t folder;
};

static int
read_key(void *context, const char *selector, const char *path)
{
	const struct reading *r = context;
	char error[CONFIG_ERROR];
	struct dkim_name name = { .folder = r->folder };

	/* Before it is read: a change after that is to be seen. */
	name.file = dkim_keys_version(r->config, r->domain, selector);
	strlcpy(name.domain, r->domain, sizeof(name.domain));
	strlcpy(name.selector, selector, sizeof(name.selector));
	errno = 0;
	struct private_key *key = dkim_key_open(path, error);
	if (key == NULL && is_passing(errno)) {
		return -1;
	}
	if (key == NULL) {
		log_error("%s", error);
	}
	return add(r->keys, name, key);
}

static int
read_domain(struct dkim_keys *k, const struct config *config,
    const char *domain, const char *ending)
{
	struct reading r = { k, config, domain,
		dkim_keys_version(config, domain, NULL) };

	return dkim_keys_walk(config, domain, ending, read_key, &r);
}

int
dkim_keys_read(struct dkim_keys *k, const struct config *config,
    const char *only, const char *ending, char error[CONFIG_ERROR])
{
	char path[PATH_MAX];
	uint64_t folder = dkim_keys_version(config, NULL, NULL);
	DIR *d = directory(config, path) == -1 ? NULL : opendir(path);
	struct dirent *e;
	int result = 0;

	k->count = 0;
	k->folder = folder;
	if (d == NULL) {
		snprintf(error, CONFIG_ERROR, "cannot read %.200s: %s", path,
		    strerror(errno));
		return errno == ENOENT ? 0 : -1;
	}
	while (result == 0 && (e = next_name(d, &result)) != NULL) {
		if (!is_name(e->d_name) ||
		    (only != NULL && strcmp(only, e->d_name) != 0)) {
			continue;
		}
		result = read_domain(k, config, e->d_name, ending);
		if (result == -1 && errno == ENOTDIR) {
			result = 0; /* some note of the administrator's */
		}
	}
	int cause = errno;
	closedir(d);
	if (result == -1) {
		snprintf(error, CONFIG_ERROR,
		    "cannot read the keys in %.200s: "
		    "%s",
		    path,
		    cause == E2BIG ? "there are too many" : strerror(cause));
		dkim_keys_close(k);
		errno = cause;
	}
	return result;
}

void
dkim_keys_close(struct dkim_keys *k)
{
	for (size_t i = 0; i < k->count; i++) {
		private_key_close(k->keys[i]);
	}
	k->count = 0;
}
