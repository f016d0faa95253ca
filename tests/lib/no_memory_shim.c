/* SPDX-License-Identifier: ISC */
/*
 * From the n-th allocation on there is no memory: counted from the start of a
 * program on ($NO_MEMORY_FROM), or anew in each process that is forked
 * ($NO_MEMORY_FORKED).  A process that ends by one of its own faults says so in
 * the file $NO_MEMORY_NOTES, which is mapped before anybody is shut in.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { NUMBERS = 65 };

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

static long from, forked, calls;
static int in_libc;     /* whose faults are known */
static unsigned *notes; /* how many have ended by each signal; [0]: denied */

static int
is_denied(void)
{
	if (from == 0 || ++calls < from) {
		return 0;
	}
	if (notes != NULL) {
		__atomic_add_fetch(&notes[0], 1, __ATOMIC_RELAXED);
	}
	errno = ENOMEM;
	return 1;
}

void *
malloc(size_t size)
{
	return is_denied() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
	return is_denied() ? NULL : __libc_calloc(count, size);
}

void *
realloc(void *old, size_t size)
{
	return is_denied() ? NULL : __libc_realloc(old, size);
}

void *
memalign(size_t align, size_t size)
{
	return is_denied() ? NULL : __libc_memalign(align, size);
}

void *
aligned_alloc(size_t align, size_t size)
{
	return memalign(align, size);
}

int
posix_memalign(void **out, size_t align, size_t size)
{
	*out = memalign(align, size);
	return *out == NULL ? ENOMEM : 0;
}

static void
note_end(int number)
{
	if (notes != NULL && number < NUMBERS && (!in_libc || forked != 0)) {
		__atomic_add_fetch(&notes[number], 1, __ATOMIC_RELAXED);
	}
	signal(number, SIG_DFL);
	raise(number);
}

/*
 * The first look-up reads nsswitch.conf, and glibc's nss_database.c has an
 * assertion and a null pointer for when there is no memory for that.
 */
struct passwd *
getpwnam(const char *name)
{
	static struct passwd *(*next)(const char *);

	*(void **)&next = dlsym(RTLD_NEXT, "getpwnam");
	in_libc = 1;
	struct passwd *found = next(name);
	in_libc = 0;
	return found;
}

static void
start_anew(void)
{
	if (forked != 0) {
		from = forked;
		calls = 0;
	}
}

static long
number_of(const char *name)
{
	const char *text = getenv(name);

	return text == NULL ? 0 : atol(text);
}

__attribute__((constructor)) static void
set_up(void)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL,
		SIGSYS };
	const char *path = getenv("NO_MEMORY_NOTES");
	int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);

	if (fd != -1) {
		void *p = mmap(NULL, NUMBERS * sizeof(*notes),
		    PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		notes = p == MAP_FAILED ? NULL : p;
		close(fd);
	}
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		signal(faults[i], note_end);
	}
	pthread_atfork(NULL, NULL, start_anew);
	forked = number_of("NO_MEMORY_FORKED");
	from = number_of("NO_MEMORY_FROM");
}
