/* SPDX-License-Identifier: ISC */
/* Reads the keys that say what sessions may say: profiles and senders. */
#include "common/config/config_private.h"

#include <string.h>
#include <strings.h>

/* Cuts the first word off; where the second is, or NULL: too long. */
static const char *
first_word(
    const struct config_place *at, const char *value, char word[CONFIG_NAME])
{
	size_t n = strcspn(value, " \t");

	if (n >= CONFIG_NAME) {
		config_fail(at, "too long:", "the first word");
		return NULL;
	}
	memcpy(word, value, n);
	word[n] = '\0';
	return value + n + strspn(value + n, " \t");
}

/* "mx strict" */
int
config_set_profile(
    const struct config_place *at, struct config *c, const char *value)
{
	static const char *const words[CONFIG_CHOICES] = { "mx", "submission",
		"strict" };
	char role[CONFIG_NAME];
	const char *profile = first_word(at, value, role);
	unsigned choice = 0;

	if (profile == NULL) {
		return -1;
	}
	bool mx = strcasecmp(role, "mx") == 0;
	if (!mx && strcasecmp(role, "submission") != 0) {
		return config_fail(
		    at, "the role mx or submission expected, not", role);
	}
	if (config_set_choice(at, &choice, words,
		"the profile mx, submission or strict expected, not",
		profile) == -1) {
		return -1;
	}
	*(mx ? &c->profile_mx : &c->profile_submission) = (enum profile)choice;
	return 0;
}

/* "login", "domain header" */
int
config_set_sender_check(
    const struct config_place *at, struct config *c, const char *value)
{
	static const char *const words[CONFIG_CHOICES] = { "off", "domain",
		"login" };
	char word[CONFIG_NAME];
	const char *second = first_word(at, value, word);
	unsigned choice = 0;

	if (second == NULL) {
		return -1;
	}
	c->sender_check_header = strcmp(second, "header") == 0;
	if (*second != '\0' && !c->sender_check_header) {
		return config_fail(
		    at, "nothing or header expected, not", second);
	}
	int result = config_set_choice(
	    at, &choice, words, "off, domain or login expected, not", word);
	c->sender_check = (enum sender_check)choice;
	return result;
}

/* "USER ADDRESS ...", where an address may be "@domain". */
int
config_set_user_sender(
    const struct config_place *at, struct config *c, const char *value)
{
	char word[CONFIG_VALUE];
	const struct config_rule *rule =
	    config_next_rule(at, c->senders, c->nsenders, value);

	if (rule == NULL) {
		return -1;
	}
	for (const char *p = rule->value; *p != '\0';) {
		size_t n = strcspn(p, " \t");
		memcpy(word, p, n);
		word[n] = '\0';
		if (!config_is_sender(word)) {
			return config_fail(
			    at, "an address or @domain expected, not", word);
		}
		p += n + strspn(p + n, " \t");
	}
	c->nsenders++;
	return 0;
}
