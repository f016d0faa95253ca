/* SPDX-License-Identifier: ISC */
/* Logins: the SASL exchange in the session, the check in a worker. */
#include "common/login.h"

#include "common/password.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static bool
terminated(const char *s, size_t size)
{
	return memchr(s, '\0', size) != NULL;
}

bool
login_valid(const void *payload, size_t size)
{
	const struct login *l = payload;

	return size >= LOGIN_SIZE(0) && l->mechanism <= MECHANISM_CRAM_MD5 &&
	       l->pending <= LOGIN_PENDING && size == LOGIN_SIZE(l->pending) &&
	       terminated(l->name, sizeof(l->name)) &&
	       terminated(l->secret, sizeof(l->secret)) &&
	       terminated(l->challenge, sizeof(l->challenge));
}

enum status
login_run(const struct task *task)
{
	const struct config *config = task->config;
	const struct login *l = task->payload;
	char user[USER_NAME + 1], credentials[USER_CREDENTIALS] = "";
	enum status found = STATUS_NO;

	if (user_name(config, l->name, user)) {
		found = account_credentials(config, user, credentials);
	}
	if (found == STATUS_TEMPORARY) {
		return found;
	}
	enum status result =
	    l->mechanism == MECHANISM_CRAM_MD5
		? password_check_cram(credentials, l->challenge, l->secret)
		: password_check(
		      credentials, l->secret, config_system_users(config));
	explicit_bzero(credentials, sizeof(credentials));
	return result;
}

bool
sasl_start(struct sasl *s, const char *mechanism, const char *hostname)
{
	static const char *const names[] = { "PLAIN", "LOGIN", "CRAM-MD5" };

	memset(s, 0, sizeof(*s));
	for (uint32_t m = 0; m < sizeof(names) / sizeof(names[0]); m++) {
		if (strcasecmp(names[m], mechanism) != 0) {
			continue;
		}
		s->login.mechanism = m;
		if (m == MECHANISM_CRAM_MD5) {
			snprintf(s->login.challenge, sizeof(s->login.challenge),
			    "<%08x%08x%08x.%lld@%s>", (unsigned)arc4random(),
			    (unsigned)arc4random(), (unsigned)arc4random(),
			    (long long)time(NULL), hostname);
		}
		return true;
	}
	return false;
}

bool
sasl_client_first(const struct sasl *s)
{
	return s->login.mechanism != MECHANISM_CRAM_MD5;
}

/* Copies bytes without NUL into a field. */
static bool
field(char *dst, size_t size, const char *src, size_t len)
{
	if (len >= size || memchr(src, '\0', len) != NULL) {
		return false;
	}
	memcpy(dst, src, len);
	dst[len] = '\0';
	return true;
}

/* authzid NUL authcid NUL passwd */
static enum sasl_result
step_plain(struct sasl *s, const char *data, size_t len)
{
	const char *end = data + len;
	const char *name = memchr(data, '\0', len);
	const char *password =
	    name == NULL ? NULL
			 : memchr(name + 1, '\0', (size_t)(end - name - 1));

	if (password == NULL) {
		return SASL_MALFORMED;
	}
	size_t authzid = (size_t)(name - data);
	size_t authcid = (size_t)(password - name - 1);
	name++;
	password++;
	if (authcid == 0 ||
	    !field(s->login.name, sizeof(s->login.name), name, authcid) ||
	    !field(s->login.secret, sizeof(s->login.secret), password,
		(size_t)(end - password))) {
		return SASL_MALFORMED;
	}
	/* Nobody acts for somebody else here. */
	if (authzid != 0 &&
	    (authzid != authcid || memcmp(data, name, authcid) != 0)) {
		s->login.name[0] = '\0';
	}
	return SASL_DONE;
}

static enum sasl_result
step_login(struct sasl *s, const char *data, size_t len)
{
	bool first = s->login.name[0] == '\0';
	char *dst = first ? s->login.name : s->login.secret;
	size_t size = first ? sizeof(s->login.name) : sizeof(s->login.secret);

	if ((first && len == 0) || !field(dst, size, data, len)) {
		return SASL_MALFORMED;
	}
	if (!first) {
		return SASL_DONE;
	}
	strlcpy(s->prompt, "Password:", sizeof(s->prompt));
	return SASL_CONTINUE;
}

/* name SP 32 hex digits */
static enum sasl_result
step_cram(struct sasl *s, const char *data, size_t len)
{
	size_t name = len;

	while (name > 0 && data[name - 1] != ' ') {
		name--;
	}
	if (name < 2 ||
	    !field(s->login.name, sizeof(s->login.name), data, name - 1) ||
	    !field(s->login.secret, sizeof(s->login.secret), data + name,
		len - name)) {
		return SASL_MALFORMED;
	}
	for (char *p = s->login.secret; *p != '\0'; p++) {
		*p = (char)(*p >= 'A' && *p <= 'F' ? *p | 0x20 : *p);
	}
	return SASL_DONE;
}

enum sasl_result
sasl_step(struct sasl *s, const char *data, size_t len)
{
	if (data == NULL) {
		switch (s->login.mechanism) {
		case MECHANISM_LOGIN:
			strlcpy(s->prompt, "Username:", sizeof(s->prompt));
			break;
		case MECHANISM_CRAM_MD5:
			strlcpy(
			    s->prompt, s->login.challenge, sizeof(s->prompt));
			break;
		default:
			s->prompt[0] = '\0';
		}
		return SASL_CONTINUE;
	}
	switch (s->login.mechanism) {
	case MECHANISM_LOGIN:
		return step_login(s, data, len);
	case MECHANISM_CRAM_MD5:
		return step_cram(s, data, len);
	default:
		return step_plain(s, data, len);
	}
}
