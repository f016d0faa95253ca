/* SPDX-License-Identifier: ISC */
/*
 * smtpd --passwd by users: the server changes the users file for them, since
 * they can neither write nor read it.  It knows by the socket who they are, and
 * wants the present password, as passwd(1) does.
 */
#include "smtpd/admin/passwd_private.h"

#include "common/log/log.h"
#include "common/names/passwd.h"
#include "smtpd/send/submission.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

bool
passwd_needs_server(const struct config *config)
{
	char folder[PATH_MAX];

	if (geteuid() == 0) {
		return false;
	}
	strlcpy(folder, config->users, sizeof(folder));
	char *slash = strrchr(folder, '/');
	if (slash == NULL) {
		strlcpy(folder, ".", sizeof(folder));
	} else {
		slash[slash == folder] = '\0';
	}
	return faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == -1 &&
	       errno != ENOENT;
}

/* EX_OK if it is something that users may do. */
static int
allowed(const struct config *config, const struct passwd_change *w,
    const char *user)
{
	const struct passwd *pw = passwd_by_uid(getuid());
	char own[USER_NAME + 1];

	if (pw == NULL || !user_name(config, pw->pw_name, own) ||
	    strcmp(own, user) != 0) {
		log_error("only root changes the passwords of others: you are "
			  "%s, not %s",
		    pw == NULL ? "nobody" : pw->pw_name, user);
		return EX_NOPERM;
	}
	if (w->label != NULL || w->remove || w->credential != NULL ||
	    w->extras.cram || w->extras.scram_sha1 || !w->terms.smtp ||
	    !w->terms.pop3 || w->terms.until != 0) {
		log_error("only root can do that; users set a new password, "
			  "or have one made by --generate");
		return EX_NOPERM;
	}
	return EX_OK;
}

int
passwd_change_own(const struct config *config, const struct passwd_change *w,
    const char *user)
{
	char before[PASSWORD] = "", after[PASSWORD] = "";
	int rc = allowed(config, w, user);

	if (rc == EX_OK &&
	    passwd_read("Present password: ", false, before) == -1) {
		rc = EX_NOINPUT;
	}
	if (rc == EX_OK && w->generate) {
		passwd_generate(after);
	} else if (rc == EX_OK &&
		   passwd_read("New password: ", true, after) == -1) {
		rc = EX_NOINPUT;
	}
	if (rc == EX_OK) {
		rc = submission_password(config, before, after);
	}
	if (rc == EX_OK && w->generate) {
		rc = printf("%s\n", after) > 0 && fflush(stdout) == 0
		         ? EX_OK
		         : EX_IOERR;
	}
	explicit_bzero(before, sizeof(before));
	explicit_bzero(after, sizeof(after));
	return rc;
}
