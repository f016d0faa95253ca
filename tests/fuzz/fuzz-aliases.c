/* SPDX-License-Identifier: ISC */
/* Aliases files, what their targets mean, and addresses looked up in them. */
#include "common/login/aliases_load.h"
#include "common/login/users.h"
#include "common/names/aliases.h"

#include "smtpd/route/target.h"
#include "tests/fuzz/fuzz-file.h"

#include <unistd.h>

static void
check_target(const char *target)
{
	struct target_parsed t;
	char orcpt[MAIL_ORCPT + 1];

	MUST(target[0] != '\0' && strlen(target) < ALIAS_TARGET);
	for (const char *p = target; *p != '\0'; p++) {
		MUST((unsigned char)*p >= 0x20 && *p != 0x7f);
	}
	switch (target_parse(target, &t)) {
	case MEANS_PIPE:
		MUST(target[0] == '|');
		break;
	case MEANS_FILE:
		MUST(target[0] == '/' && t.text == target);
		break;
	case MEANS_INCLUDE:
		MUST(target[0] == ':' && t.text[0] == '/');
		break;
	case MEANS_MAILBOX:
		MUST(target[0] == '\\');
		break;
	case MEANS_ADDRESS:
		MUST(!address_is_null(&t.address));
		break;
	case MEANS_NOTHING:
		break;
	}
	target_orcpt(target, orcpt);
	MUST(strlen(orcpt) <= MAIL_ORCPT);
}

static void
check_address(const struct config *config, const struct aliases *a,
    const struct names *names, const char *text)
{
	struct address address;
	struct resolved r;
	const char *rest;

	if (address_path(text, &address, &rest) != PATH_OK) {
		return;
	}
	aliases_resolve(a, config, names, &address, &r);
	MUST(strlen(r.user) <= USER_NAME && strchr(r.user, '/') == NULL);
	MUST(r.kind != RESOLVED_ALIAS || r.alias.targets != NULL);
}

static bool
take(void *context, const char *target)
{
	(void)context;
	check_target(target);
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config config = { .hostname = "example.org",
		.subaddress = "+-",
		.system_users = true };
	char error[CONFIG_ERROR];
	struct alias alias;

	strlcpy(config.aliases, fuzz_file(data, size), sizeof(config.aliases));
	struct names *names = names_load(&config, error);
	struct aliases *a = aliases_load(&config, error);
	MUST(a != NULL && names != NULL);
	const char *key;
	for (size_t i = 0; (key = aliases_key(a, i)) != NULL; i++) {
		MUST(aliases_find(a, key, &alias) != ALIAS_NONE);
		MUST(strcmp(alias.name, key) == 0);
		for (const char *t = alias.targets; *t != '\0';
		     t = alias_next(t)) {
			check_target(t);
			check_address(&config, a, names, t);
		}
		check_address(&config, a, names, key);
	}
	(void)aliases_targets((const char *)data, size, take, NULL);
	aliases_free(a);
	names_free(names);
	return 0;
}
