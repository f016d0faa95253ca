/* SPDX-License-Identifier: ISC */
/*
 * The sandboxes of sessions, clients and mailboxes.  A child tries each thing,
 * first at large, where it must succeed (else the test proves nothing), and
 * then shut in.
 */
#include "common/process/sandbox.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

static char path[PATH_MAX];
static int pair[2], file;

/* Each answers whether it could. */

static bool
try_open(void)
{
	return open(path, O_RDONLY) != -1;
}

static bool
try_openat(void)
{
	return openat(AT_FDCWD, "/etc/passwd", O_RDONLY) != -1;
}

static bool
try_create(void)
{
	char name[PATH_MAX];

	return open(scratch_path(name, "new"), O_WRONLY | O_CREAT, 0600) != -1;
}

static bool
try_unlink(void)
{
	char name[PATH_MAX];

	return unlinkat(AT_FDCWD, scratch_path(name, "victim"), 0) == 0;
}

static bool
try_rename(void)
{
	char name[PATH_MAX];

	scratch_path(name, "renamed");
	return renameat(AT_FDCWD, path, AT_FDCWD, name) == 0 &&
	       renameat(AT_FDCWD, name, AT_FDCWD, path) == 0;
}

static bool
try_stat(void)
{
	struct stat st;

	return stat(path, &st) == 0;
}

static bool
try_list(void)
{
	int fd = open(scratch_dir, O_RDONLY | O_DIRECTORY);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);

	return d != NULL && readdir(d) != NULL;
}

static bool
try_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) != -1;
}

static bool
try_unix(void)
{
	return socket(AF_UNIX, SOCK_DGRAM, 0) != -1;
}

static bool
try_netlink(void)
{
	return socket(AF_NETLINK, SOCK_RAW, 0) != -1;
}

static bool
try_packet_type(void)
{
	return socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP) != -1 ||
	       errno == EACCES; /* ping_group_range: the kernel was asked */
}

static bool
try_sctp(void)
{
	return socket(AF_INET, SOCK_SEQPACKET, IPPROTO_SCTP) != -1 ||
	       errno == ESOCKTNOSUPPORT || errno == EPROTONOSUPPORT;
}

static bool
try_resolver_socket(void)
{
	return socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) !=
	           -1 ||
	       errno == EAFNOSUPPORT;
}

static bool
try_ask_length(void)
{
	int n;

	return ioctl(pair[0], FIONREAD, &n) == 0;
}

/* Of a request that the terminal would carry out, all that is seen here is
 * whether the kernel looked at it: the descriptor is no terminal. */
static bool
try_request(unsigned long request)
{
	char c = 'x';

	return ioctl(pair[0], request, &c) == 0 || errno == ENOTTY ||
	       errno == EINVAL || errno == EOPNOTSUPP;
}

static bool
try_type_into_terminal(void)
{
	return try_request(TIOCSTI);
}

/* The kernel looks at 32 bits, and so must the filter. */
static bool
try_type_with_high_bits(void)
{
	char c = 'x';

	return syscall(SYS_ioctl, pair[0], TIOCSTI | 1UL << 40, &c) == 0 ||
	       errno == ENOTTY;
}

static bool
try_console(void)
{
	return try_request(TIOCLINUX);
}

static bool
try_take_terminal(void)
{
	return try_request(TIOCSCTTY);
}

static bool
try_signals_for_input(void)
{
	int on = 1;

	return ioctl(pair[0], FIOASYNC, &on) == 0;
}

/* XFS_IOC_EXCHANGE_RANGE; ENOTTY from other file systems. */
static bool
try_exchange(void)
{
	char range[40] = { 0 };

	return ioctl(file, _IOC(_IOC_WRITE, 'X', 129, sizeof(range)), range) ==
	           0 ||
	       errno != EPERM;
}

static bool
try_lock(void)
{
	struct flock whole = { .l_type = F_WRLCK };

	return fcntl(file, F_OFD_SETLK, &whole) == 0;
}

static bool
try_signals_to_others(void)
{
	return fcntl(pair[0], F_SETOWN, getpid()) == 0;
}

static bool
try_lease(void)
{
	return fcntl(file, F_SETLEASE, F_UNLCK) == 0 || errno == EAGAIN;
}

static bool
try_socketpair(void)
{
	int fd[2];

	return socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0;
}

static bool
try_pipe(void)
{
	int fd[2];

	return pipe(fd) == 0;
}

static bool
try_dup(void)
{
	return dup(pair[0]) != -1;
}

static bool
try_dup2(void)
{
	return dup2(pair[0], 200) != -1;
}

static bool
try_dupfd(void)
{
	return fcntl(pair[0], F_DUPFD, 3) != -1;
}

static bool
try_memfd(void)
{
	return memfd_create("x", 0) != -1;
}

static bool
try_fork(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		_exit(0);
	}
	return pid > 0 && waitpid(pid, NULL, 0) == pid;
}

static bool
try_kill(void)
{
	return kill(getppid(), 0) == 0;
}

static bool
try_kill_self(void)
{
	return kill(getpid(), 0) == 0;
}

static bool
try_end_a_process(void)
{
	signal(SIGUSR1, SIG_IGN);
	return kill(getpid(), SIGUSR1) == 0;
}

static bool
try_ptrace(void)
{
	return syscall(SYS_ptrace, 0L, 0L, 0L, 0L) == 0; /* PTRACE_TRACEME */
}

static bool
try_chmod(void)
{
	return fchmod(file, 0600) == 0;
}

static bool
try_setuid(void)
{
	return setuid(geteuid()) == 0;
}

static bool
try_chdir(void)
{
	return chdir("/") == 0;
}

enum { NOBODY = 0, CLIENT = 1, MAILBOX = 2 };

static const struct {
	const char *name;
	bool (*could)(void);
	unsigned but; /* these may, however */
} forbidden[] = {
	{ "open a file", try_open, MAILBOX },
	{ "open a file of the system", try_openat, MAILBOX },
	{ "make a file", try_create, MAILBOX },
	{ "remove a file", try_unlink, MAILBOX },
	{ "rename a file", try_rename, MAILBOX },
	{ "stat a file", try_stat, MAILBOX },
	{ "list a folder", try_list, MAILBOX },
	{ "make a socket", try_socket, CLIENT },
	{ "make one as the resolver does", try_resolver_socket, CLIENT },
	{ "make a local socket", try_unix, NOBODY },
	{ "make a socket to the kernel", try_netlink, NOBODY },
	{ "make a socket of another protocol", try_packet_type, NOBODY },
	{ "make a socket of another type", try_sctp, NOBODY },
	{ "ask how much there is to read", try_ask_length, CLIENT },
	{ "type into a terminal", try_type_into_terminal, NOBODY },
	{ "type into it by a longer number", try_type_with_high_bits, NOBODY },
	{ "paste into the console", try_console, NOBODY },
	{ "take a terminal", try_take_terminal, NOBODY },
	{ "have signals sent for input", try_signals_for_input, NOBODY },
	{ "have files change places", try_exchange, MAILBOX },
	{ "make a socket pair", try_socketpair, NOBODY },
	{ "make a pipe", try_pipe, NOBODY },
	{ "duplicate a descriptor (dup)", try_dup, NOBODY },
	{ "duplicate a descriptor (dup2)", try_dup2, NOBODY },
	{ "duplicate a descriptor (fcntl)", try_dupfd, NOBODY },
	{ "lock a file", try_lock, MAILBOX },
	{ "have signals sent to somebody", try_signals_to_others, NOBODY },
	{ "take a lease", try_lease, NOBODY },
	{ "make a file in memory", try_memfd, NOBODY },
	{ "fork", try_fork, NOBODY },
	{ "ask whether its parent is there", try_kill, MAILBOX },
	{ "ask whether itself is there", try_kill_self, MAILBOX },
	{ "signal a process", try_end_a_process, NOBODY },
	{ "trace", try_ptrace, NOBODY },
	{ "change rights", try_chmod, MAILBOX },
	{ "change its uid", try_setuid, NOBODY },
	{ "change its folder", try_chdir, NOBODY },
};

/* ---- what must go on ---- */

static bool
can_talk(void)
{
	char c = 0;

	return write(pair[0], "x", 1) == 1 && read(pair[1], &c, 1) == 1 &&
	       c == 'x' && send(pair[1], "y", 1, MSG_NOSIGNAL) == 1 &&
	       recv(pair[0], &c, 1, MSG_DONTWAIT) == 1 && c == 'y';
}

static bool
can_poll(void)
{
	struct pollfd p = { .fd = pair[0], .events = POLLIN };
	struct timespec ts = { .tv_nsec = 1000 };

	return ppoll(&p, 1, &ts, NULL) == 0;
}

static bool
can_use_file(void)
{
	return ftruncate(file, 0) == 0 && pwrite(file, "abc", 3, 0) == 3 &&
	       lseek(file, 0, SEEK_END) == 3;
}

static bool
can_allocate(void)
{
	char *small = malloc(100), *large = malloc(4 << 20);
	bool good = small != NULL && large != NULL;

	if (good) {
		memset(large, 'x', 4 << 20);
	}
	free(small);
	free(large);
	return good;
}

static bool
can_tell_time(void)
{
	struct timespec ts;

	return clock_gettime(CLOCK_MONOTONIC, &ts) == 0 && time(NULL) > 0;
}

static bool
can_draw_lots(void)
{
	uint32_t a = arc4random(), b = arc4random(), c = arc4random();

	return a != b || b != c;
}

static const struct {
	const char *name;
	bool (*could)(void);
} allowed[] = {
	{ "read and write what it has", can_talk },
	{ "wait", can_poll },
	{ "use the file it has", can_use_file },
	{ "allocate memory", can_allocate },
	{ "tell the time", can_tell_time },
	{ "draw random numbers", can_draw_lots },
};

/*
 * Runs a try in a child: could it?  strange is set if it was not refused, but
 * failed in another way.
 */
static bool
in_child(bool (*could)(void), int (*shut_in)(void), bool *strange)
{
	int status;
	char victim[PATH_MAX];

	scratch_write(scratch_path(victim, "victim"), "x", 1);
	pid_t pid = fork();
	if (pid == 0) {
		if (shut_in != NULL && shut_in() == -1) {
			_exit(3);
		}
		/* A number for a descriptor is free, so that it is not only
		   the limit of them that stands in the way. */
		close(STDIN_FILENO);
		errno = 0;
		bool did = could();
		_exit(did ? 0 : errno == EPERM || shut_in == NULL ? 1 : 2);
	}
	scratch_need(waitpid(pid, &status, 0) == pid, "waitpid");
	if (!WIFEXITED(status) || WEXITSTATUS(status) > 1) {
		note("status %#x", (unsigned)status);
		*strange = true;
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* execve(2) succeeds by not coming back. */
static int
exec_status(int (*shut_in)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (shut_in != NULL && shut_in() == -1) {
			_exit(3);
		}
		execl("/bin/true", "true", (char *)NULL);
		_exit(errno == EPERM ? 9 : 8);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
test_shut_in(const char *who, int (*shut_in)(void), unsigned bit)
{
	for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
		bool strange = false, may = (forbidden[i].but & bit) != 0;
		ok(in_child(forbidden[i].could, shut_in, &strange) == may &&
			!strange,
		    "a %s shut in %s %s", who, may ? "can" : "cannot",
		    forbidden[i].name);
	}
	ok(exec_status(shut_in) == 9, "a %s shut in cannot run a program", who);
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		bool strange = false;
		ok(in_child(allowed[i].could, shut_in, &strange),
		    "a %s shut in can still %s", who, allowed[i].name);
	}
}

/* A session that was forked by a starter. */
static int
started_session(void)
{
	return sandbox_starter() == 0 ? sandbox_started_session() : -1;
}

int
main(void)
{
	bool strange = false;

	scratch_make();
	scratch_write(scratch_path(path, "file"), "x", 1);
	scratch_need(
	    socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
	file = open(path, O_RDWR);
	for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
		ok(in_child(forbidden[i].could, NULL, &strange),
		    "at large it can %s", forbidden[i].name);
	}
	ok(exec_status(NULL) == 0, "at large it can run a program");
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		ok(in_child(allowed[i].could, NULL, &strange),
		    "at large it can %s", allowed[i].name);
	}
	test_shut_in("session", sandbox_session, NOBODY);
	test_shut_in("process that talks", sandbox_talker, NOBODY);
	test_shut_in("started session", started_session, NOBODY);
	test_shut_in("client", sandbox_client, CLIENT);
	test_shut_in("mailbox", sandbox_mailbox, MAILBOX);
	return tap_done();
}
