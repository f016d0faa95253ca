/* SPDX-License-Identifier: ISC */
/* smtpd --check: the senders that users may use, and the profile of port 25. */
#include "smtpd/admin/check_private.h"

#include "common/login/users.h"

#include <strings.h>

/* True if it is what clients of "trust" send as. */
static bool
is_trusted(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->ntrusts; i++) {
		const struct trusted *t = &config->trusts[i];
		if (strcasecmp(name, t->name[0] != '\0' ? t->name : t->text) ==
		    0) {
			return true;
		}
	}
	return false;
}

/* Warns of lines for unknown users, which a typing error makes. */
static void
check_users_of(struct check *c, const struct names *names)
{
	const struct config *config = c->config;
	char user[USER_NAME + 1];

	for (size_t i = 0; i < config->nsenders; i++) {
		const char *name = config->senders[i].pattern;
		if (!is_trusted(config, name) &&
		    (!user_name(config, name, user) ||
			(!names_open(names) && !names_listed(names, user)))) {
			check_finding(c, FINDING_WARNING,
			    "sender %s: there is no such user", name);
		}
	}
}

void
check_senders(struct check *c)
{
	const struct config *config = c->config;
	char error[CONFIG_ERROR];

	if (config->nsenders > 0 && config->sender_check == SENDER_OFF) {
		check_finding(c, FINDING_WARNING,
		    "sender has no effect: everybody may send as anybody; see "
		    "the key sender-check");
	}
	if (config->profile_mx == PROFILE_STRICT) {
		check_finding(c, FINDING_OK,
		    "port 25 refuses what RFC 5321 does not allow");
	}
	struct names *names = names_load(config, error);
	if (names != NULL) {
		check_users_of(c, names);
		names_free(names);
	}
}
