/* SPDX-License-Identifier: ISC */
/* Checks logins, in a worker. */
#include "common/login/login.h"

#include "common/log/log.h"
#include "common/login/credentials.h"
#include "common/login/oauth.h"
#include "common/login/pam.h"
#include "common/login/password.h"
#include "common/login/secret.h"

#include <string.h>
#include <time.h>

/*
 * The credentials of the login's user; none if there is no such user.
 * user: the name in one form, or as it came if no user can have it.
 */
static enum status
find_credentials(
    const struct task *task, char user[LOGIN_NAME + 1], struct credentials *c)
{
	const struct login *l = task->payload;

	c->n = 0;
	if (!user_name(task->config, l->name, user)) {
		strlcpy(user, l->name, LOGIN_NAME + 1);
		return STATUS_NO;
	}
	return credentials_find(task->config, task->names, user, c);
}

static enum status
check(const struct task *task, const char *credentials,
    uint8_t signature[PASSWORD_DIGEST])
{
	const struct login *l = task->payload;

	switch ((enum mechanism)l->mechanism) {
	case MECHANISM_PLAIN:
	case MECHANISM_LOGIN:
		break;
	case MECHANISM_CRAM_MD5:
		return password_check_cram(
		    credentials, l->challenge, l->secret);
	case MECHANISM_SCRAM:
	case MECHANISM_SCRAM_PLUS:
	case MECHANISM_SCRAM_SHA1:
	case MECHANISM_SCRAM_SHA1_PLUS:
		return password_check_scram(credentials, login_kind(l),
		    l->challenge, l->secret, signature);
	case MECHANISM_OAUTHBEARER:
	case MECHANISM_XOAUTH2:
		/* The token was good; the user must be allowed to use it, too.
		 */
		return config_system_users(task->config)
		           ? credentials[0] != '\0' ? STATUS_OK : STATUS_NO
		       : password_has(credentials, PASSWORD_OAUTH) ? STATUS_OK
		                                                   : STATUS_NO;
	case MECHANISM_EXTERNAL:
		return password_has_certificate(credentials, l->secret)
		           ? STATUS_OK
		           : STATUS_NO;
	}
	return password_check(
	    credentials, l->secret, config_system_users(task->config));
}

/* Why the terms of the credentials forbid this login; NULL if they do not. */
static const char *
refusal(const struct task *task, const struct credential *c)
{
	bool pop3 = strcmp(task->service, "pop3d") == 0;

	/* Of a device: it may be lost, and is to be revoked then. */
	if (task->role == ROLE_PASSWD && c->label[0] != '\0') {
		return "does not change passwords";
	}
	if (!c->good) {
		return "has terms that cannot be read: see smtpd --check";
	}
	if (c->terms.until != 0 && time(NULL) >= (time_t)c->terms.until) {
		return "has expired";
	}
	if (task->role == ROLE_PASSWD) {
		return NULL;
	}
	return pop3            ? c->terms.pop3 ? NULL : "is not for POP3"
	       : c->terms.smtp ? NULL
	                       : "is not for SMTP";
}

/* Logs the use of a password that has a label or terms. */
static void
log_use(const struct task *task, const char *user, const struct credential *c,
    const char *why)
{
	const char *address = task->peer->address;

	if (why != NULL) {
		log_warn("the password \"%s\" of %s %s, ip=[%s]", c->label,
		    user, why, address);
	} else if (c->label[0] != '\0') {
		/* The line begins with words that log readers skip. */
		log_info("user: %s has used the password \"%s\", ip=[%s]", user,
		    c->label, address);
	}
}

/* Tries all credentials of the user.  The first that match and whose terms
 * allow the login decide; if this is the last check, that is logged. */
static enum status
check_all(const struct task *task, const char *user,
    const struct credentials *c, uint8_t signature[PASSWORD_DIGEST], bool last)
{
	enum status result = STATUS_NO;

	/* Unknown users cost the same time. */
	if (c->n == 0) {
		enum status s = check(task, "", signature);
		return s == STATUS_OK ? STATUS_NO : s;
	}
	for (size_t i = 0; i < c->n && result != STATUS_OK; i++) {
		enum status s = check(task, c->list[i].text, signature);
		const char *why =
		    s == STATUS_OK ? refusal(task, &c->list[i]) : NULL;
		if (s == STATUS_OK && last) {
			log_use(task, user, &c->list[i], why);
		}
		s = why != NULL ? STATUS_NO : s;
		result = s == STATUS_NO ? result : s;
	}
	return result;
}

/* True if the login is by a password as such, which PAM can check. */
static bool
is_password(const struct login *l)
{
	return l->mechanism == MECHANISM_PLAIN ||
	       l->mechanism == MECHANISM_LOGIN;
}

/*
 * Asks PAM.  account: if the system has such an account; STATUS_NO for root,
 * which does not log in here, and whose failures must not count.
 */
static enum status
ask_pam(const struct task *task, enum status *account)
{
	const struct login *l = task->payload;
	char user[USER_NAME + 1];
	struct account a;

	*account = STATUS_NO;
	if (!user_name(task->config, l->name, user)) {
		return STATUS_NO;
	}
	*account = account_system(user, &a);
	if (*account == STATUS_TEMPORARY) {
		return STATUS_TEMPORARY;
	}
	if (*account == STATUS_OK && a.uid == 0) {
		*account = STATUS_NO;
		return STATUS_NO;
	}
	const struct pam_login p = { .user = user,
		.password = l->secret,
		.program = task->service,
		.address = task->peer->address };
	/* PAM is asked about unknown users too, so that time tells nothing. */
	return pam_check(&p);
}

/* The password of a system account. */
static enum status
check_account(const struct task *task)
{
	enum status account, result = ask_pam(task, &account);

	return result == STATUS_OK ? account : result;
}

/*
 * A password that is none of those in the users file: PAM may know it, if one
 * of the user's lines leaves that to PAM.  The system need not have such an
 * account.
 */
static enum status
check_pam(const struct task *task, const char *user,
    const struct credentials *c, bool last)
{
	enum status account, asked = ask_pam(task, &account), result = asked;

	if (asked != STATUS_OK) {
		return asked;
	}
	result = STATUS_NO;
	for (size_t i = 0; i < c->n && result != STATUS_OK; i++) {
		if (!password_has(c->list[i].text, PASSWORD_PAM)) {
			continue;
		}
		const char *why = refusal(task, &c->list[i]);
		if (last) {
			log_use(task, user, &c->list[i], why);
		}
		result = why == NULL ? STATUS_OK : STATUS_NO;
	}
	return result;
}

static enum status
find_and_check(
    const struct task *task, uint8_t signature[PASSWORD_DIGEST], bool last)
{
	char user[LOGIN_NAME + 1];
	struct credentials c;
	enum status result = find_credentials(task, user, &c);

	/* The program is asked about unknown users too, so that time tells
	 * nothing. */
	if (result != STATUS_TEMPORARY && login_is_token(task->payload)) {
		enum status token = oauth_check(task, task->payload, user);
		if (token != STATUS_OK) {
			explicit_bzero(&c, sizeof(c));
			return token;
		}
	}
	if (result != STATUS_TEMPORARY) {
		result = check_all(task, user, &c, signature, last);
	}
	if (result == STATUS_NO && pam_available() &&
	    is_password(task->payload) && names_have_pam(task->names)) {
		result = check_pam(task, user, &c, last);
	}
	explicit_bzero(&c, sizeof(c));
	return result;
}

enum status
login_run(const struct task *task)
{
	uint8_t signature[PASSWORD_DIGEST];

	bool account = pam_available() && config_system_users(task->config) &&
	               is_password(task->payload);

	return account ? check_account(task)
	               : find_and_check(task, signature, true);
}

/* The salt of the first verifier; --passwd gives it to the others, too. */
static void
first_salt(const struct login *l, const struct credentials *c, const char *user,
    const uint8_t secret[SECRET_SIZE], struct password_salt *salt)
{
	const char *text = "";

	for (size_t i = 0; i < c->n && text[0] == '\0'; i++) {
		if (password_has_scram(c->list[i].text, login_kind(l))) {
			text = c->list[i].text;
		}
	}
	password_salt(text, login_kind(l), user, secret, salt);
}

enum status
login_salt_run(const struct task *task)
{
	const struct login *l = task->payload;
	char user[LOGIN_NAME + 1];
	uint8_t secret[SECRET_SIZE];
	struct password_salt salt;
	struct credentials c;

	secret_get(task->config, secret);
	enum status found = find_credentials(task, user, &c);
	if (found != STATUS_TEMPORARY) {
		first_salt(l, &c, user, secret, &salt);
		found = STATUS_OK;
	}
	explicit_bzero(&c, sizeof(c));
	explicit_bzero(secret, sizeof(secret));
	if (found == STATUS_OK) {
		memcpy(task->reply->data, &salt, sizeof(salt));
		task->reply->size = sizeof(salt);
	}
	return found;
}

enum status
login_proof_run(const struct task *task)
{
	task->reply->size = PASSWORD_DIGEST;
	return find_and_check(task, task->reply->data, false);
}

enum status
login_name_run(const struct task *task)
{
	const struct login *l = task->payload;
	char name[USER_NAME + 1];
	enum status s = l->mechanism == MECHANISM_EXTERNAL
	                    ? credentials_holder(task->config, l->secret, name)
	                    : STATUS_NO;

	if (s == STATUS_OK) {
		memcpy(task->reply->data, name, sizeof(name));
		task->reply->size = sizeof(name);
	}
	return s;
}
