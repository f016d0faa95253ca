/* SPDX-License-Identifier: ISC */
/* Loads GnuTLS and finds the calls that we use. */

#include "common/log/log.h"
#include "common/tls/tls_private.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum { PROBE = 4096 };

static const char *const names[] = {
#define NAME(name) #name,
	TLS_LIBRARY_CALLS(NAME)
};

static bool loaded;

bool
tls_library_loaded(void)
{
	return loaded;
}

const struct tls_library *
tls_library(void)
{
	static struct tls_library library;
	static pid_t tried; /* a child may do what its parent could not */

	if (loaded || tried == getpid()) {
		return loaded ? &library : NULL;
	}
	tried = getpid();
	void *handle = dlopen("libgnutls.so.30", RTLD_NOW | RTLD_LOCAL);
	if (handle == NULL) {
		log_error("cannot load GnuTLS: %s", dlerror());
		return NULL;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		void *call = dlsym(handle, names[i]);
		if (call == NULL) {
			log_error("cannot use GnuTLS: %s", dlerror());
			return NULL;
		}
		/* All members are pointers to functions, in this order. */
		memcpy(
		    (char *)&library + i * sizeof(call), &call, sizeof(call));
	}
	loaded = true;
	return &library;
}

bool
tls_memory_is_short(void)
{
	void *volatile probe = malloc(PROBE);
	bool is_short = probe == NULL;

	free(probe);
	return is_short;
}

#ifdef __SANITIZE_ADDRESS__
/* GnuTLS 3.7 loses memory over a file with a key and half a certificate. */
const char *__lsan_default_suppressions(void);
const char *
__lsan_default_suppressions(void)
{
	return "leak:libgnutls.so\nleak:libtasn1.so\n";
}
#endif
