/* SPDX-License-Identifier: ISC */
/* See the header. */
#include "common/server/tables.h"

#include "common/io/deadline.h"
#include "common/log/log.h"
#include "common/login/access_load.h"
#include "common/login/aliases_load.h"
#include "common/login/users.h"
#include "common/server/child.h"

#include <signal.h>

enum { MAKER_TIME = 60 * 1000 }; /* ms */

/*
 * Has the images of long files made, while the server goes on with what it has.
 * false: that cannot be.
 */
static bool
make_images(struct server *s)
{
	int64_t now = deadline_now();

	if (s->maker > 0 && now >= s->maker_until) {
		kill(s->maker, SIGKILL);
	}
	if (s->maker == 0 && !s->maker_failed) {
		pid_t pid = child_maker(s);
		s->maker = pid == -1 ? 0 : pid;
		s->maker_until = now + MAKER_TIME;
	}
	return s->maker > 0;
}

/* at_once: not if that takes long, and not by another process. */
static void
refresh_names(struct server *s, bool at_once)
{
	char error[CONFIG_ERROR];
	struct names *names = NULL;
	bool slow = false;

	if (s->names != NULL) {
		if (!names_stale(s->names, s->config)) {
			return;
		}
		names = names_ready(s->config, &slow);
	}
	if (slow && (at_once || make_images(s))) {
		return;
	}
	if (names == NULL) {
		names = names_load(s->config, error);
	}
	if (names == NULL) {
		log_error("%s", error);
		return;
	}
	names_free(s->names);
	s->names = names;
	s->changes++;
}

/* The same. */
static void
refresh_aliases(struct server *s, bool at_once)
{
	char error[CONFIG_ERROR];
	struct aliases *aliases = NULL;
	bool slow = false;

	if (!s->service->body) {
		return;
	}
	if (s->aliases != NULL) {
		if (!aliases_stale(s->aliases, s->config)) {
			return;
		}
		aliases = aliases_ready(s->config, &slow);
	}
	if (slow && (at_once || make_images(s))) {
		return;
	}
	if (aliases == NULL) {
		aliases = aliases_load(s->config, error);
	}
	if (aliases == NULL) {
		log_error("%s", error);
		return;
	}
	aliases_free(s->aliases);
	s->aliases = aliases;
	s->changes++;
}

/* What is to be said of rules that are not, or not all, taken. */
static void
say_access(const struct server *s, const struct access *a,
    const struct access_faults *faults, const char *error)
{
	if (a == NULL) {
		log_error("%s; %s", error,
		    s->access == NULL ? "nobody is refused or accepted by it"
				      : "its rules from before hold");
		return;
	}
	log_error("%s:%u: %s; %s (lines with mistakes: %zu); smtpd --check "
		  "shows them",
	    s->config->access, faults->line, faults->what,
	    s->access == NULL ? "such lines do not count"
			      : "the rules from before hold",
	    faults->count);
}

/*
 * Reads the rules again.  A file with mistakes may be one that is being
 * written: what was there before is better.  aloud: the mistakes are said, once
 * for each change.
 */
static void
refresh_access(struct server *s, bool aloud)
{
	struct access_faults faults = { .count = 0 };
	char error[CONFIG_ERROR];
	bool again = false;

	if (!s->service->body || s->config->access[0] == '\0' ||
	    !access_changed(s->config, &s->access_seen)) {
		return;
	}
	struct access *a = access_load(s->config, &faults, &again, error);
	if (again) {
		s->access_seen.looked = false;
		return;
	}
	if (aloud && (a == NULL || faults.count > 0)) {
		say_access(s, a, &faults, error);
	}
	if (a == NULL || (faults.count > 0 && s->access != NULL)) {
		access_free(a);
		return;
	}
	if (aloud && s->access != NULL) {
		log_info("%s was changed: it has %zu rules", s->config->access,
		    access_count(a));
	}
	access_free(s->access);
	s->access = a;
	s->changes++;
}

void
tables_refresh(struct server *s)
{
	refresh_access(s, true);
	refresh_names(s, false);
	refresh_aliases(s, false);
}

bool
tables_maker_ended(struct server *s, pid_t pid, int status)
{
	if (pid != s->maker) {
		return false;
	}
	s->maker = 0;
	s->maker_failed = status != 0;
	tables_refresh(s);
	s->maker_failed = false; /* the next change has another one */
	return true;
}

void
tables_reread(struct server *s)
{
	refresh_access(s, false);
	refresh_names(s, true);
	refresh_aliases(s, true);
}
