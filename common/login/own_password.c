/* SPDX-License-Identifier: ISC */
/* Users change their own passwords; see the header. */
#include "common/login/own_password.h"

#include "common/log/log.h"
#include "common/login/credentials.h"
#include "common/login/password.h"
#include "common/login/password_rule.h"
#include "common/login/users_edit.h"
#include "common/names/passwd.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

/*
 * The user whose name the account of the client's uid has, if the mailbox is
 * that account's, too: of two people with one name, a machine knows by the
 * owner.  root is nobody: it has smtpd --passwd without us.
 */
static enum status
find_by_uid(
    const struct task *task, char user[USER_NAME + 1], enum own_result *result)
{
	uid_t uid = task->peer->uid;
	const struct passwd *pw = passwd_by_uid(uid);
	struct account a;

	*result = OWN_NOBODY;
	if (pw == NULL) {
		return errno == 0 ? STATUS_OK : STATUS_TEMPORARY;
	}
	if (uid == 0 || !user_name(task->config, pw->pw_name, user)) {
		return STATUS_OK;
	}
	enum status s = names_owner(task->names, task->config, user, &a);
	if (s == STATUS_OK && a.uid == uid) {
		*result = OWN_CHANGED;
	}
	return s == STATUS_NO ? STATUS_OK : s;
}

/* The credential of the user's own line; STATUS_NO: there is none. */
static enum status
find_own(const struct task *task, const char *user, struct credential *own)
{
	struct credentials c;
	enum status s = credentials_find(task->config, task->names, user, &c);
	bool found = false;

	for (size_t i = 0; s == STATUS_OK && i < c.n && !found; i++) {
		found = c.list[i].label[0] == '\0';
		*own = found ? c.list[i] : *own;
	}
	explicit_bzero(&c, sizeof(c));
	return s == STATUS_OK && !found ? STATUS_NO : s;
}

/* The present password, by the rules of a login. */
static enum status
check_before(const struct credential *own, const char *password)
{
	enum status s = password_check(own->text, password, false);
	bool over = !own->good || (own->terms.until != 0 &&
				      time(NULL) >= (time_t)own->terms.until);

	return s == STATUS_OK && over ? STATUS_NO : s;
}

/* Writes the new line; the file is locked. */
static enum status
replace(const struct task *task, const struct users_lock *lock,
    const char *user, const char *was, const char *password)
{
	char credentials[USER_CREDENTIALS];
	struct users_line line = { .user = user, .label = "" };
	struct credential now;
	struct users_view view;
	enum status s = find_own(task, user, &now);

	/* Somebody else was faster: what was checked is no longer true. */
	bool same = s == STATUS_OK && strcmp(now.text, was) == 0;
	explicit_bzero(&now, sizeof(now));
	if (!same) {
		return s == STATUS_OK ? STATUS_NO : s;
	}
	if (users_view(task->config, user, "", &view) == -1) {
		return STATUS_TEMPORARY;
	}
	if (password_renew(was, password, view.salted ? &view.salt : NULL,
		credentials, sizeof(credentials)) == -1) {
		log_error(
		    "cannot make a verifier for the password of %s", user);
		return STATUS_TEMPORARY;
	}
	line.credentials = credentials;
	int rc = users_edit(task->config, lock, &line);
	explicit_bzero(credentials, sizeof(credentials));
	return rc == EX_OK ? STATUS_OK : STATUS_TEMPORARY;
}

static enum status
lock_and_replace(const struct task *task, const char *user, const char *was,
    const char *password)
{
	struct users_lock lock;

	if (users_lock(task->config, &lock) == -1) {
		return STATUS_TEMPORARY;
	}
	enum status s = replace(task, &lock, user, was, password);
	users_unlock(&lock);
	return s;
}

static enum status
change(const struct task *task, const char *user, struct own_answer *a)
{
	const struct own_password *p = task->payload;
	struct credential own;
	enum status s = find_own(task, user, &own);

	if (s == STATUS_OK && password_has(own.text, PASSWORD_PAM)) {
		a->result = OWN_SYSTEM;
		explicit_bzero(&own, sizeof(own));
		return STATUS_OK;
	}
	s = s == STATUS_OK ? check_before(&own, p->before) : s;
	const char *why = s != STATUS_OK ? NULL
	                  : strcmp(p->before, p->after) == 0
	                      ? "is the present one"
	                      : password_unusable(p->after);
	if (s == STATUS_OK && why == NULL) {
		why = password_weakness_for(task->config, user, p->after);
	}
	if (why != NULL) {
		a->result = OWN_WEAK;
		strlcpy(a->reason, why, sizeof(a->reason));
	} else if (s == STATUS_OK) {
		s = lock_and_replace(task, user, own.text, p->after);
	}
	explicit_bzero(&own, sizeof(own));
	return s;
}

enum status
own_password_run(const struct task *task)
{
	struct own_answer a = { .result = OWN_CHANGED };
	enum own_result found = OWN_CHANGED;
	char user[USER_NAME + 1];
	enum status s = STATUS_OK;

	strlcpy(user, task->user, sizeof(user));
	if (config_system_users(task->config)) {
		found = OWN_SYSTEM;
	} else if (task->role == ROLE_LOCAL) {
		s = find_by_uid(task, user, &found);
	}
	a.result = found;
	if (s == STATUS_OK && found == OWN_CHANGED) {
		s = change(task, user, &a);
	}
	if (s == STATUS_NO) {
		log_warn("user: %s has given a wrong password for a change, "
			 "ip=[%s]",
		    user, task->peer->address);
	} else if (s == STATUS_OK) {
		if (a.result == OWN_CHANGED) {
			log_info("user: %s has a new password now, ip=[%s]",
			    user, task->peer->address);
		}
		memcpy(task->reply->data, &a, sizeof(a));
		task->reply->size = sizeof(a);
	}
	return s;
}
