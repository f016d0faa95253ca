/* SPDX-License-Identifier: ISC */
/* smtpd --passwd: one line of the users file, by a person or a script. */
#include "smtpd/admin/passwd.h"

#include "common/log/log.h"
#include "common/login/password_rule.h"
#include "common/login/users_edit.h"
#include "smtpd/admin/passwd_private.h"

#include <errno.h>
#include <readpassphrase.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum { GROUPS = 5, GROUP = 4 };
_Static_assert(GROUPS *(GROUP + 1) <= PASSWD_GENERATED, "room");

static int
read_line(char password[PASSWORD])
{
	char *line = NULL;
	size_t size = 0;
	ssize_t n = getline(&line, &size, stdin);

	while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r')) {
		line[--n] = '\0';
	}
	bool ok = n > 0 && n < PASSWORD && strlen(line) == (size_t)n;
	if (ok) {
		strlcpy(password, line, PASSWORD);
	} else {
		log_error(n == -1 && !feof(stdin)
			      ? "cannot read the password: try again"
			  : n <= 0        ? "no password on standard input"
			  : n >= PASSWORD ? "the password is too long"
					  : "the password holds a NUL byte");
	}
	if (line != NULL) {
		explicit_bzero(line, size);
		free(line);
	}
	return ok ? 0 : -1;
}

int
passwd_read(const char *prompt, bool repeat, char password[PASSWORD])
{
	char again[PASSWORD];

	if (!isatty(STDIN_FILENO)) {
		return read_line(password);
	}
	if (readpassphrase(prompt, password, PASSWORD, RPP_REQUIRE_TTY) ==
		NULL ||
	    (repeat && readpassphrase("Once more: ", again, PASSWORD,
			   RPP_REQUIRE_TTY) == NULL)) {
		log_error("cannot read the password: %s", strerror(errno));
		return -1;
	}
	bool same = !repeat || strcmp(password, again) == 0;
	explicit_bzero(again, sizeof(again));
	if (!same) {
		log_error("the two passwords differ");
		return -1;
	}
	return 0;
}

/* Makes a random password: 5 times 4 of 31 letters are 99 bits. */
void
passwd_generate(char password[PASSWD_GENERATED])
{
	/* Letters that look like others are left out. */
	static const char letters[] = "abcdefghjkmnpqrstuvwxyz23456789";
	size_t n = 0;

	for (int i = 0; i < GROUPS * GROUP; i++) {
		if (i > 0 && i % GROUP == 0) {
			password[n++] = '-';
		}
		password[n++] =
		    letters[arc4random_uniform(sizeof(letters) - 1)];
	}
	password[n] = '\0';
}

/* EX_OK if guessers do not try it first. */
static int
judge_password(
    const struct config *config, const char *user, const char *password)
{
	const char *weakness = password_weakness_for(config, user, password);

	if (weakness == NULL) {
		return EX_OK;
	}
	/* A script has its reasons, unless the administrator has said more. */
	if (config->password_minimum == 0 && isatty(STDIN_FILENO) == 0) {
		log_warn("the password %s, and is taken nevertheless, since a "
			 "program gave it; smtpd --passwd %s --generate makes "
			 "a good one, and the key password-minimum refuses "
			 "such as this",
		    weakness, user);
		return EX_OK;
	}
	log_error("the password %s: choose another one, of at least %u "
		  "characters, or type smtpd --passwd %s --generate",
	    weakness, password_least(config), user);
	return EX_DATAERR;
}

static int
get_password(const struct config *config, const struct passwd_change *w,
    const char *user, char password[PASSWORD])
{
	if (w->credential != NULL) {
		return EX_OK;
	}
	if (w->generate) {
		passwd_generate(password);
		return EX_OK;
	}
	if (passwd_read("New password: ", true, password) == -1) {
		return EX_NOINPUT;
	}
	if (password[0] == '\0') {
		log_error("an empty password can never be used to log in");
		return EX_DATAERR;
	}
	return judge_password(config, user, password);
}

/* EX_OK if the lines of the user allow the change. */
static int
allowed(const struct passwd_change *w, const struct users_line *line,
    const struct users_view *v)
{
	if (w->remove && !v->found) {
		log_error("there is no line for %s%s%s", line->user,
		    line->label[0] != '\0' ? "/" : "", line->label);
		return EX_NOUSER;
	}
	if (!w->remove && line->label[0] != '\0' && !v->known) {
		log_error("there is no user %s; type smtpd --passwd %s first",
		    line->user, line->user);
		return EX_NOUSER;
	}
	if (!w->remove && !v->found && v->more >= CREDENTIALS_MOST - 1) {
		log_error("%s has %zu passwords already: remove one first",
		    line->user, v->more);
		return EX_UNAVAILABLE;
	}
	return EX_OK;
}

/* Changes the file, which is locked. */
static int
change_line(const struct config *config, const struct passwd_change *w,
    const struct users_lock *lock, struct users_line *line,
    const char *password)
{
	char credentials[USER_CREDENTIALS];
	struct password_extras extras = w->extras;
	struct users_view view;

	if (users_view(config, line->user, line->label, &view) == -1) {
		return EX_NOINPUT;
	}
	int rc = allowed(w, line, &view);
	if (rc != EX_OK || w->remove) {
		return rc != EX_OK ? rc : users_edit(config, lock, line);
	}
	/* All passwords of a user share the salt, which SCRAM shows first. */
	extras.salt = view.salted ? &view.salt : NULL;
	if (w->credential != NULL) {
		line->credentials = w->credential;
		return users_edit(config, lock, line);
	}
	if (password_make(
		password, &extras, credentials, sizeof(credentials)) == -1) {
		log_error("cannot make a verifier for the password");
		return EX_UNAVAILABLE;
	}
	line->credentials = credentials;
	rc = users_edit(config, lock, line);
	explicit_bzero(credentials, sizeof(credentials));
	return rc;
}

/* Checks and normalizes the name of the user. */
static int
check_name(const struct config *config, const struct passwd_change *w,
    char user[USER_NAME + 1])
{
	/* Without a file this makes the first one. */
	if (strcmp(config->users, "system") == 0) {
		log_error("the users are the system's accounts: use passwd %s",
		    w->user);
		return EX_USAGE;
	}
	if (!user_name(config, w->user, user)) {
		log_error("\"%s\" cannot be a user's name: letters, digits and "
			  "._+-= make one, of at most %d",
		    w->user, USER_NAME);
		return EX_DATAERR;
	}
	return EX_OK;
}

int
passwd_run(const struct config *config, const struct passwd_change *w)
{
	char password[PASSWORD] = "", user[USER_NAME + 1], terms[TERMS_TEXT];
	struct users_line line = { .user = user,
		.label = w->label != NULL ? w->label : "",
		.terms = terms };
	int rc = check_name(config, w, user);

	if (rc == EX_OK && passwd_needs_server(config)) {
		return passwd_change_own(config, w, user);
	}
	if (rc == EX_OK && !w->remove) {
		rc = get_password(config, w, user, password);
	}
	if (rc != EX_OK) {
		return rc;
	}
	terms_print(&w->terms, terms);
	struct users_lock lock;
	rc = EX_CANTCREAT;
	if (users_lock(config, &lock) == 0) {
		rc = change_line(config, w, &lock, &line, password);
		users_unlock(&lock);
	}
	if (rc == EX_OK && w->generate && !w->remove) {
		rc = printf("%s\n", password) > 0 && fflush(stdout) == 0
		         ? EX_OK
		         : EX_IOERR;
	}
	explicit_bzero(password, sizeof(password));
	return rc;
}
