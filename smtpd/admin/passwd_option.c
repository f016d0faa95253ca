/* SPDX-License-Identifier: ISC */
/* The options after smtpd --passwd. */
#include "smtpd/admin/passwd.h"

#include <stdio.h>
#include <string.h>

enum option {
	CRAM_MD5,
	CREDENTIAL,
	FOR,
	GENERATE,
	LABEL,
	REMOVE,
	SCRAM_SHA_1,
	UNTIL
};

static const struct {
	const char *name;
	enum option option;
	const char *wants; /* what its argument is, or NULL */
} options[] = {
	{ "cram-md5", CRAM_MD5, NULL },
	{ "credential", CREDENTIAL, "one of restante-users(5)" },
	{ "for", FOR, "smtp or pop3" },
	{ "generate", GENERATE, NULL },
	{ "label", LABEL, "letters, digits and ._+-=" },
	{ "remove", REMOVE, NULL },
	{ "scram-sha-1", SCRAM_SHA_1, NULL },
	{ "until", UNTIL, "a day such as 2031-12-31" },
};

enum { OPTIONS = sizeof(options) / sizeof(options[0]) };

void
passwd_init(struct passwd_change *w, const char *user)
{
	memset(w, 0, sizeof(*w));
	w->user = user;
	w->terms.smtp = w->terms.pop3 = true;
}

bool
passwd_has(const char *name)
{
	for (size_t i = 0; i < OPTIONS; i++) {
		if (strcmp(options[i].name, name) == 0) {
			return true;
		}
	}
	return false;
}

bool
passwd_wants(const char *name)
{
	for (size_t i = 0; i < OPTIONS; i++) {
		if (strcmp(options[i].name, name) == 0) {
			return options[i].wants != NULL;
		}
	}
	return false;
}

static bool
take_for(struct terms *t, const char *argument)
{
	t->smtp = strcmp(argument, "smtp") == 0;
	t->pop3 = strcmp(argument, "pop3") == 0;
	return t->smtp || t->pop3;
}

static bool
set_option(struct passwd_change *w, enum option option, const char *argument)
{
	switch (option) {
	case CRAM_MD5:
		return w->extras.cram = true;
	case SCRAM_SHA_1:
		return w->extras.scram_sha1 = true;
	case GENERATE:
		return w->generate = true;
	case REMOVE:
		return w->remove = true;
	case FOR:
		return take_for(&w->terms, argument);
	case UNTIL:
		w->terms.until = terms_day(argument);
		return w->terms.until != 0;
	case CREDENTIAL:
		w->credential = argument;
		return password_is_valid(argument) &&
		       strlen(argument) < USER_CREDENTIALS &&
		       strpbrk(argument, ":\r\n") == NULL;
	case LABEL:
		w->label = argument;
		return users_label(argument);
	}
	return false;
}

int
passwd_option(struct passwd_change *w, const char *name, const char *argument,
    char error[CONFIG_ERROR])
{
	for (size_t i = 0; i < OPTIONS; i++) {
		if (strcmp(options[i].name, name) != 0) {
			continue;
		}
		bool there = argument != NULL || options[i].wants == NULL;
		if (there && set_option(w, options[i].option, argument)) {
			return 0;
		}
		if (!there) {
			snprintf(error, CONFIG_ERROR, "option --%s needs %s",
			    name, options[i].wants);
			return -1;
		}
		snprintf(error, CONFIG_ERROR, "--%s takes %s, not \"%.100s\"",
		    name, options[i].wants, argument);
		return -1;
	}
	snprintf(error, CONFIG_ERROR, "unknown option --%.100s", name);
	return -1;
}
