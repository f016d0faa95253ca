/* SPDX-License-Identifier: ISC */
/*
 * --setup: the provider that mail leaves by.  Its password is tried before
 * anything is written.
 */
#include "common/log/log.h"
#include "smtpd/admin/setup_private.h"
#include "smtpd/relay/secret.h"
#include "smtpd/relay/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <readpassphrase.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>
#include <unistd.h>

enum { TRIES = 3 }; /* more of them may lock an account */

/* ---- the URL ---- */

static void
ask_relay(const struct setup_wish *w, struct setup_answers *a)
{
	if (setup_person(w)) {
		printf("How does mail leave? Directly: Enter. Through a "
		       "provider: its URL,\nsuch as "
		       "smtps://user%%40example.net@smtp.example.net\n");
		setup_question("Provider", "", a->relay, sizeof(a->relay));
	}
}

/* The relay of wishes, of the configuration, of the address, or of a person. */
static void
choose_relay(const struct setup_wish *w, const struct setup_facts *f,
    const struct setup_provider *p, struct setup_answers *a)
{
	size_t len;
	const char *old = setup_value(f->conf, "relay", &len);

	if (w->relay != NULL) {
		strlcpy(a->relay, w->relay, sizeof(a->relay));
	} else if (old != NULL) {
		snprintf(a->relay, sizeof(a->relay), "%.*s", (int)len, old);
	} else if (p != NULL) {
		setup_provider_url(p, a, a->relay);
		printf("Mail leaves by %s, as %s@%s\n", p->host, a->user,
		    a->domain);
	} else {
		/* First, since the answer may depend on it. */
		setup_look_outside(f, a);
		ask_relay(w, a);
	}
}

static int
read_relay(
    const struct setup_wish *w, const struct setup_answers *a, struct hop *hop)
{
	char error[CONFIG_ERROR];

	if (!setup_is_word(a->relay) ||
	    hop_parse(hop, a->relay, a->domain, error) == -1) {
		log_error("\"%s\" is no URL of a provider, such as "
			  "smtps://user%%40example.net@smtp.example.net",
		    a->relay);
		return EX_DATAERR;
	}
	if (hop->password[0] != '\0' && w->relay != NULL) {
		log_error("leave the password out of the URL, which everybody "
			  "can read: it is asked for, or name its file by "
			  "--relay-password");
		return EX_USAGE;
	}
	return EX_OK;
}

/* ---- the password ---- */

/* A file that holds it in its first line. */
static int
read_file(const char *path, char password[CONFIG_VALUE])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd == -1 ? -1 : read(fd, password, CONFIG_VALUE - 1);

	if (n == -1) {
		log_error(
		    "cannot read the password: %s: %s", path, strerror(errno));
	}
	if (fd != -1) {
		close(fd);
	}
	if (n == -1) {
		return EX_NOINPUT;
	}
	password[n] = '\0';
	password[strcspn(password, "\r\n")] = '\0';
	if (password[0] == '\0') {
		log_error("no password in the first line of %s", path);
		return EX_NOINPUT;
	}
	return EX_OK;
}

static int
ask_password(const struct setup_provider *p, struct setup_answers *a)
{
	char question[CONFIG_NAME];

	if (p != NULL && p->where != NULL) {
		printf("It takes an %s from\n  %s\n", p->secret, p->where);
	}
	fflush(stdout);
	snprintf(question, sizeof(question), "Its %s (not shown): ",
	    p != NULL && p->secret != NULL ? p->secret : "password");
	if (readpassphrase(question, a->relay_password,
		sizeof(a->relay_password), RPP_REQUIRE_TTY) == NULL) {
		log_error("cannot read the password: %s", strerror(errno));
		return EX_NOINPUT;
	}
	return EX_OK;
}

static bool
is_source(const char *text)
{
	return strncmp(text, "token:", 6) == 0 ||
	       strncmp(text, "token-file:", 11) == 0 ||
	       strncmp(text, "command:", 8) == 0;
}

/* Finds the password; it may remain unknown. */
static int
find_password(const struct setup_wish *w, const struct setup_facts *f,
    const struct setup_provider *p, const struct hop *hop,
    struct setup_answers *a)
{
	const char *given = w->relay_password;

	if (given != NULL && is_source(given)) {
		strlcpy(a->relay_source, given, sizeof(a->relay_source));
		return EX_OK;
	}
	if (given != NULL) {
		return read_file(given, a->relay_password);
	}
	if (secret_is_named(f->config, hop)) {
		return EX_OK;
	}
	if (p != NULL && p->secret == NULL) {
		log_error(
		    "%s takes no passwords from programs any more: name "
		    "a program that gets a token, by --relay-password "
		    "token:PATH, or a file that has one, by "
		    "token-file:PATH, see relay-password in restante.conf(5); "
		    "or another provider by --relay",
		    a->domain);
		return EX_UNAVAILABLE;
	}
	a->relay_open = !setup_person(w);
	return a->relay_open ? EX_OK : ask_password(p, a);
}

/* ---- the trial ---- */

/* The words of the key relay-password for that source. */
static void
name_source(struct config *c, const struct hop *hop, const char *source)
{
	size_t last = c->nrelay_passwords;

	if (last == CONFIG_LIST) {
		last--;
	}
	struct config_rule *r = &c->relay_passwords[last];
	strlcpy(r->pattern, hop->host, sizeof(r->pattern));
	strlcpy(r->value, source, sizeof(r->value));
	c->nrelay_passwords = last + 1;
}

/*
 * After it has refused the user's address: true if it takes mail from that of
 * the account, which then is the sender of all that leaves.
 */
static bool
takes_own_alone(const struct setup_facts *f, struct hop *hop,
    const char *sender, struct setup_answers *a)
{
	char why[CONFIG_ERROR];

	if (strchr(hop->user, '@') == NULL ||
	    strcasecmp(hop->user, sender) == 0 ||
	    trial_run(f->config, hop, hop->user, why) != TRIAL_GOOD) {
		return false;
	}
	printf("ok: %s takes the login of %s, but mail from no other address: "
	       "what leaves will have it as its sender, and answers go to the "
	       "author by Reply-To (relay-from in restante.conf(5))\n",
	    hop->host, hop->user);
	strlcpy(a->relay_sender, hop->user, sizeof(a->relay_sender));
	return true;
}

static int
try_login(const struct setup_facts *f, const struct setup_provider *p,
    struct hop *hop, struct setup_answers *a)
{
	char sender[SETUP_LOCAL + CONFIG_NAME + 2], why[CONFIG_ERROR];

	snprintf(sender, sizeof(sender), "%s@%s", a->user, a->domain);
	if (strlcpy(hop->password, a->relay_password, sizeof(hop->password)) >=
	    sizeof(hop->password)) {
		log_error("the password for %s is too long", hop->host);
		return EX_DATAERR;
	}
	if (a->relay_source[0] != '\0') {
		name_source(f->config, hop, a->relay_source);
	}
	fflush(stdout);
	switch (trial_run(f->config, hop, sender, why)) {
	case TRIAL_GOOD:
		printf("ok: %s takes the login of %s, and mail from %s\n",
		    hop->host, hop->user, sender);
		return EX_OK;
	case TRIAL_LOGIN:
		log_error("%s refuses the login of %s: %s", hop->host,
		    hop->user, why);
		/* Not by the log, which has ASCII alone. */
		if (p != NULL && p->where != NULL) {
			printf("It wants the %s, not the password of its web "
			       "page; get one at %s\n",
			    p->secret, p->where);
		}
		return EX_NOPERM;
	case TRIAL_SENDER:
		if (takes_own_alone(f, hop, sender, a)) {
			return EX_OK;
		}
		log_error("%s does not take mail from %s, though it takes the "
			  "login of %s: %s; log in as the owner of that "
			  "address",
		    hop->host, sender, hop->user, why);
		return EX_NOPERM;
	case TRIAL_UNREACHED:
		break;
	}
	log_error("the login at %s cannot be tried: %s; nothing was written, "
		  "type it again",
	    hop->host, why);
	return EX_TEMPFAIL;
}

/* Without a new password there is nothing to be tried. */
static int
agree_on_password(const struct setup_wish *w, const struct setup_facts *f,
    const struct setup_provider *p, struct hop *hop, struct setup_answers *a)
{
	for (int tries = 1;; tries++) {
		int rc = find_password(w, f, p, hop, a);
		if (rc != EX_OK || (a->relay_password[0] == '\0' &&
				       a->relay_source[0] == '\0')) {
			return rc;
		}
		rc = try_login(f, p, hop, a);
		if (rc != EX_NOPERM || !setup_person(w) ||
		    w->relay_password != NULL || tries == TRIES) {
			return rc;
		}
		hop->password[0] = '\0';
	}
}

/* Some providers take mail from the address of the account, and no other. */
static void
note_own_address(const struct setup_provider *p, const struct hop *hop,
    struct setup_answers *a)
{
	char address[SETUP_LOCAL + CONFIG_NAME + 2];

	snprintf(address, sizeof(address), "%s@%s", a->user, a->domain);
	if (p != NULL && setup_provider_own(p->host) &&
	    strcasecmp(hop->user, address) == 0) {
		strlcpy(a->relay_sender, address, sizeof(a->relay_sender));
	}
}

int
setup_ask_relay(const struct setup_wish *w, const struct setup_facts *f,
    struct setup_answers *a)
{
	const struct setup_provider *p = setup_provider(a->domain);
	struct hop hop;

	a->hosted = p != NULL;
	choose_relay(w, f, p, a);
	if (a->relay[0] == '\0') {
		return EX_OK;
	}
	int rc = read_relay(w, a, &hop);
	if (rc == EX_OK && hop.user[0] != '\0') {
		note_own_address(p, &hop, a);
		rc = agree_on_password(w, f, p, &hop, a);
	}
	explicit_bzero(&hop, sizeof(hop));
	return rc;
}
