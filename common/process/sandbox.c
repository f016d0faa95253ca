/* SPDX-License-Identifier: ISC */
/*
 * The sandboxes of processes that talk to strangers.  On Linux: no_new_privs,
 * resource limits, and a seccomp filter that is an allow-list of system calls;
 * elsewhere the limits alone.
 */
#include "common/process/sandbox.h"

#include "common/process/landlock.h"
#include "common/process/sandbox_private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED
#endif
#endif

#ifdef __linux__
#include <linux/sched.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#endif

enum {
	FILES = 64,
	STATM_DATA = 6, /* the field of /proc/PID/statm, proc(5) */
};

/*
 * What may be done to the files of one mailbox.  The folder is often that of
 * all mailboxes: nothing in it can be opened but what has a line of its own.
 */
static const unsigned file_rights[SANDBOX_FILES] = {
	[SANDBOX_MAILBOX] = PLACE_READ | PLACE_WRITE,
	[SANDBOX_DOTLOCK] = PLACE_READ,
	[SANDBOX_FOLDER] = PLACE_LIST | PLACE_MAKE | PLACE_REMOVE,
	[SANDBOX_LOCKS] = PLACE_LIST | PLACE_MAKE | PLACE_REMOVE | PLACE_WRITE,
	[SANDBOX_STATE] = PLACE_READ | PLACE_WRITE | PLACE_LIST | PLACE_MAKE |
	                  PLACE_REMOVE | PLACE_OTHERS,
};

/* What may be read of the system besides. */
static const char *const system_files[] = {
	"/proc/sys/kernel/random/boot_id", /* for the note of an append */
};

enum { SYSTEM_FILES = sizeof(system_files) / sizeof(system_files[0]) };

/* What a runner may do to what is its own, */
enum {
	RUNNER_OWN = PLACE_READ | PLACE_WRITE | PLACE_LIST | PLACE_MAKE |
	             PLACE_REMOVE | PLACE_OTHERS | PLACE_MOVE,
	RUNNER_READS = PLACE_READ | PLACE_LIST,
	RUNNER_STATS = PLACE_READ | PLACE_WRITE | PLACE_MAKE | PLACE_REMOVE,
};

/* and to the system: it asks who has an account, and tells the time. */
static const char *const runner_files[] = {
	"/etc/group",
	"/etc/hosts",
	"/etc/localtime",
	"/etc/nsswitch.conf",
	"/etc/passwd",
	"/usr/share/zoneinfo",
#ifdef SANITIZED
	"/proc", /* LeakSanitizer asks for the threads */
#endif
	/* of libnss_systemd, libnss_sss and libnss_extrausers */
	"/etc/userdb",
	"/run/host/userdb",
	"/run/systemd/userdb",
	"/run/userdb",
	"/var/lib/extrausers",
	"/var/lib/sss/mc",
};

enum { RUNNER_FILES = sizeof(runner_files) / sizeof(runner_files[0]) };

/*
 * What other processes of ours go on doing; they get no place but the folder
 * that is named to them.  A process that looks accounts or names up may have to
 * ask another machine, and one that waits for a command ends it.
 */
static const unsigned task_keeps[SANDBOX_TASKS] = {
	[SANDBOX_READER] = LANDLOCK_READING,
	[SANDBOX_ASKER] = LANDLOCK_READING | LANDLOCK_SOCKETS,
	[SANDBOX_WAITER] = LANDLOCK_SIGNALS,
	[SANDBOX_JUDGE] = 0,
};

/* A macro's worth of function: libc and the BSDs differ in resource's type. */
#define LIMIT(resource, value)                                                 \
	setrlimit((resource),                                                  \
	    &(struct rlimit){ .rlim_cur = (value), .rlim_max = (value) })

enum who { SESSION, TALKER, CLIENT, MAILBOX, KEEPER, STARTER, STARTED };

#ifdef __linux__

static const int sessions[] = {
	/* the client and the server */
	SYS_read,
	SYS_write,
	SYS_readv,
	SYS_writev,
	SYS_recvfrom,
	SYS_sendto,
	SYS_recvmsg,
	SYS_sendmsg,
	SYS_ppoll,
	SYS_shutdown,
	SYS_close,
	/* the message under way */
	SYS_pwrite64,
	SYS_ftruncate,
	SYS_lseek,
	SYS_fstatfs,
	/* memory */
	SYS_brk,
	SYS_mmap,
	SYS_munmap,
	SYS_mremap,
	SYS_madvise,
	SYS_mprotect,
	SYS_futex,
	/* time, random numbers, ending */
	SYS_clock_gettime,
	SYS_clock_nanosleep,
	SYS_gettimeofday,
	SYS_restart_syscall,
	SYS_getrandom,
	SYS_getpid,
	SYS_rt_sigreturn,
	SYS_rt_sigprocmask,
	SYS_rt_sigaction,
	SYS_exit,
	SYS_exit_group,
#ifdef SANITIZED
	SYS_sigaltstack,
#endif
#ifdef SYS_poll
	SYS_poll,
	SYS_time,
#endif
};

/* What those may do besides who ask by what they have. */
static const int talkers[] = {
	SYS_pread64,
};

/*
 * What a process may do besides that forks sessions, and a session until it has
 * its client.
 */
static const int starters[] = {
	SYS_clone,
	SYS_socketpair,
	SYS_setsockopt,
	SYS_close_range,
	SYS_fstat,
#ifdef SYS_newfstatat
	SYS_newfstatat,
#endif
	SYS_setpgid,
	SYS_setsid,
	SYS_prlimit64,
	SYS_prctl,
};

static const struct filter_argument starter_arguments[] = {
	{ SYS_clone, 0, ~0U, { CLONE_PARENT }, 1 },
};

/* What clients may do besides. */
static const int clients[] = {
	SYS_socket,
	SYS_connect,
	SYS_getsockname,
	SYS_getpeername,
	SYS_getsockopt,
	SYS_setsockopt,
	/* the resolver: two questions at once, and how long an answer is */
	SYS_sendmmsg,
	SYS_ioctl,
	SYS_pread64,
};

/*
 * Sockets for the Internet and nothing else: not the kernel's own (AF_NETLINK),
 * nor those of programs of this machine (AF_UNIX).  The resolver asks how long
 * an answer is.
 */
static const struct filter_argument client_arguments[] = {
	{ SYS_socket, 0, ~0U, { AF_INET, AF_INET6 }, 2 },
	{ SYS_socket, 1, ~(unsigned)(SOCK_CLOEXEC | SOCK_NONBLOCK),
	    { SOCK_STREAM, SOCK_DGRAM }, 2 },
	{ SYS_socket, 2, ~0U, { 0, IPPROTO_TCP }, 2 },
	{ SYS_ioctl, 1, ~0U, { FIONREAD }, 1 },
};

/* What the process of a mailbox may do besides. */
static const int mailboxes[] = {
	/* files: locks, the mailbox, what belongs to it */
	SYS_openat,
	SYS_fcntl,
	SYS_fstat,
	SYS_statx,
#ifdef SYS_newfstatat
	SYS_newfstatat,
#endif
	SYS_pread64,
	SYS_getdents64,
	SYS_faccessat,
#ifdef SYS_faccessat2
	SYS_faccessat2,
#endif
	SYS_linkat,
	SYS_unlinkat,
#ifdef SYS_renameat
	SYS_renameat,
#endif
	SYS_renameat2,
	SYS_mkdirat,
	SYS_fchmod,
	SYS_utimensat,
	/* rewriting one, by exchange of its end where the system can */
	SYS_fallocate,
	SYS_fsync,
	SYS_fdatasync,
#ifdef SYS_sync_file_range
	SYS_sync_file_range,
#endif
	SYS_ioctl,
	/* the mailbox's owner, and whether the holder of a lock is alive */
	SYS_geteuid,
	SYS_kill,
	SYS_nanosleep,
};

/* XFS_IOC_EXCHANGE_RANGE, whose struct has 40 octets: spool/exchange.c. */
#define EXCHANGE_RANGE _IOC(_IOC_WRITE, 'X', 129, 40)

/*
 * fcntl(2) locks, and does what opendir(3) needs; kill(2) asks whether somebody
 * is there, and tells nobody anything.
 */
static const struct filter_argument mailbox_arguments[] = {
	{ SYS_ioctl, 1, ~0U, { EXCHANGE_RANGE }, 1 },
	{ SYS_fcntl, 1, ~0U, { F_OFD_SETLK, F_GETFL, F_SETFD }, 3 },
	{ SYS_kill, 1, ~0U, { 0 }, 1 },
};

/* What the keeper of private keys may do: receive, sign, send, and log. */
static const int keepers[] = {
	SYS_recvmsg,
	SYS_sendmsg,
	SYS_sendto,
	SYS_write,
	SYS_brk,
	SYS_mmap,
	SYS_munmap,
	SYS_mremap,
	SYS_madvise,
	SYS_mprotect,
	SYS_futex,
	SYS_clock_gettime,
	SYS_gettimeofday,
	SYS_restart_syscall,
	SYS_getrandom,
	SYS_getpid,
	SYS_rt_sigreturn,
	SYS_exit,
	SYS_exit_group,
#ifdef SANITIZED
	SYS_sigaltstack,
	SYS_rt_sigprocmask,
	SYS_rt_sigaction,
#endif
#ifdef SYS_time
	SYS_time,
#endif
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What each may do: the calls of sessions, and others. */
static const struct filter filters[] = {
	[SESSION] = { { sessions, NULL }, { COUNT(sessions), 0 }, NULL, 0 },
	[TALKER] = { { sessions, talkers }, { COUNT(sessions), COUNT(talkers) },
	    NULL, 0 },
	[CLIENT] = { { sessions, clients }, { COUNT(sessions), COUNT(clients) },
	    client_arguments, COUNT(client_arguments) },
	[MAILBOX] = { { sessions, mailboxes },
	    { COUNT(sessions), COUNT(mailboxes) }, mailbox_arguments,
	    COUNT(mailbox_arguments) },
	[KEEPER] = { { keepers, NULL }, { COUNT(keepers), 0 }, NULL, 0 },
	[STARTER] = { { sessions, starters },
	    { COUNT(sessions), COUNT(starters) }, starter_arguments,
	    COUNT(starter_arguments) },
	/* Of what a starter may, what a session may. */
	[STARTED] = { { starters, NULL }, { COUNT(starters), 0 }, NULL, 0,
	    .withholds = true },
};

static int
no_new_privileges(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static int
kernel(enum who who)
{
	/* A process that has become a mailbox's owner by setresuid(2) cannot be
	 * traced anyway; else the owner has started it and may look at it. */
	if (no_new_privileges() == -1 ||
	    (who != MAILBOX && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)) {
		return -1;
	}
	return filter_enter(&filters[who]);
}

#else

static int
no_new_privileges(void)
{
	return 0;
}

static int
kernel(enum who who)
{
	(void)who;
	return 0;
}

#endif

#ifdef SANITIZED
static bool inside;

/* Asked by the sanitizers' leak check, which needs calls that are denied. */
int __lsan_is_turned_off(void);
int
__lsan_is_turned_off(void)
{
	return inside;
}
#define GONE_INSIDE() (inside = true)
#define IS_SANITIZED true
#else
#define GONE_INSIDE() ((void)0)
#define IS_SANITIZED false
#endif

/* Octets of data that this process has now; 0 if that is unknown. */
static size_t
data_size(void)
{
	char text[256];
	size_t pages = 0;
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);

	if (fd == -1) {
		return 0;
	}
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	const char *p = text;
	for (int field = 1; field < STATM_DATA && p != NULL; field++) {
		p = strchr(p, ' ');
		p = p == NULL ? NULL : p + 1;
	}
	for (; p != NULL && *p >= '0' && *p <= '9'; p++) {
		pages = pages * 10 + (size_t)(*p - '0');
	}
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

int
sandbox_memory(size_t octets)
{
	size_t now = data_size();

	/* A sanitizer has memory of its own, and much of it. */
	return now == 0 || IS_SANITIZED ? 0 : LIMIT(RLIMIT_DATA, now + octets);
}

int
sandbox_file_size(uint64_t octets)
{
	struct rlimit now;

	signal(SIGXFSZ, SIG_IGN);
	if (octets == 0 || getrlimit(RLIMIT_FSIZE, &now) == -1 ||
	    now.rlim_cur <= (rlim_t)octets) {
		return 0; /* or there is a stricter one */
	}
	return LIMIT(RLIMIT_FSIZE, (rlim_t)octets);
}

/* Lets a process have no more descriptors than it has. */
static int
no_files(enum who who)
{
	GONE_INSIDE();
	/*
	 * Descriptors 0 to 2 are always in use, so with a limit of 3 there is
	 * never a number left for a new one; poll() needs the limit to be no
	 * less than what it waits for.
	 */
	if (LIMIT(RLIMIT_NOFILE, 3) == -1 || LIMIT(RLIMIT_CORE, 0) == -1 ||
	    LIMIT(RLIMIT_NPROC, 0) == -1) {
		return -1;
	}
	return kernel(who);
}

int
sandbox_session(void)
{
	return no_files(SESSION);
}

int
sandbox_talker(void)
{
	return no_files(TALKER);
}

int
sandbox_starter(void)
{
	GONE_INSIDE();
	return LIMIT(RLIMIT_NOFILE, FILES) == -1 || LIMIT(RLIMIT_CORE, 0) == -1
	           ? -1
	           : kernel(STARTER);
}

int
sandbox_started_session(void)
{
	return no_files(STARTED);
}

int
sandbox_keeper(void)
{
	return no_files(KEEPER);
}

/* Allows a process that opens files a few descriptors. */
static int
few_files(enum who who)
{
	GONE_INSIDE();
	if (LIMIT(RLIMIT_NOFILE, FILES) == -1 || LIMIT(RLIMIT_CORE, 0) == -1 ||
	    LIMIT(RLIMIT_NPROC, 0) == -1) {
		return -1;
	}
	return kernel(who);
}

int
sandbox_client(void)
{
	return few_files(CLIENT);
}

int
sandbox_mailbox(void)
{
	return few_files(MAILBOX);
}

static void
close_places(const struct place *places, size_t from, size_t to)
{
	int saved = errno;

	for (size_t i = from; i < to; i++) {
		if (places[i].fd != -1) {
			close(places[i].fd);
		}
	}
	errno = saved;
}

/* Opens places by their paths; those that are not there are left out. */
static size_t
open_places(
    struct place *places, const char *const *paths, size_t n, unsigned rights)
{
	for (size_t i = 0; i < n; i++) {
		places[i] = (struct place){ open(paths[i], O_PATH | O_CLOEXEC),
			rights };
	}
	return n;
}

int
sandbox_files(const int fd[SANDBOX_FILES])
{
	struct place places[SANDBOX_FILES + SYSTEM_FILES];
	size_t n = 0;

	if (landlock_abi() == 0) {
		return 0;
	}
	for (; n < SANDBOX_FILES; n++) {
		places[n] = (struct place){ fd[n], file_rights[n] };
	}
	n += open_places(places + n, system_files, SYSTEM_FILES, PLACE_READ);
	int result =
	    no_new_privileges() == 0 ? landlock_enter(places, n, 0) : -1;
	close_places(places, SANDBOX_FILES, n);
	return result;
}

bool
sandbox_can_confine_runner(void)
{
	return landlock_abi() >= 2;
}

int
sandbox_runner(const char *queue, const char *state, const char *stats_folder)
{
	const char *const own[] = { queue, state };
	struct place places[3 + SYSTEM_FILES + RUNNER_FILES];
	size_t n = open_places(places, own, 2, RUNNER_OWN);

	n += open_places(places + n, &stats_folder, 1, RUNNER_STATS);

	n += open_places(places + n, system_files, SYSTEM_FILES, RUNNER_READS);
	n += open_places(places + n, runner_files, RUNNER_FILES, RUNNER_READS);
	int result = no_new_privileges() == 0
	                 ? landlock_enter(places, n, LANDLOCK_FILES)
	                 : -1;
	close_places(places, 0, n);
	return result;
}

int
sandbox_task(enum sandbox_task task, const char *folder)
{
	struct place place = { .fd = -1, .rights = RUNNER_OWN };

	if (landlock_abi() == 0) {
		return 0;
	}
	if (folder != NULL) {
		/* Nothing is granted where there is nothing. */
		(void)open_places(&place, &folder, 1, RUNNER_OWN);
	}
	int result = no_new_privileges() == 0
	                 ? landlock_enter(&place, 1, task_keeps[task])
	                 : -1;
	close_places(&place, 0, 1);
	return result;
}
