/* SPDX-License-Identifier: ISC */
/* The questions of --setup. */
#include "common/log/log.h"
#include "common/tls/tls_keys.h"
#include "smtpd/admin/setup_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

bool
setup_person(const struct setup_wish *w)
{
	return !w->yes && isatty(STDIN_FILENO) == 1;
}

void
setup_question(
    const char *question, const char *shown, char *answer, size_t size)
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

	if (!setup_person(w)) {
		return true;
	}
	setup_question(question, "Y/n", answer, sizeof(answer));
	return answer[0] == 'Y' || answer[0] == 'y';
}

bool
setup_is_word(const char *text)
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
		if (!setup_person(w) || feof(stdin)) {
			break;
		}
		setup_question("Your address, for example you@example.org", "",
		    text, sizeof(text));
	}
	if (w->address == NULL) {
		log_error("no address: type smtpd --setup you@example.org");
	}
	return EX_USAGE;
}

/* Takes the answer in a->hostname; an exit status. */
static int
take_hostname(struct setup_answers *a)
{
	char text[CONFIG_NAME];

	strlcpy(text, a->hostname, sizeof(text));
	if (!setup_domain(text, a->hostname)) {
		log_error("\"%s\" is no full name of a machine, such as "
			  "mail.example.org",
		    text);
		return EX_DATAERR;
	}
	return EX_OK;
}

static int
ask_hostname(const struct setup_wish *w, const struct setup_facts *f,
    struct setup_answers *a)
{
	size_t len = 0;
	const char *old = setup_value(f->conf, "hostname", &len);
	char guess[CONFIG_NAME];
	int rc;

	setup_guess_name(
	    f, a->domain, setup_provider(a->domain) != NULL, guess);
	if (w->hostname != NULL) {
		strlcpy(a->hostname, w->hostname, sizeof(a->hostname));
		return take_hostname(a);
	}
	if (old != NULL || !setup_person(w)) {
		snprintf(a->hostname, sizeof(a->hostname), "%.*s",
		    old != NULL ? (int)len : CONFIG_NAME,
		    old != NULL ? old : guess);
		return take_hostname(a);
	}
	do {
		setup_question("Full name of this machine", guess, a->hostname,
		    sizeof(a->hostname));
		rc = take_hostname(a);
	} while (rc != EX_OK && feof(stdin) == 0);
	return rc;
}

/* True for the whole path of a file that can be read, or of two: what the key
   tls takes. */
static bool
are_files(const char *value)
{
	char text[SETUP_PATH], *rest = text;
	size_t count = 0;

	strlcpy(text, value, sizeof(text));
	for (char *file; (file = strsep(&rest, " ")) != NULL; count++) {
		if (file[0] != '/' || !setup_is_word(file) ||
		    access(file, R_OK) == -1) {
			return false;
		}
	}
	return count <= 2;
}

/* The files that certbot renews for the machine, or "self". */
static void
find_certificate(const struct setup_answers *a, char found[SETUP_PATH])
{
	static const char live[] = "/etc/letsencrypt/live";

	snprintf(found, SETUP_PATH, "%s/%s/privkey.pem %s/%s/fullchain.pem",
	    live, a->hostname, live, a->hostname);
	if (!are_files(found)) {
		strlcpy(found, "self", SETUP_PATH);
	}
}

/* Reads them as a server does, which would not start otherwise.  The words are
   those of are_files(). */
static bool
is_certificate(const struct setup_facts *f, const char *hostname,
    const char *value, char error[CONFIG_ERROR])
{
	struct config *config = f->config;
	struct tls_look look;
	size_t len = strcspn(value, " ");
	const char *chain = value[len] == ' ' ? value + len + 1 : value;

	snprintf(
	    config->tls[0], sizeof(config->tls[0]), "%.*s", (int)len, value);
	strlcpy(config->tls_chain[0], chain, sizeof(config->tls_chain[0]));
	config->ntls = 1;
	struct tls_keys *keys = tls_keys_open(config, true, error);
	if (keys == NULL) {
		return false;
	}
	bool good = tls_keys_look(keys, 0, hostname, &look);
	if (good && look.ends < time(NULL)) {
		snprintf(error, CONFIG_ERROR,
		    "the certificate in %.300s has expired", chain);
		good = false;
	} else if (good && !look.names_host) {
		printf("warning: the certificate in %s is not for %s: clients "
		       "that look refuse it\n",
		    chain, hostname);
	}
	tls_keys_close(keys);
	return good;
}

/* Takes an answer; an exit status. */
static int
take_certificate(
    const struct setup_facts *f, const char *answer, struct setup_answers *a)
{
	char error[CONFIG_ERROR] = "it cannot be read";

	if (strcmp(answer, "self") == 0) {
		return EX_OK;
	}
	if (!are_files(answer)) {
		log_error("%s: no file that can be read; name a PEM file by "
			  "its whole path, or those of key and chain, or self",
		    answer);
		return EX_NOINPUT;
	}
	if (!is_certificate(f, a->hostname, answer, error)) {
		log_error("%s", error);
		return EX_DATAERR;
	}
	strlcpy(a->tls, answer, sizeof(a->tls));
	return EX_OK;
}

static int
ask_certificate(const struct setup_wish *w, const struct setup_facts *f,
    struct setup_answers *a)
{
	char answer[SETUP_PATH], found[SETUP_PATH];
	int rc;

	if (w->tls != NULL) {
		strlcpy(answer, w->tls, sizeof(answer));
		return take_certificate(f, answer, a);
	}
	if (f->has_certificate || a->hosted) {
		return EX_OK;
	}
	find_certificate(a, found);
	if (!setup_person(w)) {
		return take_certificate(f, found, a);
	}
	puts("Certificate: the path of a PEM file with key and chain, or of "
	     "two files; or\nself for one that is made now and signs itself, "
	     "for a start");
	do {
		setup_question("Certificate", found, answer, sizeof(answer));
		rc = take_certificate(f, answer, a);
	} while (rc != EX_OK && feof(stdin) == 0);
	return rc;
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
	if (setup_look(place, a, f) == -1) {
		return EX_NOINPUT;
	}
	if ((rc = ask_hostname(w, f, a)) != EX_OK ||
	    (rc = setup_ask_relay(w, f, a)) != EX_OK ||
	    (rc = ask_certificate(w, f, a)) != EX_OK) {
		return rc;
	}
	a->open = !w->local_only && !a->hosted;
	if (a->open && place->system) {
		a->open = setup_agree(
		    w, "Open ports 25, 465, 587, 110 and 995 to the network?");
	}
	return EX_OK;
}
