/* SPDX-License-Identifier: ISC */
/* The account of the user that runs the command. */
#include "smtpd/send/identity.h"

#include "common/names/passwd.h"

#include <errno.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

void
identity_full_name(
    const char *gecos, const char *login, char out[IDENTITY_NAME + 1])
{
	size_t n = 0;

	for (; *gecos != '\0' && *gecos != ',' && n <= IDENTITY_NAME; gecos++) {
		if (*gecos != '&') {
			out[n++] = *gecos;
			continue;
		}
		size_t room = IDENTITY_NAME + 1 - n;
		size_t copied = strlcpy(out + n, login, room);
		out[n] = (char)toupper((unsigned char)out[n]);
		n = copied < room ? n + copied : IDENTITY_NAME + 1;
	}
	out[n <= IDENTITY_NAME ? n : 0] = '\0';
}

int
identity_find(uid_t uid, struct identity *who)
{
	const struct passwd *pw = passwd_by_uid(uid);
	struct address a;
	const char *rest;

	if (pw == NULL && errno != 0) {
		return -1;
	}

	/* As with a uid that a container was given at random. */
	if (pw == NULL || strlen(pw->pw_name) > ADDRESS_LOCAL ||
	    address_path(pw->pw_name, &a, &rest) != PATH_OK || *rest != '\0' ||
	    a.domain[0] != '\0') {
		snprintf(who->login, sizeof(who->login), "uid%lu",
		    (unsigned long)uid);
		who->name[0] = '\0';
		return 0;
	}
	strlcpy(who->login, pw->pw_name, sizeof(who->login));
	identity_full_name(
	    pw->pw_gecos == NULL ? "" : pw->pw_gecos, who->login, who->name);
	return 0;
}
