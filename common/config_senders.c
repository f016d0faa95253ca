/* SPDX-License-Identifier: ISC */
/* Reads the keys that say which senders users may use. */
#include "common/config_values.h"

#include <string.h>

/* "login", "domain header" */
int
config_set_sender_check(
    const struct config_place *at, struct config *c, const char *value)
{
	static const char *const words[] = { "off", "domain", "login" };
	char word[CONFIG_NAME];
	unsigned choice = 0;
	size_t n = strcspn(value, " \t");
	const char *second = value + n + strspn(value + n, " \t");

	if (n >= sizeof(word)) {
		return config_fail(at, "too long:", "the first word");
	}
	memcpy(word, value, n);
	word[n] = '\0';
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
