/* SPDX-License-Identifier: ISC */
/* See the header. */
#include "common/server/tables.h"

#include "common/io/deadline.h"
#include "common/log/log.h"
#include "common/login/access_load.h"
#include "common/login/aliases_load.h"
#include "common/login/users.h"
#include "common/server/child.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>

enum {
	MAKER_TIME = 10 * 60 * 1000, /* ms; a million names take a second */
	MAKER_PAUSE = 60 * 1000, /* after one that did not come to its end */
};

/*
 * Has the images of long files made, while the server goes on with what it has.
 * false: they cannot be written, and what they would hold is read here.
 */
static bool
make_images(struct server *s)
{
	int64_t now = deadline_now();

	if (s->maker_failed) {
		return false;
	}
	if (now < s->maker_until) {
		return true;
	}
	if (s->maker > 0) {
		kill(s->maker, SIGKILL);
		return true;
	}
	pid_t pid = child_maker(s);
	if (pid == -1) {
		log_error("cannot start a process that reads changed users or "
			  "aliases: %s; those from before hold, and another "
			  "try follows in a minute",
		    strerror(errno));
	}
	s->maker = pid == -1 ? 0 : pid;
	s->maker_until = now + (pid == -1 ? MAKER_PAUSE : MAKER_TIME);
	return true;
}

int
tables_make(const struct server *s)
{
	char error[CONFIG_ERROR];
	bool slow = false, slow_aliases = false, changed;
	struct names *names = names_load(s->config, error);

	names_free(names_ready(s->config, &slow));
	changed = names != NULL && names_stale(names, s->config);
	if (s->service->body) {
		struct aliases *aliases = aliases_load(s->config, error);
		aliases_free(aliases_ready(s->config, &slow_aliases));
		changed = changed || (aliases != NULL &&
					 aliases_stale(aliases, s->config));
	}
	return !slow && !slow_aliases ? EX_OK
	       : changed              ? EX_TEMPFAIL
	                              : EX_CANTCREAT;
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
	s->maker_until = 0;
	if (s->stop_at != 0) {
		return true;
	}
	if (WIFSIGNALED(status)) {
		/* No memory, or no time: this process would have none either,
		   and nobody could connect meanwhile. */
		s->maker_until = deadline_now() + MAKER_PAUSE;
		log_error("the process that reads changed users or aliases "
			  "was ended by signal %d: those from before hold, and "
			  "another try follows in a minute; if it ends so, "
			  "too, look at memory and load: free; uptime",
		    WTERMSIG(status));
		return true;
	}
	s->maker_failed = WEXITSTATUS(status) == EX_CANTCREAT;
	if (s->maker_failed) {
		log_warn("no image of the users file or of the aliases can be "
			 "kept in %s, so each server reads their lines, which "
			 "takes longer; smtpd --check says more",
		    s->config->state);
	}
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
