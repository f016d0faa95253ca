/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_TESTS_UNIT_T_QUEUE_H
#define RESTANTE_TESTS_UNIT_T_QUEUE_H

#include "spool/queue.h"

#include "tests/unit/t-scratch.h"

#include <errno.h>

/* A queue in the scratch folder, and messages for it. */

static char queue_path[PATH_MAX];

static inline void
queue_clear(void)
{
	static const char *const folders[] = { "active", "deferred", "hold",
		"corrupt", "reason" };
	char path[PATH_MAX + 16];

	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		snprintf(path, sizeof(path), "%s/%s", queue_path, folders[i]);
		DIR *d = opendir(path);
		for (struct dirent *e; d && (e = readdir(d)) != NULL;) {
			unlinkat(dirfd(d), e->d_name, 0);
			unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
		}
		if (d != NULL) {
			closedir(d);
			rmdir(path);
		}
	}
	scratch_empty(queue_path);
}

/* Only by whom it belongs to, and before the folder around it goes. */
UNUSED static void
queue_clear_at_exit(void)
{
	if (scratch_owner == getpid()) {
		queue_clear();
	}
}

/* A queue with nothing in it. */
UNUSED static void
queue_fresh(struct queue *q)
{
	if (queue_path[0] == '\0') {
		scratch_make();
		scratch_path(queue_path, "queue");
		atexit(queue_clear_at_exit);
	}
	queue_clear();
	scratch_need(queue_open(q, queue_path) == 0, "queue_open");
}

/* The path of a file in a place. */
UNUSED static const char *
queue_path_of(char path[PATH_MAX], const char *folder, const char *id)
{
	scratch_need(snprintf(path, PATH_MAX, "%s/%s/%s", queue_path, folder,
			 id) < PATH_MAX,
	    "path");
	return path;
}

UNUSED static bool
queue_has(const char *folder, const char *id)
{
	char path[PATH_MAX];
	struct stat st;

	return lstat(queue_path_of(path, folder, id), &st) == 0;
}

/* How many files a folder of it has. */
UNUSED static size_t
queue_files(const char *folder)
{
	char path[PATH_MAX];
	size_t n = 0;
	DIR *d = opendir(queue_path_of(path, folder, ""));

	scratch_need(d != NULL, path);
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		n +=
		    strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	}
	closedir(d);
	return n;
}

/* A mail to so many. */
UNUSED static void
queue_mail(struct mail *m, size_t recipients)
{
	char address[64];
	struct recipient r = {
		.text = address, .given = "", .owner = "", .orcpt = ""
	};

	mail_init(m);
	strlcpy(m->sender, "alice@example.org", sizeof(m->sender));
	for (size_t i = 0; i < recipients; i++) {
		snprintf(address, sizeof(address), "r%zu@example.net", i);
		scratch_need(mail_add(m, &r) == 0, "mail_add");
	}
}

/* Commits a text; 0 or -1. */
UNUSED static int
queue_put(
    struct queue *q, struct mail *m, const char *text, size_t len, bool wire)
{
	char path[PATH_MAX];

	scratch_write(scratch_path(path, "body"), text, len);
	struct queue_body body = { .fd = open(path, O_RDONLY | O_CLOEXEC),
		.length = -1,
		.wire = wire };
	scratch_need(body.fd != -1, path);
	int result = queue_commit(q, m, &body);
	int saved = errno;
	close(body.fd);
	unlink(path);
	errno = saved;
	return result;
}

/* A small message in active/. */
UNUSED static void
queue_put_one(struct queue *q, char id[MAIL_ID + 1], size_t recipients)
{
	struct mail m;

	queue_mail(&m, recipients);
	scratch_need(queue_put(q, &m, "Subject: x\n\nhello\n", 18, false) == 0,
	    "queue_commit");
	memcpy(id, m.id, sizeof(m.id));
	mail_free(&m);
}

#endif
