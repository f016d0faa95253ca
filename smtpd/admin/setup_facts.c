/* SPDX-License-Identifier: ISC */
/* What --setup finds on the machine.  Changes nothing. */
#include "common/io/file.h"
#include "common/keeper/dkim_keys.h"
#include "common/log/log.h"
#include "smtpd/admin/admin.h"
#include "smtpd/admin/dkim.h"
#include "smtpd/admin/setup_private.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST = 4 * 1024 * 1024 };

/* The text of a file, "" if there is none; NULL, logged. */
static char *
read_text(const char *path)
{
	struct stat st;
	char *text = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd == -1 && errno == ENOENT) {
		return calloc(1, 1);
	}
	if (fd == -1 || fstat(fd, &st) == -1) {
		log_error("cannot read %s: %s", path, strerror(errno));
	} else if (!S_ISREG(st.st_mode) || st.st_size > MOST) {
		log_error("%s is not a file, or too large", path);
	} else if ((text = calloc(1, (size_t)st.st_size + 1)) != NULL) {
		ssize_t n = file_read_all(fd, text, (size_t)st.st_size);
		if (n == -1 || memchr(text, '\0', (size_t)n) != NULL) {
			log_error("cannot read %s: %s", path,
			    n == -1 ? strerror(errno) : "it has a NUL octet");
			free(text);
			text = NULL;
		}
	}
	if (fd != -1) {
		close(fd);
	}
	return text;
}

static bool
has_user(const char *users, const char *name)
{
	size_t n = strlen(name);

	for (const char *line = users; *line != '\0';) {
		if (strncasecmp(line, name, n) == 0 && line[n] == ':') {
			return true;
		}
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	return false;
}

static int
count_key(void *count, const char *selector, const char *path)
{
	(void)selector;
	(void)path;
	++*(size_t *)count;
	return 0;
}

/* How many files of keys have that ending. */
static size_t
count_keys(const struct config *config, const char *domain, const char *ending)
{
	size_t count = 0;

	/* Where nobody may look, there are some. */
	return dkim_keys_walk(config, domain, ending, count_key, &count) ==
	                   -1 &&
	               errno != ENOENT
	           ? 2
	           : count;
}

/* True if keys sign mail, and none was being taken into use as a first one. */
static bool
has_keys(const struct config *config, const char *text)
{
	char domain[DKIM_KEY_NAME];

	if (!dkim_domain(text, domain)) {
		return true;
	}
	size_t used = count_keys(config, domain, ".pem");
	return used > 1 ||
	       (used == 1 && count_keys(config, domain, ".next") == 0);
}

/* What /etc/hosts calls a machine in full; false: nothing.  Asks no server. */
static bool
find_full_name(const char *name, char full[CONFIG_NAME])
{
	bool found = false;

	sethostent(0);
	for (const struct hostent *e; !found && (e = gethostent()) != NULL;) {
		for (char **a = e->h_aliases; !found && *a != NULL; a++) {
			found = strcasecmp(*a, name) == 0 &&
			        strchr(e->h_name, '.') != NULL &&
			        setup_domain(e->h_name, full);
		}
	}
	endhostent();
	return found;
}

static void
find_name(struct setup_facts *f)
{
	const char *name = f->config->hostname;

	if (strchr(name, '.') != NULL || strcasecmp(name, "localhost") == 0 ||
	    !find_full_name(name, f->name)) {
		strlcpy(f->name, name, sizeof(f->name));
	}
}

/* True for people's accounts, by Debian's numbers, and if there is mail. */
static bool
reads_mail(const struct passwd *pw)
{
	enum { FIRST = 1000, LAST = 59999 };
	char path[SETUP_PATH];
	struct stat st;

	snprintf(path, sizeof(path), "/var/mail/%.200s", pw->pw_name);
	return (pw->pw_uid >= FIRST && pw->pw_uid <= LAST) ||
	       (stat(path, &st) == 0 && st.st_size > 0);
}

/* Accounts that lose their mailboxes to a users file. */
static void
find_accounts(struct setup_facts *f, const char *user)
{
	const struct passwd *pw;

	setpwent();
	while ((pw = getpwent()) != NULL) {
		const char *name = pw->pw_name;
		size_t used = strlen(f->accounts);
		if (pw->pw_uid == 0 || strcmp(name, user) == 0 ||
		    setup_has_alias(f->aliases, name) || !reads_mail(pw) ||
		    used + strlen(name) + 3 > sizeof(f->accounts)) {
			continue;
		}
		snprintf(f->accounts + used, sizeof(f->accounts) - used, "%s%s",
		    used > 0 ? ", " : "", name);
	}
	endpwent();
}

int
setup_look(const struct setup_place *place, const struct setup_answers *a,
    struct setup_facts *f)
{
	char users[SETUP_PATH + 32], tls[SETUP_PATH + 32];
	char error[CONFIG_ERROR];
	size_t len;

	memset(f, 0, sizeof(*f));
	snprintf(users, sizeof(users), "%s/users", place->folder);
	snprintf(tls, sizeof(tls), "%s/tls.pem", place->folder);
	f->conf = read_text(place->conf);
	f->users = read_text(users);
	f->aliases = read_text(place->aliases);
	if (f->conf == NULL || f->users == NULL || f->aliases == NULL) {
		return -1;
	}
	/* Without a configuration, what lies in a folder of its own is left by
	   a run that was killed: nobody has seen the password. */
	bool begun = !place->system && f->conf[0] == '\0';
	if (begun) {
		f->users[0] = f->aliases[0] = '\0';
	}
	f->has_certificate = (!begun && access(tls, F_OK) == 0) ||
	                     setup_value(f->conf, "tls", &len) != NULL;
	f->has_user = has_user(f->users, a->user);
	f->has_account = getpwnam(a->user) != NULL;
	f->has_sessions_user = getpwnam("_restante") != NULL;
	f->has_mail_user = getpwnam("_restante-mail") != NULL;
	f->systemd = access("/run/systemd/system", F_OK) == 0;
	f->has_local_units =
	    access(ADMIN_SOCKETS "restante-local.socket", F_OK) == 0;
	f->has_letter = access(ADMIN_LETTER_TIMER, F_OK) == 0;
	f->has_open_units =
	    access(ADMIN_SOCKETS "restante-smtp.socket", F_OK) == 0;
	f->config = config_load(place->system        ? NULL
				: f->conf[0] != '\0' ? place->conf
						     : "/dev/null",
	    error);
	if (f->config == NULL) {
		log_error("%s", error);
		return -1;
	}
	f->has_keys = has_keys(f->config, a->domain);
	find_name(f);
	find_accounts(f, a->user);
	return 0;
}

void
setup_facts_free(struct setup_facts *f)
{
	free(f->config);
	free(f->conf);
	free(f->users);
	free(f->aliases);
}
