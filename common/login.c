/* SPDX-License-Identifier: ISC */
/* Logins: the check in a worker. */
#include "common/login.h"

#include "common/password.h"
#include "common/secret.h"

#include <string.h>

static bool
terminated(const char *s, size_t size)
{
	return memchr(s, '\0', size) != NULL;
}

enum crypto_kind
login_kind(const struct login *l)
{
	return l->mechanism == MECHANISM_SCRAM_SHA1 ||
	               l->mechanism == MECHANISM_SCRAM_SHA1_PLUS
	           ? CRYPTO_KIND_SHA1
	           : CRYPTO_KIND_SHA256;
}

bool
login_valid(const void *payload, size_t size)
{
	const struct login *l = payload;

	return size >= LOGIN_SIZE(0) && l->mechanism < MECHANISMS &&
	       l->pending <= LOGIN_PENDING && size == LOGIN_SIZE(l->pending) &&
	       terminated(l->name, sizeof(l->name)) &&
	       terminated(l->secret, sizeof(l->secret)) &&
	       terminated(l->challenge, sizeof(l->challenge));
}

/*
 * The credentials of the login's user; "" if there is none of that name.
 * user: the name in one form, or as it came if no user can have it.
 */
static enum status
find(const struct task *task, char user[LOGIN_NAME + 1],
    char credentials[USER_CREDENTIALS])
{
	const struct login *l = task->payload;

	credentials[0] = '\0';
	if (!user_name(task->config, l->name, user)) {
		strlcpy(user, l->name, LOGIN_NAME + 1);
		return STATUS_NO;
	}
	return account_credentials(task->config, user, credentials);
}

static enum status
check(const struct task *task, const char *credentials)
{
	const struct login *l = task->payload;
	uint8_t signature[PASSWORD_DIGEST];

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
	}
	return password_check(
	    credentials, l->secret, config_system_users(task->config));
}

enum status
login_run(const struct task *task)
{
	char user[LOGIN_NAME + 1], credentials[USER_CREDENTIALS];
	enum status result = find(task, user, credentials);

	if (result != STATUS_TEMPORARY) {
		result = check(task, credentials);
	}
	explicit_bzero(credentials, sizeof(credentials));
	return result;
}

enum status
login_salt_run(const struct task *task)
{
	char user[LOGIN_NAME + 1], credentials[USER_CREDENTIALS];
	const struct login *l = task->payload;
	uint8_t secret[SECRET_SIZE];
	struct password_salt salt;

	secret_get(task->config, secret);
	enum status found = find(task, user, credentials);
	if (found != STATUS_TEMPORARY) {
		found = password_salt(credentials, login_kind(l), user, secret,
			    &salt) == 0
		            ? STATUS_OK
		            : STATUS_TEMPORARY;
	}
	explicit_bzero(credentials, sizeof(credentials));
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
	char user[LOGIN_NAME + 1], credentials[USER_CREDENTIALS];
	const struct login *l = task->payload;
	enum status result = find(task, user, credentials);

	if (result != STATUS_TEMPORARY) {
		result = password_check_scram(credentials, login_kind(l),
		    l->challenge, l->secret, task->reply->data);
	}
	explicit_bzero(credentials, sizeof(credentials));
	task->reply->size = PASSWORD_DIGEST;
	return result;
}
