/* SPDX-License-Identifier: ISC */
/* Reads hosts(5): an address and names in each line, behind "#" a comment. */
#include "smtpd/relay/hosts.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Whether the line's names have the host among them. */
static bool
names(char *rest, const char *host)
{
	while (rest != NULL) {
		const char *name = strsep(&rest, " \t\n");
		if (strcasecmp(name, host) == 0) {
			return true;
		}
	}
	return false;
}

static bool
is_address(const char *text)
{
	unsigned char address[16];

	return inet_pton(AF_INET, text, address) == 1 ||
	       inet_pton(AF_INET6, text, address) == 1;
}

void
hosts_find(const char *file, const char *host, struct exchangers *found)
{
	FILE *f = fopen(file, "re");
	char *line = NULL;
	size_t room = 0;

	memset(found, 0, sizeof(*found));
	while (f != NULL && found->count < DNS_HOSTS &&
	       getline(&line, &room, f) != -1) {
		line[strcspn(line, "#")] = '\0';
		char *rest = line + strspn(line, " \t");
		const char *address = strsep(&rest, " \t\n");
		if (is_address(address) && names(rest, host)) {
			strlcpy(found->hosts[found->count++].host, address,
			    DNS_NAME);
		}
	}
	free(line);
	if (f != NULL) {
		fclose(f);
	}
}
