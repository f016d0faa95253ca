/* SPDX-License-Identifier: ISC */
/* Sources of accounts whose outage nobody would notice. */
#include "spool/check/remote.h"

#include "tests/unit/tap.h"

#include <string.h>

static const struct {
	const char *sources, *hidden; /* NULL: none */
} rows[] = {
	{ "", NULL },
	{ " files", NULL },
	{ " files systemd\n", NULL },
	{ " files ldap\n", NULL },
	{ " ldap", NULL },
	{ " files sss systemd\n", "sss" },
	{ " ldap files\n", "ldap" },
	{ "\tfiles\tldap\tsystemd\n", "ldap" },
	{ " files LDAP systemd", "LDAP" },
	{ " files ldap [UNAVAIL=return] systemd\n", NULL },
	{ " files ldap [unavail=RETURN] systemd\n", NULL },
	{ " files ldap[UNAVAIL=return]systemd\n", NULL },
	{ " files ldap [NOTFOUND=return UNAVAIL=return] systemd\n", NULL },
	{ " files ldap [NOTFOUND=return] systemd\n", "ldap" },
	{ " files ldap [UNAVAIL=continue] systemd\n", "ldap" },
	{ " files ldap [!UNAVAIL=return] systemd\n", "ldap" },
	{ " files [UNAVAIL=return] ldap systemd\n", "ldap" },
	{ " files ldap [UNAVAIL=return] winbind systemd\n", "winbind" },
	{ " files sss ldap\n", "sss" },
	{ " files ldap [UNAVAIL=return", NULL },
	{ " files ldap [", NULL },
	{ " myldap files\n", NULL },
};

static const struct {
	const char *sources;
	bool asks;
} sssd[] = {
	{ "", false },
	{ " files ldap", false },
	{ " files sss", true },
	{ "SSS\n", true },
	{ " files sss[UNAVAIL=return]systemd", true },
	{ " files [sss] ldap", false },
	{ " files [NOTFOUND=return] sss", true },
	{ " files sssx xsss", false },
	{ " files [", false },
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char name[REMOTE_SOURCE];
		bool hidden = remote_hidden_source(rows[i].sources, name);
		ok(rows[i].hidden == NULL
			? !hidden
			: hidden && strcmp(name, rows[i].hidden) == 0,
		    "line %zu: %s", i,
		    rows[i].hidden == NULL ? "none" : rows[i].hidden);
	}
	for (size_t i = 0; i < sizeof(sssd) / sizeof(sssd[0]); i++) {
		ok(remote_asks_sssd(sssd[i].sources) == sssd[i].asks,
		    "sssd in line %zu", i);
	}
	return tap_done();
}
