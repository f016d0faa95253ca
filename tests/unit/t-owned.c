/* SPDX-License-Identifier: ISC */
/*
 * Files in a directory that a user owns: what is there instead of one is
 * neither waited for nor followed nor written to, and root opens nothing.
 */
#include "common/io/owned.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

enum kind { FILE_OF_OURS, FIFO, LINK, LOOSE, FOLDER, SOCKET, SECOND, FOREIGN };

static const struct {
	const char *name;
	enum kind kind;
	enum owned owned;
} kinds[] = {
	{ "a file of ours", FILE_OF_OURS, OWNED_FINE },
	{ "a FIFO", FIFO, OWNED_NO_FILE },
	{ "a link", LINK, OWNED_NO_FILE },
	{ "a link to nothing", LOOSE, OWNED_NO_FILE },
	{ "a folder", FOLDER, OWNED_NO_FILE },
	{ "a socket", SOCKET, OWNED_NO_FILE },
	{ "a second name", SECOND, OWNED_LINKED },
	{ "another's file", FOREIGN, OWNED_BY_ANOTHER },
};

static const struct {
	const char *name;
	int flags;
} ways[] = {
	{ "to read", O_RDONLY },
	{ "to write", O_WRONLY },
	{ "for both", O_RDWR },
	{ "or to make it", O_RDWR | O_CREAT },
};

static char path[PATH_MAX], other[PATH_MAX];

static void
make_socket(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strlcpy(a.sun_path, path, sizeof(a.sun_path));
	scratch_need(bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0, path);
	close(fd);
}

/* Makes it under the path; false: only root can. */
static bool
make(enum kind kind)
{
	switch (kind) {
	case FIFO:
		scratch_need(mkfifo(path, 0600) == 0, path);
		break;
	case LINK:
		scratch_need(symlink(other, path) == 0, path);
		break;
	case LOOSE:
		scratch_need(symlink("nothing", path) == 0, path);
		break;
	case FOLDER:
		scratch_need(mkdir(path, 0700) == 0, path);
		break;
	case SOCKET:
		make_socket();
		break;
	case SECOND:
		scratch_need(link(other, path) == 0, path);
		break;
	case FILE_OF_OURS:
	case FOREIGN:
		scratch_write(path, "x", 1);
		return kind != FOREIGN || chown(path, 65534, 65534) == 0;
	}
	return true;
}

static void
test_kinds(int folder)
{
	char text[OWNED_TEXT];

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		bool here = make(kinds[i].kind);
		for (size_t j = 0; j < sizeof(ways) / sizeof(ways[0]); j++) {
			int fd = owned_open(folder, "file", ways[j].flags);
			int error = errno;
			ok(!here || (kinds[i].owned == OWNED_FINE
					    ? fd != -1
					    : fd == -1 && error == EPERM),
			    "%s, %s%s", kinds[i].name, ways[j].name,
			    here ? "" : " # SKIP needs root");
			if (fd != -1) {
				close(fd);
			}
		}
		owned_text(kinds[i].owned, "/dir", "file", text);
		ok(!here || (owned_look(folder, "file") == kinds[i].owned &&
				strstr(text, kinds[i].owned == OWNED_FINE
						 ? "can be used"
						 : ": type there ") != NULL),
		    "%s is told: %s%s", kinds[i].name, text,
		    here ? "" : " # SKIP needs root");
		if (unlink(path) == -1) {
			rmdir(path);
		}
	}
}

static void
test_missing(int folder)
{
	char text[OWNED_TEXT];

	ok(owned_open(folder, "file", O_RDWR) == -1 && errno == ENOENT,
	    "no file is ENOENT");
	errno = EACCES;
	owned_why(scratch_dir, "file", text);
	ok(errno == EACCES && strstr(text, strerror(EACCES)) != NULL,
	    "what is not the file's fault is told by errno");
	ok(owned_open_at("/nowhere", "file", O_RDWR) == -1 && errno == ENOENT,
	    "no folder is ENOENT");
	int fd = owned_open_at(scratch_dir, "file", O_RDWR | O_CREAT);
	struct stat st;
	ok(fd != -1 && fstat(fd, &st) == 0 && (st.st_mode & 0777) == 0600,
	    "a file that is made is its owner's alone");
	close(fd);
	unlink(path);
}

static void
test_root(int folder)
{
	bool root = geteuid() == 0;

	scratch_write(path, "x", 1);
	scratch_need(!root || chown(scratch_dir, 65534, 65534) == 0, "chown");
	int fd = owned_open(folder, "file", O_RDONLY);
	ok(!root || (fd == -1 && errno == EPERM),
	    "root opens nothing in a user's directory%s",
	    root ? "" : " # SKIP needs root");
	if (fd != -1) {
		close(fd);
	}
	scratch_need(!root || chown(scratch_dir, 0, 0) == 0, "chown");
}

int
main(void)
{
	scratch_make();
	scratch_path(path, "file");
	scratch_path(other, "other");
	scratch_write(other, "secret", 6);
	int folder = open(scratch_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	scratch_need(folder != -1, scratch_dir);
	test_kinds(folder);
	test_missing(folder);
	test_root(folder);
	close(folder);
	return tap_done();
}
