/* SPDX-License-Identifier: ISC */
/* smtpd --setup: asks, shows the plan, does it, and tries the result. */
#include "smtpd/admin/setup.h"

#include "common/log/log.h"
#include "common/login/password.h"
#include "smtpd/admin/passwd.h"
#include "smtpd/admin/setup_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* With a file, or as anybody but root, the set-up is one of its own. */
static int
choose_place(const char *file, struct setup_place *place)
{
	const char *home = getenv("HOME");
	char *slash;
	int n;

	place->root = geteuid() == 0;
	place->system = file == NULL && place->root;
	if (place->system) {
		n = snprintf(place->conf, sizeof(place->conf), "%s",
		    SYSCONFDIR "/restante/restante.conf");
	} else if (file != NULL) {
		n = file[0] == '/'
		        ? snprintf(place->conf, sizeof(place->conf), "%s", file)
		        : -1;
	} else {
		n = home == NULL ? -1
		                 : snprintf(place->conf, sizeof(place->conf),
				       "%s/restante/restante.conf", home);
	}
	if (n < 0 || n >= (int)sizeof(place->conf) - 64) {
		log_error(file != NULL ? "-c takes a whole path here, from / on"
				       : "HOME is not set; name a file by -c");
		return EX_USAGE;
	}
	strlcpy(place->folder, place->conf, sizeof(place->folder));
	slash = strrchr(place->folder, '/');
	slash[slash == place->folder] = '\0';
	snprintf(place->aliases, sizeof(place->aliases), "%.900s/aliases",
	    place->system ? SYSCONFDIR : place->folder);
	return EX_OK;
}

/* A password for a user who has none; "" if there is no need for one. */
static int
make_password(const struct setup_place *place, const struct setup_facts *f,
    struct setup_answers *a, char password[PASSWD_GENERATED])
{
	const struct password_extras extras = { .salt = NULL };
	size_t len;
	/* Without a users file, the system's accounts have mailboxes. */
	bool system = place->system && f->has_account && f->users[0] == '\0';

	password[0] = '\0';
	if (a->hosted || f->has_user || system ||
	    setup_value(f->conf, "users", &len) != NULL) {
		return EX_OK;
	}
	passwd_generate(password);
	if (password_make(password, &extras, a->credentials,
		sizeof(a->credentials)) == -1) {
		log_error("cannot make a verifier for the password");
		return EX_UNAVAILABLE;
	}
	return EX_OK;
}

static bool
is_done(const struct setup_item *item)
{
	return item->kind == SETUP_FOLDER && access(item->name, F_OK) == 0;
}

/* Prints what would be done; returns how many things these are. */
static size_t
show_plan(const struct setup_wish *w, const struct setup_plan *p)
{
	size_t count = 0;

	for (size_t i = 0; i < p->count; i++) {
		const struct setup_item *item = &p->items[i];
		bool run = item->kind == SETUP_UNITS ||
		           item->kind == SETUP_USER || item->kind == SETUP_KEYS;
		if (is_done(item) ||
		    (item->kind == SETUP_UNITS && w->no_start)) {
			continue;
		}
		if (count++ == 0) {
			puts("To do:");
		}
		printf("  %s %s\n        %s\n", run ? "run  " : "write",
		    item->name, item->note);
	}
	return count;
}

/* What comes after the name of the program: a server that is not the machine's
   own has its configuration elsewhere. */
static const char *
option_of(const struct setup_place *place, char text[SETUP_PATH + 8])
{
	snprintf(text, SETUP_PATH + 8, "%s%s", place->system ? "" : " -c ",
	    place->system ? "" : place->conf);
	return text;
}

/* The records that the DNS should have; --dns is asked, which reads the new
   configuration. */
static void
show_records(const struct setup_place *place, const struct setup_answers *a)
{
	const char *const words[] = { "--dns", a->domain, NULL };
	char option[SETUP_PATH + 8];

	option_of(place, option);
	printf("DNS records to add for %s. If it has mail elsewhere today, do "
	       "not\nreplace its MX before you have moved it. To see them "
	       "again, or as web pages\nask for them: smtpd%s --dns, smtpd%s "
	       "--dns --web\n",
	    a->domain, option, option);
	fflush(stdout);
	if (setup_run_self(place, words, NULL, false) != 0) {
		log_error("the records cannot be printed; see above, and type: "
			  "smtpd --dns %s",
		    a->domain);
	}
}

/* The first users file takes the place of the machine's accounts. */
static void
show_accounts(const struct setup_place *place, const struct setup_facts *f,
    const struct setup_answers *a)
{
	if (place->system && a->credentials[0] != '\0' && f->users[0] == '\0' &&
	    f->accounts[0] != '\0') {
		printf("warning: once there is a users file, accounts have no "
		       "mailbox, and mail to them, also from their cron jobs, "
		       "is refused: %s. For each, type: smtpd --passwd NAME; "
		       "or add a line to %s: NAME: %s\n",
		    f->accounts, place->aliases, a->user);
	}
}

/* A line that was there says who reads the mail of the machine's programs. */
static void
show_root(const struct setup_place *place, const struct setup_facts *f,
    const struct setup_answers *a)
{
	char address[CONFIG_VALUE];
	size_t len = 0;
	const char *to = setup_alias(f->aliases, "root", &len);

	snprintf(address, sizeof(address), "%s@%s", a->user, a->domain);
	bool by_name = !a->hosted && len == strlen(a->user);
	if (to == NULL || strcmp(a->user, "root") == 0 ||
	    (by_name && strncasecmp(to, a->user, len) == 0) ||
	    (len == strlen(address) && strncasecmp(to, address, len) == 0)) {
		return;
	}
	printf("warning: %s stays as it is: mail for root goes to %.*s, not to "
	       "%s\n",
	    place->aliases, len > 200 ? 200 : (int)len, to, address);
}

static void
drop_units(struct setup_plan *p)
{
	while (p->count > 0 && p->items[p->count - 1].kind == SETUP_UNITS) {
		p->count--;
	}
}

static void
say_next(const struct setup_wish *w, const struct setup_place *place,
    const struct setup_facts *f, const struct setup_answers *a)
{
	puts("Next:");
	if (!place->system) {
		/* The ports do not tell the role. */
		printf("  smtpd -c %s -l 127.0.0.1:2525 "
		       "-l 127.0.0.1:2465/tls=submission "
		       "-l unix:%s/submission &\n"
		       "  pop3d -c %s -l 127.0.0.1:2995/tls &\n"
		       "  smtpd -c %s --check\n",
		    place->conf, place->folder, place->conf, place->conf);
		return;
	}
	if (!f->systemd || w->no_start) {
		puts("  start the servers by systemd, xinetd or inetd: "
		     "doc/by-hand.md, part 6");
	}
	printf("  smtpd --check    at any time; it says what to type\n"
	       "  smtpd -bt someone@example.com    which way mail would take\n"
	       "  programs here that send by TCP to port 25 and cannot log in "
	       "need a line\n"
	       "  in %s: trust 127.0.0.0/8\n",
	    place->conf);
	if (!a->hosted) {
		printf("  smtpd --dns %s --check    when the records are in "
		       "the DNS\n"
		       "  smtpd --clients    what to type into phones and mail "
		       "programs\n"
		       "  smtpd --passwd NAME    one more user, or another "
		       "password\n",
		    a->domain);
	}
}

/* Does what the plan says, once it is agreed on. */
static int
carry_out(const struct setup_wish *w, const struct setup_place *place,
    const struct setup_facts *f, const struct setup_answers *a,
    struct setup_plan *p, const char *password)
{
	char option[SETUP_PATH + 8];

	if (w->no_start) {
		drop_units(p);
	}
	if (show_plan(w, p) == 0) {
		puts("Nothing has to be changed.");
		return EX_OK;
	}
	show_accounts(place, f, a);
	show_root(place, f, a);
	if (w->dry_run) {
		return EX_OK;
	}
	if (!setup_agree(w, "Go on?")) {
		puts("Nothing was changed.");
		return EX_OK;
	}
	/* First, so that nobody has one that was never seen. */
	if (password[0] != '\0') {
		printf("Password of %s: %s\n  (shown once; smtpd%s --passwd %s "
		       "changes it)\n",
		    a->user, password, option_of(place, option), a->user);
	}
	fflush(stdout);
	if (setup_apply(place, a, p) == -1) {
		return EX_CANTCREAT;
	}
	fflush(stdout);
	int rc = setup_try(place, a, password) == -1 ? 1 : EX_OK;
	if (a->relay_open) {
		printf("warning: no password for the provider yet; put it into "
		       "a file, and type: smtpd --setup %s@%s --relay-password "
		       "FILE\n",
		    a->user, a->domain);
		rc = 1;
	}
	if (!a->hosted) {
		show_records(place, a);
	}
	say_next(w, place, f, a);
	return fflush(stdout) == EOF ? EX_IOERR : rc;
}

int
admin_setup(const struct setup_wish *w, const char *file)
{
	char password[PASSWD_GENERATED] = "";
	struct setup_facts facts = { .conf = NULL };
	struct setup_answers answers;
	struct setup_place place;
	struct setup_plan plan = { .count = 0 };
	int rc = choose_place(file, &place);

	if (rc == EX_OK) {
		rc = setup_ask(w, &place, &facts, &answers);
	}
	if (rc == EX_OK) {
		rc = make_password(&place, &facts, &answers, password);
	}
	if (rc == EX_OK) {
		setup_plan(&place, &facts, &answers, &plan);
		if (plan.failed) {
			log_error("the plan is too large, or memory is short");
			rc = EX_OSERR;
		}
	}
	if (rc == EX_OK) {
		rc = carry_out(w, &place, &facts, &answers, &plan, password);
	}
	setup_plan_free(&plan);
	setup_facts_free(&facts);
	explicit_bzero(password, sizeof(password));
	explicit_bzero(&answers, sizeof(answers));
	return rc;
}
