/* SPDX-License-Identifier: ISC */
/* The questions of --setup. */
#include "common/log/log.h"
#include "common/text/address.h"
#include "smtpd/admin/setup_private.h"

#include <errno.h>
#include <readpassphrase.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>
#include <unistd.h>

static bool
is_person(const struct setup_wish *w)
{
	return !w->yes && isatty(STDIN_FILENO) == 1;
}

/* One line, or what is in brackets; an end of input counts as Enter. */
static void
ask(const char *question, const char *shown, char *answer, size_t size)
{
	char line[CONFIG_VALUE];

	printf("%s%s%s%s: ", question, shown[0] != '\0' ? " [" : "", shown,
	    shown[0] != '\0' ? "]" : "");
	fflush(stdout);
	if (fgets(line, sizeof(line), stdin) == NULL) {
		putchar('\n');
		line[0] = '\0';
	}
	line[strcspn(line, "\r\n")] = '\0';
	strlcpy(answer, line[0] != '\0' ? line : shown, size);
}

bool
setup_agree(const struct setup_wish *w, const char *question)
{
	char answer[CONFIG_VALUE];

	if (!is_person(w)) {
		return true;
	}
	ask(question, "Y/n", answer, sizeof(answer));
	return answer[0] == 'Y' || answer[0] == 'y';
}

static bool
no_blanks(const char *text)
{
	for (const char *c = text; *c != '\0'; c++) {
		if (*c <= ' ' || *c == '#' || *c == 0x7f) {
			return false;
		}
	}
	return true;
}

/* ---- the questions ---- */

static int
ask_address(const struct setup_wish *w, struct setup_answers *a)
{
	char text[CONFIG_VALUE];

	strlcpy(text, w->address != NULL ? w->address : "", sizeof(text));
	for (;;) {
		if (text[0] != '\0' && setup_address(text, a)) {
			return EX_OK;
		}
		if (text[0] != '\0') {
			log_error("\"%s\" is no address: it takes the form "
				  "you@example.org",
			    text);
		}
		if (!is_person(w) || feof(stdin)) {
			break;
		}
		ask("Your address, for example you@example.org", "", text,
		    sizeof(text));
	}
	if (w->address == NULL) {
		log_error("no address: type smtpd --setup you@example.org");
	}
	return EX_USAGE;
}

static int
ask_hostname(const struct setup_wish *w, const struct setup_facts *f,
    struct setup_answers *a)
{
	size_t len = 0;
	const char *old = setup_value(f->conf, "hostname", &len);
	char shown[2 * CONFIG_NAME];

	if (w->hostname != NULL) {
		strlcpy(a->hostname, w->hostname, sizeof(a->hostname));
	} else if (old != NULL) {
		snprintf(
		    a->hostname, sizeof(a->hostname), "%.*s", (int)len, old);
	} else {
		bool full = strchr(f->hostname, '.') != NULL;
		snprintf(shown, sizeof(shown), "%s%s",
		    full ? f->hostname : "mail.", full ? "" : a->domain);
		if (is_person(w)) {
			ask("Full name of this machine", shown, a->hostname,
			    sizeof(a->hostname));
		} else {
			strlcpy(a->hostname, shown, sizeof(a->hostname));
		}
	}
	if (!address_is_domain(a->hostname) ||
	    strchr(a->hostname, '.') == NULL) {
		log_error("\"%s\" is no full name of a machine, such as "
			  "mail.example.org",
		    a->hostname);
		return EX_DATAERR;
	}
	return EX_OK;
}

/* The URL for an address that a provider has. */
static void
provider_relay(const struct setup_provider *p, const struct setup_answers *a,
    char url[CONFIG_VALUE])
{
	snprintf(url, CONFIG_VALUE, "smtps://%s%%40%s@%s", a->user, a->domain,
	    p->host);
}

static int
read_secret(
    const struct setup_wish *w, const char *what, struct setup_answers *a)
{
	char question[CONFIG_NAME];

	if (!is_person(w)) {
		return EX_OK;
	}
	snprintf(question, sizeof(question), "Its %s (not shown): ", what);
	if (readpassphrase(question, a->relay_password,
		sizeof(a->relay_password), RPP_REQUIRE_TTY) == NULL) {
		log_error("cannot read the password: %s", strerror(errno));
		return EX_NOINPUT;
	}
	return EX_OK;
}

static int
ask_relay(const struct setup_wish *w, const struct setup_facts *f,
    struct setup_answers *a)
{
	const struct setup_provider *p = setup_provider(a->domain);
	size_t len;

	a->hosted = p != NULL;
	if (p != NULL && p->host == NULL && w->relay == NULL) {
		log_error("%s takes no passwords from programs any more: name "
			  "another provider by --relay, or see "
			  "restante-routing(7) for tokens",
		    a->domain);
		return EX_UNAVAILABLE;
	}
	if (w->relay != NULL) {
		strlcpy(a->relay, w->relay, sizeof(a->relay));
	} else if (setup_value(f->conf, "relay", &len) != NULL) {
		return EX_OK;
	} else if (p != NULL) {
		provider_relay(p, a, a->relay);
		printf("Mail leaves by %s, as %s@%s\n", p->host, a->user,
		    a->domain);
	} else if (is_person(w)) {
		printf("How does mail leave? Directly: Enter. Through a "
		       "provider: its URL,\nsuch as "
		       "smtps://user%%40example.net@smtp.example.net\n");
		ask("Provider", "", a->relay, sizeof(a->relay));
	}
	if (!no_blanks(a->relay)) {
		log_error("\"%s\" is no URL of a provider", a->relay);
		return EX_DATAERR;
	}
	return strchr(a->relay, '@') == NULL
	           ? EX_OK
	           : read_secret(w, p != NULL ? p->secret : "password", a);
}

static int
ask_certificate(const struct setup_wish *w, const struct setup_place *place,
    const struct setup_facts *f, struct setup_answers *a)
{
	char answer[SETUP_PATH] = "self", found[SETUP_PATH];

	(void)place;
	if (w->tls != NULL) {
		strlcpy(answer, w->tls, sizeof(answer));
	} else if (!f->has_certificate && !a->hosted && is_person(w)) {
		snprintf(found, sizeof(found), "self");
		ask("Certificate: a PEM file with key and chain, or self for "
		    "one of its own",
		    found, answer, sizeof(answer));
	}
	if (strcmp(answer, "self") == 0) {
		return EX_OK;
	}
	if (answer[0] != '/' || !no_blanks(answer) ||
	    access(answer, R_OK) == -1) {
		log_error("%s: no file that can be read; name a PEM file by "
			  "its whole path, or self",
		    answer);
		return EX_NOINPUT;
	}
	strlcpy(a->tls, answer, sizeof(a->tls));
	return EX_OK;
}

int
setup_ask(const struct setup_wish *w, const struct setup_place *place,
    struct setup_facts *f, struct setup_answers *a)
{
	int rc;

	memset(a, 0, sizeof(*a));
	if ((rc = ask_address(w, a)) != EX_OK) {
		return rc;
	}
	if (setup_look(place, a->user, f) == -1) {
		return EX_NOINPUT;
	}
	if ((rc = ask_hostname(w, f, a)) != EX_OK ||
	    (rc = ask_relay(w, f, a)) != EX_OK ||
	    (rc = ask_certificate(w, place, f, a)) != EX_OK) {
		return rc;
	}
	a->open = !w->local_only && !a->hosted;
	if (a->open && place->system) {
		a->open = setup_agree(
		    w, "Open ports 25, 465, 587, 110 and 995 to the network?");
	}
	return EX_OK;
}
