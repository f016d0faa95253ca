/* SPDX-License-Identifier: ISC */
/* Runs as root until the call it implements has returned. */
#include "common/process/privilege.h"

#include "common/log/log.h"
#include "common/names/passwd.h"
#include "common/process/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

int
privilege_become(uid_t uid, gid_t gid, gid_t shared)
{
	uid_t r, e, s;
	size_t ngroups = shared == (gid_t)-1 ? 0 : 1;

	if (geteuid() != 0 || uid == 0) {
		/* A user started the program, or the mailbox belongs to root.
		 */
		return geteuid() == uid ? 0 : -1;
	}
	if (setgroups(ngroups, &shared) == -1 ||
	    setresgid(gid, gid, gid) == -1 || setresuid(uid, uid, uid) == -1) {
		return -1;
	}
	if (getresuid(&r, &e, &s) == -1 || r != uid || e != uid || s != uid ||
	    setresuid(0, 0, 0) != -1) {
		return -1;
	}
	return 0;
}

void
privilege_empty_bounds(void)
{
	if (geteuid() != 0) {
		return;
	}
	/* Until there is none of that number; one that is out already is no
	   error.  Each call has its price, and every session pays it. */
	for (unsigned long c = 0; prctl(PR_CAPBSET_DROP, c) == 0; c++) {
		continue;
	}
}

/* Makes a directory that all may pass through; true if it is there now. */
static bool
make_directory(const char *path)
{
	if (mkdir(path, 0755) == 0) {
		return chmod(path, 0755) == 0;
	}
	return errno == EEXIST;
}

int
privilege_prepare(const struct config *config, struct confinement *c)
{
	const char *name = config->user[0] != '\0' ? config->user : "_restante";

	memset(c, 0, sizeof(*c));
	if (geteuid() != 0) {
		return 0;
	}
	const struct passwd *pw = passwd_by_name(name);
	if (pw == NULL && errno == 0 && config->user[0] == '\0') {
		pw = passwd_by_name(name = "nobody");
	}
	if (pw == NULL && errno != 0) {
		return -1;
	}
	if (pw == NULL || pw->pw_uid == 0) {
		log_error("there is no unprivileged account %s for sessions: "
			  "make it, or name another by the key user",
		    name);
		return -1;
	}
	c->uid = pw->pw_uid;
	c->gid = pw->pw_gid;
	if (snprintf(c->directory, PATH_MAX, "%s/empty", config->state) >=
		PATH_MAX ||
	    !make_directory(config->state) || !make_directory(c->directory)) {
		log_error("cannot make %s: %s", c->directory, strerror(errno));
		return -1;
	}
	return 0;
}

int
privilege_confine(const struct confinement *c)
{
	if (geteuid() != 0) {
		return 0;
	}
	if (chroot(c->directory) == -1 || chdir("/") == -1) {
		log_error(
		    "cannot chroot to %s: %s", c->directory, strerror(errno));
		return -1;
	}
	privilege_empty_bounds();
	if (privilege_become(c->uid, c->gid, (gid_t)-1) == -1) {
		log_error(
		    "cannot become uid %d: %s", (int)c->uid, strerror(errno));
		return -1;
	}
	return 0;
}

/* Gives up all but so much memory and what that sandbox lets it do, or ends. */
static void
become_confined(
    const struct config *config, size_t memory, int (*shut_in)(void))
{
	struct confinement confinement;

	if (sandbox_memory(memory) == -1) {
		log_error("cannot limit the memory: %s", strerror(errno));
		_exit(EX_OSERR);
	}
	if (privilege_prepare(config, &confinement) == -1 ||
	    privilege_confine(&confinement) == -1) {
		_exit(EX_OSERR);
	}
	if (shut_in() == -1) {
		log_error("cannot enter the sandbox: %s", strerror(errno));
		_exit(EX_OSERR);
	}
}

void
privilege_become_client(const struct config *config, size_t memory)
{
	become_confined(config, memory, sandbox_client);
}

void
privilege_become_talker(const struct config *config)
{
	become_confined(config, SANDBOX_MEMORY, sandbox_talker);
}
