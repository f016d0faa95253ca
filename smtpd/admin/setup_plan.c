/* SPDX-License-Identifier: ISC */
/* What has to be written, from answers and what is there.  Pure. */
#include "smtpd/admin/setup_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Adds an item; text is taken over, and NULL means that there is no memory
   unless the item is one without. */
static void add(struct setup_plan *, enum setup_kind, const char *name,
    char *text, mode_t mode, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));
static void
add(struct setup_plan *p, enum setup_kind kind, const char *name, char *text,
    mode_t mode, const char *fmt, ...)
{
	struct setup_item *item = &p->items[p->count];
	va_list ap;

	if (p->count == SETUP_ITEMS ||
	    strlcpy(item->name, name, sizeof(item->name)) >=
		sizeof(item->name)) {
		p->failed = true;
		free(text);
		return;
	}
	item->kind = kind;
	item->text = text;
	item->mode = mode;
	va_start(ap, fmt);
	vsnprintf(item->note, sizeof(item->note), fmt, ap);
	va_end(ap);
	p->count++;
}

/* The path of a file in the folder of the configuration. */
static const char *
path_of(const struct setup_place *place, const char *name,
    char path[SETUP_PATH + 32])
{
	snprintf(path, SETUP_PATH + 32, "%s/%s", place->folder, name);
	return path;
}

/* ---- restante.conf ---- */

struct conf {
	char *text;
	char note[SETUP_NOTE]; /* the lines that are new */
	bool changed, failed;
};

/* Sets a key, or the line of it whose value begins with that word. */
static void
set_rule(struct conf *c, const char *key, const char *word, const char *value)
{
	size_t len, used = strlen(c->note);
	const char *old =
	    c->failed ? NULL : setup_rule(c->text, key, word, &len);

	if (c->failed || (old != NULL && strlen(value) == len &&
			     strncmp(old, value, len) == 0)) {
		return;
	}
	char *text = setup_set(c->text, key, word, value);
	if (text == NULL) {
		c->failed = true;
		return;
	}
	free(c->text);
	c->text = text;
	c->changed = true;
	snprintf(c->note + used, sizeof(c->note) - used, "%s%s %s",
	    used > 0 ? "\n        " : "", key, value);
}

static void
set_key(struct conf *c, const char *key, const char *value)
{
	set_rule(c, key, NULL, value);
}

/* A domain joins those that are there. */
static void
set_domain(struct conf *c, const char *domain)
{
	char value[CONFIG_VALUE];
	size_t len, n = strlen(domain);
	const char *old =
	    c->failed ? NULL : setup_value(c->text, "domains", &len);

	for (const char *w = old; old != NULL && w < old + len;) {
		size_t word = strcspn(w, " \t\n");
		if (word == n && strncmp(w, domain, n) == 0) {
			return;
		}
		w += word + strspn(w + word, " \t");
	}
	snprintf(value, sizeof(value), "%.*s%s%s", old == NULL ? 0 : (int)len,
	    old == NULL ? "" : old, old == NULL ? "" : " ", domain);
	set_key(c, "domains", value);
}

/* The password lies in a file of its own. */
static void
set_relay(struct conf *c, const struct setup_place *place,
    const struct setup_answers *a)
{
	char path[SETUP_PATH + 32], host[CONFIG_NAME], word[CONFIG_NAME];
	char value[2 * CONFIG_NAME + CONFIG_VALUE + SETUP_PATH];
	const char *at = strrchr(a->relay, '@');

	if (a->relay[0] == '\0') {
		return;
	}
	set_key(c, "relay", a->relay);
	const char *named = at == NULL ? "" : at + 1;
	snprintf(host, sizeof(host), "%.*s", (int)strcspn(named, ":/?"), named);
	if (at != NULL &&
	    (a->relay_password[0] != '\0' || a->relay_source[0] != '\0')) {
		bool source = a->relay_source[0] != '\0';
		snprintf(value, sizeof(value), "%s %s%s", host,
		    source ? a->relay_source : "file:",
		    source ? "" : path_of(place, "relay-password", path));
		set_rule(c, "relay-password", host, value);
	}
	if (at != NULL && a->relay_sender[0] != '\0') {
		snprintf(value, sizeof(value), "%s %s header", host,
		    a->relay_sender);
		set_rule(c, "relay-from", host, value);
	}
	if (a->hosted) {
		snprintf(word, sizeof(word), "@%.250s", a->hostname);
		snprintf(
		    value, sizeof(value), "%s %s@%s", word, a->user, a->domain);
		set_rule(c, "masquerade", word, value);
	}
}

static void
plan_conf(const struct setup_place *place, const struct setup_facts *f,
    const struct setup_answers *a, struct setup_plan *p)
{
	struct conf c = { .text = strdup(f->conf) };

	c.failed = c.text == NULL;
	set_key(&c, "hostname", a->hostname);
	if (!a->hosted) {
		set_domain(&c, a->domain);
	}
	if (a->tls[0] != '\0') {
		set_key(&c, "tls", a->tls);
	}
	set_relay(&c, place, a);
	p->failed = p->failed || c.failed;
	if (c.failed || !c.changed) {
		free(c.text);
		return;
	}
	add(p, SETUP_FILE, place->conf, c.text, 0644, "%s", c.note);
}

/* ---- the other files ---- */

static void
plan_users(const struct setup_place *place, const struct setup_facts *f,
    const struct setup_answers *a, struct setup_plan *p)
{
	char path[SETUP_PATH + 32], *text;
	bool apart =
	    f->users[0] != '\0' && f->users[strlen(f->users) - 1] != '\n';

	if (a->credentials[0] == '\0') {
		return;
	}
	if (asprintf(&text, "%s%s%s:%s\n", f->users, apart ? "\n" : "", a->user,
		a->credentials) == -1) {
		p->failed = true;
		return;
	}
	add(p, SETUP_FILE, path_of(place, "users", path), text, 0600,
	    "%s, with a password made now", a->user);
}

static void
plan_secrets(const struct setup_place *place, const struct setup_facts *f,
    const struct setup_answers *a, struct setup_plan *p)
{
	char path[SETUP_PATH + 32], *text;

	if (a->relay_password[0] != '\0') {
		if (asprintf(&text, "%s\n", a->relay_password) == -1) {
			p->failed = true;
			return;
		}
		add(p, SETUP_FILE, path_of(place, "relay-password", path), text,
		    0600, "the password for %s", a->relay);
	}
	if (!a->hosted && a->tls[0] == '\0' && !f->has_certificate) {
		add(p, SETUP_FILE, path_of(place, "tls.pem", path), NULL, 0600,
		    "a certificate of its own for %s, good for ten years",
		    a->hostname);
	}
}

static void
plan_alias(const struct setup_place *place, const struct setup_facts *f,
    const struct setup_answers *a, struct setup_plan *p)
{
	bool apart =
	    f->aliases[0] != '\0' && f->aliases[strlen(f->aliases) - 1] != '\n';
	char *text;

	if (setup_has_alias(f->aliases, "root") ||
	    strcmp(a->user, "root") == 0) {
		return;
	}
	if (asprintf(&text, "%s%sroot: %s%s%s\n", f->aliases, apart ? "\n" : "",
		a->user, a->hosted ? "@" : "",
		a->hosted ? a->domain : "") == -1) {
		p->failed = true;
		return;
	}
	/* In a folder of its own it is a file among the others. */
	add(p, place->system ? SETUP_ALIASES : SETUP_FILE, place->aliases, text,
	    0644, "root: %s%s%s", a->user, a->hosted ? "@" : "",
	    a->hosted ? a->domain : "");
}

static void
plan_system(const struct setup_facts *f, struct setup_plan *p)
{
	static const char words[] =
	    "useradd --system --home-dir /nonexistent --shell "
	    "/usr/sbin/nologin ";
	char command[SETUP_PATH];

	if (!f->has_sessions_user) {
		snprintf(command, sizeof(command), "%s%s", words, "_restante");
		add(p, SETUP_USER, command, NULL, 0,
		    "runs the processes that talk to the network");
	}
	if (!f->has_mail_user) {
		snprintf(
		    command, sizeof(command), "%s%s", words, "_restante-mail");
		add(p, SETUP_USER, command, NULL, 0,
		    "owns mailboxes of users without an account");
	}
	add(p, SETUP_FOLDER, "/var/spool/restante", NULL, 0700, "the queue");
	add(p, SETUP_FOLDER, "/var/lib/restante", NULL, 0755, "the state");
}

/* After the configuration, which says where the state is. */
static void
plan_keys(const struct setup_facts *f, const struct setup_answers *a,
    struct setup_plan *p)
{
	char command[SETUP_PATH];

	if (a->hosted || f->has_keys) {
		return;
	}
	snprintf(command, sizeof(command), "smtpd --dkim %s", a->domain);
	add(p, SETUP_KEYS, command, NULL, 0,
	    "keys that sign mail of %s, RSA and Ed25519", a->domain);
}

/* A server that runs has read the old configuration. */
static void
plan_restart(const struct setup_facts *f, struct setup_plan *p)
{
	bool changed = false;

	for (size_t i = 0; i < p->count; i++) {
		changed = changed || p->items[i].kind == SETUP_FILE;
	}
	if (changed && f->has_local_units) {
		add(p, SETUP_UNITS,
		    "systemctl try-restart restante-local.service "
		    "restante-smtp.service restante-submission.service "
		    "restante-pop3.service",
		    NULL, 0, "servers that run read what is new");
	}
}

static void
plan_units(const struct setup_facts *f, const struct setup_answers *a,
    struct setup_plan *p)
{
	if (!f->has_local_units) {
		add(p, SETUP_UNITS,
		    "systemctl enable --now restante-local.socket "
		    "restante-queue.socket restante-queue.timer "
		    "restante-queue.path",
		    NULL, 0, "mail of this machine");
		add(p, SETUP_UNITS, "systemctl enable restante-recover.service",
		    NULL, 0, "recovery of mailboxes at boot");
	}
	if (!f->has_letter &&
	    (f->config == NULL || f->config->letter[0] != '\0')) {
		add(p, SETUP_UNITS,
		    "systemctl enable --now restante-letter.timer", NULL, 0,
		    "a letter on Mondays; the key letter");
	}
	if (a->open && !f->has_open_units) {
		add(p, SETUP_UNITS,
		    "systemctl enable --now restante-smtp.socket "
		    "restante-resolver.socket restante-submission.socket "
		    "restante-pop3.socket",
		    NULL, 0, "ports 25, 465, 587, 110 and 995");
	}
	plan_restart(f, p);
}

static void
plan_folders(const struct setup_place *place, struct setup_plan *p)
{
	char path[SETUP_PATH + 32];

	add(p, SETUP_FOLDER, path_of(place, "mail", path), NULL,
	    place->root ? 01777 : 0700, "mailboxes");
	add(p, SETUP_FOLDER, path_of(place, "queue", path), NULL, 0700,
	    "mail under way");
	add(p, SETUP_FOLDER, path_of(place, "state", path), NULL,
	    place->root ? 0755 : 0700, "what else the servers keep");
}

void
setup_plan(const struct setup_place *place, const struct setup_facts *f,
    const struct setup_answers *a, struct setup_plan *p)
{
	memset(p, 0, sizeof(*p));
	if (place->system) {
		plan_system(f, p);
	} else {
		plan_folders(place, p);
	}
	plan_secrets(place, f, a, p);
	plan_users(place, f, a, p);
	if (!place->system) {
		plan_alias(place, f, a, p);
	}
	/* The last of the files: it is the commit point where they cannot be
	   exchanged all at once. */
	plan_conf(place, f, a, p);
	if (place->system) {
		plan_alias(place, f, a, p);
	}
	plan_keys(f, a, p);
	if (place->system && f->systemd) {
		plan_units(f, a, p);
	}
}

void
setup_plan_free(struct setup_plan *p)
{
	for (size_t i = 0; i < p->count; i++) {
		if (p->items[i].text != NULL) {
			explicit_bzero(
			    p->items[i].text, strlen(p->items[i].text));
			free(p->items[i].text);
		}
	}
	p->count = 0;
}
