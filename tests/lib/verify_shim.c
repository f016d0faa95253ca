/* SPDX-License-Identifier: ISC */
/*
 * Preloaded into a server: kills the worker that verifies a message, or that
 * asks a filter about it, at one of its calls, or makes that call fail.  What to
 * do and what was done is in the file $VERIFY_CONTROL, which
 * tests/lib/worker_faults.py maps too.
 * The worker is the first process that looks for the end of a file, which is
 * not empty, before it has received anything since it was forked: it is told
 * the size of the message so, and sessions look whether there is something in
 * it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 2000, NAME = 16 };
enum mode { COUNT, KILL, FAIL };

struct control {
	uint32_t mode, at, error, count, hit;
	_Atomic int32_t pid; /* of the worker; 0: none so far */
	char calls[MOST][NAME];
};

static struct control *control;
static bool heard; /* something, since this process was forked */

#define REAL(f) ((__typeof__(&f))dlsym(RTLD_NEXT, #f))

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);

static void
start_anew(void)
{
	heard = false;
}

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("VERIFY_CONTROL");
	int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);

	if (fd != -1) {
		void *map = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE,
		    MAP_SHARED, fd, 0);
		control = map == MAP_FAILED ? NULL : map;
		close(fd);
	}
	pthread_atfork(NULL, NULL, start_anew);
}

/* Counts a call of the worker; true: it is to fail, with errno. */
static bool
meet(const char *name)
{
	if (control == NULL || control->pid != getpid()) {
		return false;
	}
	uint32_t n = control->count++;
	if (n < MOST) {
		strncpy(control->calls[n], name, NAME - 1);
	}
	if (control->mode == COUNT || n + 1 != control->at) {
		return false;
	}
	control->hit = n + 1;
	if (control->mode == KILL) {
		kill(getpid(), SIGKILL);
	}
	errno = (int)control->error;
	return true;
}

off_t
lseek(int fd, off_t offset, int whence)
{
	off_t at = REAL(lseek)(fd, offset, whence);
	int32_t none = 0;

	if (control != NULL && whence == SEEK_END && at > 0 && !heard) {
		atomic_compare_exchange_strong(&control->pid, &none, getpid());
	}
	return meet("lseek") ? -1 : at;
}

ssize_t
pread(int fd, void *data, size_t len, off_t at)
{
	return meet("pread") ? -1 : REAL(pread)(fd, data, len, at);
}

ssize_t
pwrite(int fd, const void *data, size_t len, off_t at)
{
	return meet("pwrite") ? -1 : REAL(pwrite)(fd, data, len, at);
}

int
ftruncate(int fd, off_t size)
{
	return meet("ftruncate") ? -1 : REAL(ftruncate)(fd, size);
}

int
socket(int domain, int type, int protocol)
{
	return meet("socket") ? -1 : REAL(socket)(domain, type, protocol);
}

int
connect(int fd, const struct sockaddr *to, socklen_t len)
{
	return meet("connect") ? -1 : REAL(connect)(fd, to, len);
}

ssize_t
send(int fd, const void *data, size_t len, int flags)
{
	return meet("send") ? -1 : REAL(send)(fd, data, len, flags);
}

ssize_t
recv(int fd, void *data, size_t len, int flags)
{
	heard = true;
	return meet("recv") ? -1 : REAL(recv)(fd, data, len, flags);
}

int
poll(struct pollfd *fds, nfds_t n, int timeout)
{
	return meet("poll") ? -1 : REAL(poll)(fds, n, timeout);
}

int
close(int fd)
{
	return meet("close") ? -1 : REAL(close)(fd);
}

void *
malloc(size_t size)
{
	return meet("malloc") ? NULL : __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	return meet("calloc") ? NULL : __libc_calloc(n, size);
}
