/* SPDX-License-Identifier: ISC */
/* The options after smtpd --setup. */
#include "smtpd/admin/setup.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	const char *wants; /* what its argument is, or NULL */
	size_t member;
} options[] = {
	{ "dry-run", NULL, offsetof(struct setup_wish, dry_run) },
	{ "hostname", "a name", offsetof(struct setup_wish, hostname) },
	{ "local-only", NULL, offsetof(struct setup_wish, local_only) },
	{ "no-start", NULL, offsetof(struct setup_wish, no_start) },
	{ "relay", "a URL such as smtps://user@smtp.example.net",
	    offsetof(struct setup_wish, relay) },
	{ "tls", "self or a file", offsetof(struct setup_wish, tls) },
	{ "yes", NULL, offsetof(struct setup_wish, yes) },
};

enum { OPTIONS = sizeof(options) / sizeof(options[0]) };

bool
setup_has(const char *name)
{
	for (size_t i = 0; i < OPTIONS; i++) {
		if (strcmp(options[i].name, name) == 0) {
			return true;
		}
	}
	return false;
}

bool
setup_wants(const char *name)
{
	for (size_t i = 0; i < OPTIONS; i++) {
		if (strcmp(options[i].name, name) == 0) {
			return options[i].wants != NULL;
		}
	}
	return false;
}

int
setup_option(struct setup_wish *w, const char *name, const char *argument,
    char error[CONFIG_ERROR])
{
	size_t i = 0;

	while (i < OPTIONS - 1 && strcmp(options[i].name, name) != 0) {
		i++;
	}
	char *member = (char *)w + options[i].member;
	if (options[i].wants == NULL) {
		const bool yes = true;
		memcpy(member, &yes, sizeof(yes));
		return 0;
	}
	if (argument == NULL || *argument == '\0') {
		snprintf(error, CONFIG_ERROR, "--%s takes %s", name,
		    options[i].wants);
		return -1;
	}
	memcpy(member, &argument, sizeof(argument));
	return 0;
}
