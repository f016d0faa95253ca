/* SPDX-License-Identifier: ISC */
/*
 * The group that a mailbox's owner is given: the folder's, and only if nobody
 * but root could have made the way lead to it.  Needs root: the cases are laid
 * out in a root folder of their own.
 */
#include "spool/become.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum { USER = 64001, OTHER = 64002, GROUP = 64010, SECRET = 64011 };

static const struct {
	const char *name;
	const char *template; /* the key mailbox; NULL: the path */
	const char *path;
	gid_t group; /* that is expected; 0: none */
} cases[] = {
	{ "a folder as /var/mail", NULL, "/var/mail/alice", GROUP },
	{ "a link of root's to it", NULL, "/spool/alice", GROUP },
	{ "a relative link of root's", NULL, "/var/spool/alice", GROUP },
	{ "a way with . and ..", NULL, "/home/../var/./mail/alice", GROUP },
	{ "a folder in one with the sticky bit", NULL, "/tmp/mail/alice",
	    GROUP },
	{ "%h in the template", "%h/alice", "/var/mail/alice", 0 },
	{ "the user's link to a secret group's folder", NULL,
	    "/home/alice/mail/alice", 0 },
	{ "the user's link to the mail folder", NULL, "/home/alice/var/alice",
	    0 },
	{ "the user's folder", NULL, "/home/alice/own/alice", 0 },
	{ "root's folder in the user's", NULL, "/home/alice/roots/alice", 0 },
	{ "a way through another user's folder", NULL, "/home/eve/mail/alice",
	    0 },
	{ "a link in a folder with the sticky bit", NULL, "/tmp/link/alice",
	    0 },
	{ "a folder that others can write", NULL, "/open/mail/alice", 0 },
	{ "a folder that a group can write", NULL, "/group/mail/alice", 0 },
	{ "a folder for everybody", NULL, "/all/alice", 0 },
	{ "a folder of another's", NULL, "/another/alice", 0 },
	{ "a folder of the group of root", NULL, "/root/alice", 0 },
	{ "a folder that no group writes", NULL, "/plain/alice", 0 },
	{ "a folder that is not there", NULL, "/nowhere/alice", 0 },
	{ "a file", NULL, "/file/alice", 0 },
	{ "a loop of links", NULL, "/loop/alice", 0 },
	{ "a relative path", NULL, "var/mail/alice", 0 },
	{ "a name without a folder", NULL, "alice", 0 },
};

static void
folder(const char *path, uid_t uid, gid_t gid, mode_t mode)
{
	scratch_need(mkdir(path, 0700) == 0 && chown(path, uid, gid) == 0 &&
			 chmod(path, mode) == 0,
	    path);
}

static void
leave(const char *to, const char *path, uid_t uid)
{
	scratch_need(
	    symlink(to, path) == 0 && lchown(path, uid, uid) == 0, path);
}

/* What is there, in a root folder of the test's own. */
static void
lay_out(void)
{
	folder("/var", 0, 0, 0755);
	folder("/var/mail", 0, GROUP, 02775);
	folder("/secret", 0, SECRET, 02775);
	leave("/var/mail", "/spool", 0);
	leave("mail", "/var/spool", 0);
	leave("/loop", "/loop", 0);
	folder("/tmp", 0, 0, 01777);
	folder("/tmp/mail", 0, GROUP, 02775);
	leave("/secret", "/tmp/link", 0);
	folder("/home", 0, 0, 0755);
	folder("/home/alice", USER, USER, 0755);
	leave("/secret", "/home/alice/mail", USER);
	leave("/var/mail", "/home/alice/var", USER);
	folder("/home/alice/own", USER, SECRET, 02775);
	folder("/home/alice/roots", 0, SECRET, 02775);
	folder("/home/eve", OTHER, OTHER, 0755);
	folder("/home/eve/mail", 0, SECRET, 02775);
	folder("/open", 0, 0, 0777);
	folder("/open/mail", 0, GROUP, 02775);
	folder("/group", 0, SECRET, 0775);
	folder("/group/mail", 0, GROUP, 02775);
	folder("/all", 0, GROUP, 0777);
	folder("/another", OTHER, GROUP, 02775);
	folder("/root", 0, 0, 0775);
	folder("/plain", 0, GROUP, 0755);
	scratch_write("/file", "", 0);
}

/* The group that the process has when it has become the user; 1: trouble. */
static gid_t
group_of(const char *template, const char *path)
{
	static struct config config;
	const struct account a = { .name = "alice", .uid = USER, .gid = USER };
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		gid_t list[8] = { 0 };
		strlcpy(config.mailbox, template == NULL ? path : template,
		    sizeof(config.mailbox));
		if (become_account(&config, &a, path) == -1 ||
		    geteuid() != USER) {
			_exit(1);
		}
		int n = getgroups(8, list);
		_exit(n == 0 ? 0 : n == 1 ? (int)(list[0] - GROUP) + 2 : 1);
	}
	scratch_need(waitpid(pid, &status, 0) == pid, "waitpid");
	int got = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	return got < 2 ? (gid_t)got : (gid_t)(GROUP + got - 2);
}

/* How many capabilities are left in the bounding set of this process. */
static int
bounds(void)
{
	int n = 0;

	for (unsigned long c = 0; c < 64; c++) {
		n += prctl(PR_CAPBSET_READ, c) == 1;
	}
	return n;
}

enum way { ACCOUNT, DIRECTORY };

/* How many are left to a process that has become somebody that way. */
static int
bounds_after(enum way way)
{
	static struct config config;
	const struct account a = { .name = "alice", .uid = USER, .gid = USER };
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int fd = open("/another", O_RDONLY | O_DIRECTORY);
		int done = way == ACCOUNT ? become_account(&config, &a, NULL)
		                          : become_owner_of(fd);
		_exit(done == 0 && geteuid() != 0 ? bounds() : 100);
	}
	scratch_need(waitpid(pid, &status, 0) == pid, "waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 100;
}

static void
test_bounds(void)
{
	int now = bounds();

	ok(now > 0 && bounds_after(ACCOUNT) == now,
	    "who may start programs keeps the bounding set");
	ok(bounds_after(DIRECTORY) == 0,
	    "who looks after a user's directory has none");
}

/* In a child, whose root folder goes with it. */
static void
in_a_root_of_its_own(void)
{
	char path[PATH_MAX];

	scratch_need(chmod(scratch_dir, 0755) == 0 &&
			 chroot(scratch_dir) == 0 && chdir("/") == 0,
	    "chroot");
	lay_out();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		strlcpy(path, cases[i].path, sizeof(path));
		gid_t got = group_of(cases[i].template, path);
		if (!ok(got == cases[i].group, "%s", cases[i].name)) {
			note("group %u instead of %u", (unsigned)got,
			    (unsigned)cases[i].group);
		}
	}
	test_bounds();
	printf("1..%d\n", tap_count);
	fflush(stdout);
}

int
main(void)
{
	int status = 0;

	if (geteuid() != 0) {
		ok(true, "the group of a mailbox's folder # SKIP needs root");
		return tap_done();
	}
	scratch_make();
	pid_t pid = fork();
	if (pid == 0) {
		in_a_root_of_its_own();
		_exit(tap_failed == 0 ? 0 : 1);
	}
	scratch_need(waitpid(pid, &status, 0) == pid, "waitpid");
	char *const words[] = { (char[]){ "rm" }, (char[]){ "-rf" },
		scratch_dir, NULL };
	pid = fork();
	if (pid == 0) {
		execvp(words[0], words);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
