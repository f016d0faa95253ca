/* SPDX-License-Identifier: ISC */
/*
 * Runs a helper.  May run as root up to privilege_become() in the new process.
 * All it reads and writes are files in memory, of a size that is fixed before:
 * so there is no pipe to be filled or kept open, and nothing to wait for but
 * its end.
 */
#include "common/login/helper.h"

#include "common/process/privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

/* Its three descriptors, above those that they are to become. */
struct files {
	int fd[3];
};

static void
close_files(const struct files *f)
{
	for (int i = 0; i < 3; i++) {
		if (f->fd[i] != -1) {
			close(f->fd[i]);
		}
	}
}

/* A file in memory with so many octets, which can be neither more nor less. */
static int
make_file(const char *name, const void *data, size_t size)
{
	int low = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (low == -1) {
		return -1;
	}
	int fd = fcntl(low, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	close(low);
	if (fd != -1 &&
	    (ftruncate(fd, (off_t)size) == -1 ||
		(data != NULL && pwrite(fd, data, size, 0) != (ssize_t)size) ||
		fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) == -1)) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool
make_files(struct files *f, const struct helper *h)
{
	f->fd[0] = make_file("question", h->question, h->size);
	f->fd[1] = make_file("answer", NULL, HELPER_OUTPUT);
	f->fd[2] = make_file("trouble", NULL, HELPER_OUTPUT);
	return f->fd[0] != -1 && f->fd[1] != -1 && f->fd[2] != -1;
}

/* ---- its side ---- */

struct start {
	const struct helper *helper;
	const struct files *files;
	pid_t parent;
};

/* Becomes the helper; returns an exit status if that fails. */
static int
become_helper(void *context)
{
	const struct start *start = context;
	const struct helper *h = start->helper;
	const struct files *f = start->files;
	char path[] = "PATH=/usr/local/bin:/usr/bin:/bin", lang[] = "LANG=C";
	char *environment[] = { path, lang, NULL };
	char *words[HELPER_WORDS + 1], *text = strdup(h->command);
	size_t n = 0;

	for (char *word; text != NULL && n < HELPER_WORDS &&
			 (word = strsep(&text, " \t")) != NULL;) {
		if (*word != '\0') {
			words[n++] = word;
		}
	}
	words[n] = NULL;
	if (n == 0 || chdir("/") == -1 ||
	    privilege_become(
		geteuid() == 0 ? h->uid : geteuid(), h->gid, (gid_t)-1) == -1) {
		return EX_OSERR;
	}
	for (int i = 0; i < 3; i++) {
		if (dup2(f->fd[i], i) == -1) {
			return EX_OSERR;
		}
	}
	if (close_range(STDERR_FILENO + 1, UINT_MAX, 0) == -1) {
		return EX_OSERR;
	}
	umask(077);
	process_end_with_parent(start->parent);
	execve(words[0], words, environment);
	const char *why = strerror(errno);
	if (write(STDERR_FILENO, why, strlen(why)) == -1) {
		return EX_OSERR;
	}
	return EX_UNAVAILABLE;
}

/* ---- our side ---- */

/* Reads what the helper has written, up to the first NUL. */
static void
collect(int fd, char text[HELPER_OUTPUT + 1])
{
	ssize_t n = pread(fd, text, HELPER_OUTPUT, 0);

	text[n > 0 ? n : 0] = '\0';
}

enum process_end
helper_run(const struct helper *h, struct helper_answer *a)
{
	enum process_end end = PROCESS_FAILED;
	struct files f;

	memset(a, 0, sizeof(*a));
	if (!make_files(&f, h)) {
		close_files(&f);
		return PROCESS_FAILED;
	}
	struct start start = { h, &f, getpid() };
	end = process_run(become_helper, &start, h->limit, &a->status);
	if (end != PROCESS_FAILED) {
		collect(f.fd[1], a->out);
		collect(f.fd[2], a->err);
	}
	close_files(&f);
	return end;
}
