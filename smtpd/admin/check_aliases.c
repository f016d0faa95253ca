/* SPDX-License-Identifier: ISC */
/* smtpd --check: every alias is expanded once. */
#include "common/login/aliases_load.h"
#include "common/login/users.h"
#include "common/names/passwd.h"
#include "smtpd/admin/check_private.h"

#include "smtpd/local/words.h"
#include "smtpd/route/expand.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FINDINGS = 20 }; /* that are printed one by one */

/* Makes an address that matches the key of an alias. */
static void
address_of(const char *key, char text[ADDRESS_TEXT + 2])
{
	const char *quote = strpbrk(key, " \"\\") != NULL ? "\"" : "";

	snprintf(text, ADDRESS_TEXT + 2, "%s%s%s%s",
	    key[0] == '@' ? "anybody" : "", quote, key, quote);
}

/* A command that cannot be run. */
static void
check_command(struct check *c, const char *key, const struct recipient *r)
{
	const char *owner =
	    r->owner[0] != '\0' ? r->owner : c->config->alias_owner;
	char text[ALIAS_TARGET + 1], *words[WORDS_MOST + 1];
	struct account account;

	if (strlcpy(text, r->text, sizeof(text)) >= sizeof(text) ||
	    !words_split(text, words)) {
		check_finding(c, FINDING_ERROR,
		    "the alias %s: %s is no command: a quote is open", key,
		    r->text);
		return;
	}
	if (words[0][0] != '/') {
		check_finding(c, FINDING_ERROR,
		    "the alias %s: write %s with its whole path; type: command "
		    "-v %s",
		    key, words[0], words[0]);
		return;
	}
	if (account_system(owner, &account) != STATUS_OK) {
		return; /* check_owner() reports it */
	}
	int error = check_as(c, &account, NULL, check_runnable, words[0]);
	if (error > 0) {
		check_finding(c, FINDING_ERROR,
		    "the alias %s: %s cannot run %s: %s; type: ls -l %s", key,
		    owner, words[0], strerror(error), words[0]);
	}
}

/* As the user of the file: 0, or why nothing can be added to it. */
static int
try_file(void *context)
{
	char folder[PATH_MAX];
	struct stat st;

	if (lstat(context, &st) == 0) {
		bool file = S_ISREG(st.st_mode) || S_ISCHR(st.st_mode);
		return !file ? EINVAL : access(context, W_OK) == 0 ? 0 : errno;
	}
	int error = errno;
	strlcpy(folder, context, sizeof(folder));
	char *slash = strrchr(folder, '/');
	if (error != ENOENT || slash == NULL) {
		return error;
	}
	slash[slash == folder] = '\0';
	return access(folder, W_OK | X_OK) == 0 ? 0 : errno;
}

/* A file that mail cannot be added to. */
static void
check_target_file(struct check *c, const char *key, const struct recipient *r)
{
	const char *owner =
	    r->owner[0] != '\0' ? r->owner : c->config->alias_owner;
	struct account account;
	char path[PATH_MAX];

	strlcpy(path, r->text, sizeof(path));
	if (account_system(owner, &account) != STATUS_OK) {
		return; /* check_owner() reports it */
	}
	int error = check_as(c, &account, NULL, try_file, path);
	if (error > 0) {
		check_finding(c, FINDING_ERROR,
		    "the alias %s: %s cannot write to %s: %s; type: ls -ld %s",
		    key, owner, path,
		    error == EINVAL ? "it is no file" : strerror(error), path);
	}
}

/* Warns of targets in our domains that do not exist. */
static void
check_targets(struct check *c, const char *key, const struct mail *m)
{
	for (size_t i = 0; i < m->count; i++) {
		const struct recipient *r = &m->recipients[i];
		const char *at = strrchr(r->text, '@');
		if (r->target == TARGET_PIPE) {
			check_command(c, key, r);
		} else if (r->target == TARGET_FILE) {
			check_target_file(c, key, r);
		}
		if (r->target == TARGET_ADDRESS && at != NULL &&
		    config_is_ours(c->config, at + 1)) {
			check_finding(c, FINDING_WARNING,
			    "the alias %s leads to %s, which does not exist "
			    "here",
			    key, r->text);
		}
	}
}

static void
check_alias(struct check *c, const struct expand *e, const char *key)
{
	char text[ADDRESS_TEXT + 2];
	const struct recipient r = {
		.text = text, .given = "", .owner = "", .orcpt = ""
	};
	const char *at = strrchr(key, '@');
	struct mail mail;

	if (at != NULL && !config_is_ours(c->config, at + 1)) {
		check_finding(c, FINDING_WARNING,
		    "the alias %s has no effect: %s is not one of our domains",
		    key, at + 1);
		return;
	}
	mail_init(&mail);
	address_of(key, text);
	switch (expand_recipient(e, &r, &mail)) {
	case EXPANDED_OK:
	case EXPANDED_NONE: /* has moved */
	case EXPANDED_HELD:
		check_targets(c, key, &mail);
		break;
	case EXPANDED_TEMPORARY:
	case EXPANDED_BROKEN:
		check_finding(c, FINDING_ERROR,
		    "mail for %s would wait; type: smtpd -bt '%s'", key, text);
		break;
	}
	mail_free(&mail);
}

/* Mail for that name must reach somebody. */
static void
check_duty(struct check *c, const struct expand *e, const char *name)
{
	const struct recipient r = {
		.text = name, .given = "", .owner = "", .orcpt = ""
	};
	struct mail mail;

	mail_init(&mail);
	enum expanded result = expand_recipient(e, &r, &mail);
	if (result != EXPANDED_OK || mail.count == 0) {
		check_finding(c, FINDING_ERROR,
		    "mail for %s goes nowhere; type: smtpd -bt %s", name, name);
	}
	for (size_t i = 0; i < mail.count && i < FINDINGS; i++) {
		const struct recipient *to = &mail.recipients[i];
		check_finding(c, FINDING_OK, "mail for %s goes to %s%s", name,
		    to->target == TARGET_USER   ? "the mailbox of "
		    : to->target == TARGET_PIPE ? "the command "
						: "",
		    to->text);
	}
	mail_free(&mail);
}

static void
check_owner(struct check *c)
{
	const char *owner = c->config->alias_owner;
	const struct passwd *pw = passwd_by_name(owner);

	if (geteuid() == 0 && (pw == NULL || pw->pw_uid == 0)) {
		check_finding(c, FINDING_ERROR,
		    "the key alias-owner names %s: %s", owner,
		    pw != NULL   ? "commands are never run as root"
		    : errno != 0 ? "it cannot be asked for now"
				 : "there is no such account");
	}
}

static void
check_alias_file(struct check *c, const struct expand *e)
{
	const char *key;
	size_t keys = 0, malformed = aliases_malformed(e->aliases);
	unsigned before = c->errors + c->warnings;

	if (malformed > 0) {
		check_finding(c, FINDING_ERROR,
		    "%zu lines of %s are malformed; the log says which",
		    malformed, c->config->aliases);
	}
	while ((key = aliases_key(e->aliases, keys)) != NULL) {
		keys++;
		if (c->errors + c->warnings < before + FINDINGS) {
			check_alias(c, e, key);
		}
	}
	check_finding(c, FINDING_OK, "%zu alias%s in %s", keys,
	    keys == 1 ? "" : "es", c->config->aliases);
}

void
check_aliases(struct check *c)
{
	char error[CONFIG_ERROR];
	struct names *names = names_load(c->config, error);

	if (names == NULL) {
		return; /* check_users() reports it */
	}
	struct aliases *aliases = aliases_load_lines(c->config, error);
	if (aliases == NULL) {
		check_finding(c, FINDING_ERROR, "%s", error);
		names_free(names);
		return;
	}
	const struct expand e = {
		.config = c->config, .names = names, .aliases = aliases
	};
	check_alias_file(c, &e);
	check_owner(c);
	check_duty(c, &e, "root");
	check_duty(c, &e, "postmaster");
	check_delivery(c, &e);
	aliases_free(aliases);
	names_free(names);
}
