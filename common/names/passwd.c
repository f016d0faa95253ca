/* SPDX-License-Identifier: ISC */
/* Asks the system about accounts.  May run as root. */
#include "common/names/passwd.h"

#include "common/io/deadline.h"
#include "common/log/log.h"

#include <errno.h>
#include <netdb.h>
#include <shadow.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

enum {
	ANSWERS = 3,
	LAST = 1000, /* ms that an answer is good for */
	TEXT = 1024, /* octets of all its members */
};

/*
 * The last answers.  A worker asks for the names of a user and of an owner more
 * than once, and each time the system may ask several sources, some of them
 * over the network.
 */
static struct answer {
	char name[256];
	pid_t asker; /* the process that has asked; not its children */
	int64_t when;
	bool found;
	struct passwd account;
	char text[TEXT]; /* of its members */
} answers[ANSWERS];
static unsigned next; /* the oldest one */

/* An answer to the same question; NULL: there is none that is good. */
static const struct answer *
find_answer(const char *name)
{
	for (size_t i = 0; i < ANSWERS; i++) {
		const struct answer *a = &answers[i];
		if (a->when != 0 && strcmp(name, a->name) == 0 &&
		    a->asker == getpid() &&
		    deadline_coarse() - a->when < LAST) {
			return a;
		}
	}
	return NULL;
}

/* Copies a member.  false: there is no room. */
static bool
keep_text(struct answer *a, char **member, size_t *used)
{
	size_t room = TEXT - *used;
	size_t len =
	    strlcpy(a->text + *used, *member == NULL ? "" : *member, room);

	*member = a->text + *used;
	*used += len + 1;
	return len < room;
}

/* Remembers an answer.  NULL: it is too long. */
static const struct answer *
keep(const char *name, const struct passwd *pw)
{
	struct answer *a = &answers[next];
	size_t used = 0;

	a->found = pw != NULL;
	a->account = pw != NULL ? *pw : (struct passwd){ .pw_name = NULL };
	bool fits = strlcpy(a->name, name, sizeof(a->name)) < sizeof(a->name) &&
	            keep_text(a, &a->account.pw_name, &used) &&
	            keep_text(a, &a->account.pw_passwd, &used) &&
	            keep_text(a, &a->account.pw_gecos, &used) &&
	            keep_text(a, &a->account.pw_dir, &used) &&
	            keep_text(a, &a->account.pw_shell, &used);
	a->asker = getpid();
	a->when = fits ? deadline_coarse() : 0;
	next = (next + fits) % ANSWERS;
	return fits ? a : NULL;
}

void
passwd_prepare(void)
{
	/* Nearly everywhere this is a file, and needs no module. */
	setnetent(0);
	endnetent();
}

void
passwd_load(void)
{
	/* It is nobody's, so that each source is asked. */
	(void)getpwnam("");
}

const struct passwd *
passwd_by_name(const char *name)
{
	const struct answer *a = find_answer(name);

	errno = 0;
	if (a != NULL) {
		return a->found ? &a->account : NULL;
	}
	const struct passwd *pw = getpwnam(name);

	if (pw == NULL && errno != 0) {
		int saved = errno;
		log_error("cannot find out now whether there is an account %s: "
			  "%s; see nsswitch.conf(5)",
		    name, strerror(saved));
		errno = saved;
		return NULL;
	}
	a = keep(name, pw);
	errno = 0;
	return a == NULL || pw == NULL ? pw : &a->account;
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
