/* SPDX-License-Identifier: ISC */
/* The questions of --setup. */
#include "common/log/log.h"
#include "smtpd/admin/setup_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>
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
		bool full = strchr(f->config->hostname, '.') != NULL;
		snprintf(shown, sizeof(shown), "%s%s",
		    full ? f->config->hostname : "mail.",
		    full ? "" : a->domain);
		if (setup_person(w)) {
			setup_question("Full name of this machine", shown,
			    a->hostname, sizeof(a->hostname));
		} else {
			strlcpy(a->hostname, shown, sizeof(a->hostname));
		}
	}
	strlcpy(shown, a->hostname, sizeof(shown));
	if (!setup_domain(shown, a->hostname)) {
		log_error("\"%s\" is no full name of a machine, such as "
			  "mail.example.org",
		    shown);
		return EX_DATAERR;
	}
	return EX_OK;
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

static int
ask_certificate(const struct setup_wish *w, const struct setup_facts *f,
    struct setup_answers *a)
{
	char answer[SETUP_PATH] = "self", found[SETUP_PATH];

	if (w->tls != NULL) {
		strlcpy(answer, w->tls, sizeof(answer));
	} else if (!f->has_certificate && !a->hosted) {
		find_certificate(a, found);
		strlcpy(answer, found, sizeof(answer));
		if (setup_person(w)) {
			setup_question("Certificate: a PEM file with key and "
				       "chain, or one for each, or self for "
				       "one of its own",
			    found, answer, sizeof(answer));
		}
	}
	if (strcmp(answer, "self") == 0) {
		return EX_OK;
	}
	if (!are_files(answer)) {
		log_error("%s: no file that can be read; name a PEM file by "
			  "its whole path, or those of key and chain, or self",
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
