/* SPDX-License-Identifier: ISC */
/* --check: what is on other machines, and should not be, or not so. */
#include "spool/check/remote.h"

#include "spool/check/check.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/vfs.h>

/* statfs(2)'s numbers, not all of which <linux/magic.h> has. */
static const struct {
	unsigned long type;
	const char *name;
} disks[] = { { 0x6969, "NFS" }, { 0xff534d42, "CIFS" }, { 0xfe534d42, "SMB" },
	{ 0x517b, "SMB" }, { 0x5346414f, "AFS" }, { 0x73757245, "Coda" },
	{ 0x00c36400, "Ceph" }, { 0x01021997, "9P" } };

static void
check_disk(struct check *c, const char *what, const char *path)
{
	struct statfs fs;

	if (statfs(path, &fs) == -1) {
		return; /* reported elsewhere */
	}
	for (size_t i = 0; i < sizeof(disks) / sizeof(disks[0]); i++) {
		if (((unsigned long)fs.f_type & 0xffffffff) == disks[i].type) {
			check_finding(c, FINDING_WARNING,
			    "%s %s is on another machine's disk (%s): locks "
			    "and power cuts are not what restante counts on "
			    "there; keep it on a disk of this machine (df %s)",
			    what, path, disks[i].name, path);
		}
	}
}

/* ---- the directory of accounts ---- */

static const char sources_path[] = "/etc/nsswitch.conf";

static bool
is_remote(const char *name)
{
	static const char *const names[] = { "ldap", "sss", "winbind", "nis",
		"nisplus", "hesiod", "nslcd", "mysql", "pgsql" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcasecmp(name, names[i]) == 0) {
			return true;
		}
	}
	return false;
}

/* Reads what is in brackets; true if an outage ends the search there. */
static bool
returns_at_outage(const char **text)
{
	size_t len = strcspn(*text, "]");
	char actions[128];
	bool returns = false;

	snprintf(actions, sizeof(actions), "%.*s", (int)len, *text);
	*text += len + ((*text)[len] == ']');
	char *rest = actions, *action;
	while ((action = strsep(&rest, "[ \t")) != NULL) {
		returns = returns || strcasecmp(action, "UNAVAIL=return") == 0;
	}
	return returns;
}

bool
remote_hidden_source(const char *sources, char name[REMOTE_SOURCE])
{
	static const char blanks[] = " \t\r\n";

	name[0] = '\0';
	for (const char *p = sources + strspn(sources, blanks); *p != '\0';
	     p += strspn(p, blanks)) {
		if (*p == '[') {
			if (returns_at_outage(&p)) {
				name[0] = '\0';
			}
			continue;
		}
		if (name[0] != '\0') {
			return true;
		}
		size_t len = strcspn(p, " \t\r\n[");
		char word[REMOTE_SOURCE];
		snprintf(word, sizeof(word), "%.*s", (int)len, p);
		if (is_remote(word)) {
			memcpy(name, word, sizeof(word));
		}
		p += len;
	}
	return false;
}

bool
remote_asks_sssd(const char *sources)
{
	static const char blanks[] = " \t\r\n", name[] = "sss";

	for (const char *p = sources + strspn(sources, blanks); *p != '\0';
	     p += strspn(p, blanks)) {
		size_t len = strcspn(p, *p == '[' ? "]" : " \t\r\n[");
		if (len == sizeof(name) - 1 && strncasecmp(p, name, len) == 0) {
			return true;
		}
		p += len + (p[len] == ']');
	}
	return false;
}

/* What would refuse the mail of users in an outage. */
static void
check_line(struct check *c, const char *sources)
{
	char name[REMOTE_SOURCE];

	if (remote_hidden_source(sources, name)) {
		check_finding(c, FINDING_WARNING,
		    "%s: while %s does not answer, its users count as "
		    "unknown, and their mail is refused; in the line passwd, "
		    "write it last, or %s [UNAVAIL=return]",
		    sources_path, name, name);
	}
	if (config_system_users(c->config) && remote_asks_sssd(sources)) {
		check_finding(c, FINDING_WARNING,
		    "%s: while the directory does not answer, sssd says of "
		    "users whom it has not seen before that there are none, "
		    "and their mail is refused; list all users in a users "
		    "file, with {PAM} as the password: restante-users(5)",
		    sources_path);
	}
}

static void
check_sources(struct check *c)
{
	static const char key[] = "passwd:";
	char line[512];
	FILE *f = fopen(sources_path, "re");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "#")] = '\0';
		const char *text = line + strspn(line, " \t");
		if (strncmp(text, key, sizeof(key) - 1) == 0) {
			check_line(c, text + sizeof(key) - 1);
		}
	}
	if (f != NULL) {
		fclose(f);
	}
}

void
check_remote(struct check *c)
{
	char mailboxes[PATH_MAX];

	strlcpy(mailboxes, c->config->mailbox, sizeof(mailboxes));
	mailboxes[strcspn(mailboxes, "%")] = '\0';
	char *slash = strrchr(mailboxes, '/');
	if (slash != NULL) {
		slash[slash == mailboxes] = '\0';
	}
	check_disk(c, "queue", c->config->queue);
	check_disk(c, "state", c->config->state);
	check_disk(c, "the folder of mailboxes,", mailboxes);
	check_sources(c);
}
