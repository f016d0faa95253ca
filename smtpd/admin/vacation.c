/* SPDX-License-Identifier: ISC */
/* Runs as whoever types it, until it has become the owner of the mailbox. */
#include "smtpd/admin/vacation.h"

#include "common/io/file.h"
#include "common/log/log.h"
#include "common/login/users.h"
#include "common/text/utf8.h"
#include "spool/become.h"
#include "spool/vacation.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static bool
copy_day(const char *day, const char *option, char to[VACATION_DAY + 1])
{
	if (day == NULL) {
		return true;
	}
	if (!vacation_is_day(day)) {
		log_error("--%s takes a day such as 2031-12-31, not \"%.100s\"",
		    option, day);
		return false;
	}
	strlcpy(to, day, VACATION_DAY + 1);
	return true;
}

static bool
is_utf8(const char *text, size_t len)
{
	size_t used;

	for (size_t i = 0; i < len; i += used) {
		if (text[i] == '\0' ||
		    utf8_next(text + i, len - i, &used) == -1) {
			return false;
		}
	}
	return true;
}

/* Reads the answer from standard input. */
static int
read_answer(struct vacation *v)
{
	ssize_t n = file_read_all(STDIN_FILENO, v->text, sizeof(v->text));

	if (n == -1) {
		log_error("cannot read the answer: %s", strerror(errno));
		return EX_IOERR;
	}
	if (n == 0 || n > VACATION_TEXT || !is_utf8(v->text, (size_t)n)) {
		log_error(n == 0 ? "no answer on standard input"
			  : n > VACATION_TEXT
			      ? "the answer is longer than 32 KiB"
			      : "the answer is no text in UTF-8");
		return EX_DATAERR;
	}
	v->len = (size_t)n;
	return EX_OK;
}

/* Fills it in; EX_OK, or what is wrong has been logged. */
static int
make_vacation(const struct vacation_wish *w, struct vacation *v)
{
	if (!copy_day(w->from, "from", v->from) ||
	    !copy_day(w->until, "until", v->until)) {
		return EX_USAGE;
	}
	const char *subject = w->subject == NULL ? "" : w->subject;
	if (strlcpy(v->subject, subject, sizeof(v->subject)) >=
		sizeof(v->subject) ||
	    strpbrk(subject, "\r\n") != NULL ||
	    !is_utf8(subject, strlen(subject))) {
		log_error("the subject is longer than %d octets, or no line",
		    VACATION_SUBJECT);
		return EX_USAGE;
	}
	return read_answer(v);
}

/* True if the user's folder is there, or can be made: by root, or, where all
   belongs to one user, by that one. */
static bool
has_folder(const struct config *config, const char *name)
{
	char user[USER_NAME + 1], users[PATH_MAX], path[PATH_MAX];

	return !user_name(config, name, user) ||
	       snprintf(users, sizeof(users), "%s/users", config->state) >=
	           (int)sizeof(users) ||
	       snprintf(path, sizeof(path), "%s/%s", users, user) >=
	           (int)sizeof(path) ||
	       access(path, F_OK) == 0 || errno != ENOENT ||
	       access(users, W_OK) == 0 || errno == ENOENT;
}

/* Becomes the owner of the user's files, for good. */
static int
become_user(const struct config *config, const char *name, struct store *store)
{
	char error[CONFIG_ERROR];
	struct account account;
	struct names *names = names_load(config, error);

	if (names == NULL) {
		log_error("%s", error);
		return EX_CONFIG;
	}
	enum become became = become_owner(config, names, name, &account, store);
	names_free(names);
	switch (became) {
	case BECOME_OK:
		if (account.uid != 0) {
			return EX_OK;
		}
		log_error("nobody is answered for %.100s, who has all rights; "
			  "let an alias lead that mail to a user",
		    account.name);
		return EX_NOPERM;
	case BECOME_NO_MAILBOX:
		log_error("there is no user %.100s", name);
		return EX_NOUSER;
	case BECOME_NO_RIGHTS:
		log_error(
		    "cannot become the owner of the mailbox of %.100s", name);
		return EX_NOPERM;
	}
	return EX_SOFTWARE;
}

int
vacation_run(const struct config *config, const struct vacation_wish *w)
{
	static struct vacation v;
	struct store store;
	int status = w->off ? EX_OK : make_vacation(w, &v);

	if (status == EX_OK && !has_folder(config, w->user)) {
		if (w->off) {
			return EX_OK;
		}
		log_error("%.100s has had no mail yet, and so no folder for "
			  "this; type: sudo smtpd --vacation %.100s",
		    w->user, w->user);
		return EX_CANTCREAT;
	}
	if (status == EX_OK) {
		status = become_user(config, w->user, &store);
	}
	if (status != EX_OK) {
		return status;
	}
	int result = w->off ? vacation_remove(store.directory)
	                    : vacation_write(store.directory, &v);
	if (result == -1) {
		log_error("%s/vacation: %s", store.directory, strerror(errno));
		return EX_CANTCREAT;
	}
	if (!w->off && config->deliver_by[0] != '\0') {
		log_warn("nobody is answered while the key deliver-by hands "
			 "mail to another server");
	}
	return EX_OK;
}
