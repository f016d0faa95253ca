/* SPDX-License-Identifier: ISC */
/* --check: users named by quota and other limits, and full mailboxes. */
#include "spool/check/check.h"

#include "common/login/users.h"

#include <stdio.h>
#include <sys/stat.h>

/* Warns of limits that are set for a name that is not a user. */
static void
check_named(struct check *c, const struct names *names, const char *key,
    const struct limits *limits)
{
	char user[USER_NAME + 1];
	struct account account;

	for (size_t i = 0; i < limits->count; i++) {
		const char *name = limits->own[i].user;
		if (!user_name(c->config, name, user) ||
		    account_find(c->config, names, user, &account) ==
			STATUS_NO) {
			check_finding(c, FINDING_WARNING,
			    "%s is set for %s, which is not a user", key, name);
		}
	}
}

/* How full a mailbox is. */
static void
check_quota(struct check *c, const struct names *names, const char *name)
{
	char user[USER_NAME + 1], path[PATH_MAX];
	struct account account;
	struct stat st;

	if (!user_name(c->config, name, user) ||
	    account_find(c->config, names, user, &account) != STATUS_OK ||
	    account_mailbox(c->config, &account, path) == -1 ||
	    lstat(path, &st) == -1) {
		return;
	}
	uint64_t quota = limits_of(&c->config->quota, account.name);
	if (quota != 0 && (uint64_t)st.st_size >= quota - quota / 10) {
		check_finding(c, FINDING_WARNING,
		    "%s has %llu octets of a quota of %llu: when it is full, "
		    "mail for %s waits in the queue, and is returned in the "
		    "end",
		    path, (unsigned long long)st.st_size,
		    (unsigned long long)quota, user);
	}
}

static void
check_quotas(struct check *c, const struct names *names)
{
	struct user_line line;
	enum user_line_kind kind;

	if (config_system_users(c->config)) {
		for (size_t i = 0; i < c->config->quota.count; i++) {
			check_quota(c, names, c->config->quota.own[i].user);
		}
		return;
	}
	struct users_file *f = users_open(c->config->users);
	while (f != NULL && (kind = users_next(f, &line)) < USER_LINE_END) {
		if (kind == USER_LINE_USER) {
			check_quota(c, names, line.name);
		}
	}
	if (f != NULL) {
		users_close(f);
	}
}

void
check_limits(struct check *c)
{
	char error[CONFIG_ERROR];
	struct names *names = names_load(c->config, error);

	if (names == NULL) {
		return; /* check_users() reports it */
	}
	check_named(c, names, "expire", &c->config->expire);
	check_named(c, names, "login-delay", &c->config->login_delay);
	check_named(c, names, "quota", &c->config->quota);
	check_named(c, names, "undelete", &c->config->undelete);
	check_quotas(c, names);
	names_free(names);
}
