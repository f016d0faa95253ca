/* SPDX-License-Identifier: ISC */
/* Asks the system about accounts.  May run as root. */
#include "common/names/passwd.h"

#include "common/log/log.h"

#include <errno.h>
#include <shadow.h>
#include <string.h>

const struct passwd *
passwd_by_name(const char *name)
{
	errno = 0;
	const struct passwd *pw = getpwnam(name);

	if (pw == NULL && errno != 0) {
		int saved = errno;
		log_error("cannot find out now whether there is an account %s: "
			  "%s; see nsswitch.conf(5)",
		    name, strerror(saved));
		errno = saved;
	}
	return pw;
}

const struct passwd *
passwd_by_uid(uid_t uid)
{
	errno = 0;
	const struct passwd *pw = getpwuid(uid);

	if (pw == NULL && errno != 0) {
		int saved = errno;
		log_error("cannot find out now whose the uid %u is: %s; see "
			  "nsswitch.conf(5)",
		    (unsigned)uid, strerror(saved));
		errno = saved;
	}
	return pw;
}

const struct spwd *
passwd_shadow(const char *name)
{
	errno = 0;
	const struct spwd *sp = getspnam(name);

	if (sp == NULL && errno != 0) {
		int saved = errno;
		log_error("cannot find out now whether %s has a password: %s; "
			  "see nsswitch.conf(5)",
		    name, strerror(saved));
		errno = saved;
	}
	return sp;
}
