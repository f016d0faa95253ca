/* SPDX-License-Identifier: ISC */
/*
 * Makes DKIM keys, and changes them: STATE/dkim/DOMAIN/SELECTOR.pem signs,
 * SELECTOR.next is published and waits, SELECTOR.old has signed mail that is
 * still under way.  dkim_files.c writes them.
 */
#include "smtpd/admin/dkim.h"

#include "common/auth/dkim_key.h"
#include "common/auth/tags.h"
#include "common/dns/dns.h"
#include "common/log/log.h"
#include "common/process/process.h"
#include "common/text/address.h"
#include "common/text/base64.h"
#include "common/text/idna.h"
#include "smtpd/admin/dkim_private.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum {
	STRING = 255,          /* octets of a string of a TXT record */
	PATIENCE = 100 * 1000, /* ms for keys and name servers */
};

static struct dkim_keys keys, next;

/* The one reason that there is. */
static const char unwritable[] = "no memory to write the public key";

int
dkim_record(const struct private_key *key, char record[DKIM_RECORD])
{
	char public[PRIVATE_KEY_PUBLIC];

	if (private_key_public(key, public) == -1) {
		return -1;
	}
	int n = snprintf(record, DKIM_RECORD, "v=DKIM1; k=%s; p=%s",
	    private_key_kind(key) == PUBLIC_KEY_RSA ? "rsa" : "ed25519",
	    public);
	return n > 0 && n < DKIM_RECORD ? 0 : -1;
}

void
dkim_print_text(const char *name, const char *record)
{
	size_t len = strlen(record);

	printf("%s. IN TXT", name);
	if (len <= STRING) {
		printf(" \"%s\"\n", record);
		return;
	}
	printf(" (");
	for (size_t i = 0; i < len; i += STRING) {
		printf("\n\t\"%.*s\"", STRING, record + i);
	}
	printf(" )\n");
}

/* Prints the records of keys; 0 or -1. */
static int
print_records(const struct dkim_keys *k)
{
	char record[DKIM_RECORD], name[2 * DKIM_KEY_NAME + 16];

	for (size_t i = 0; i < k->count; i++) {
		if (k->keys[i] == NULL) {
			continue;
		}
		if (dkim_record(k->keys[i], record) == -1) {
			log_error("%s", unwritable);
			return -1;
		}
		snprintf(name, sizeof(name), "%s._domainkey.%s",
		    k->names[i].selector, k->names[i].domain);
		dkim_print_text(name, record);
		if (strlen(record) > STRING) {
			printf("; where a web page asks for the value, all of "
			       "it without quotes:\n; %s\n",
			    record);
		}
	}
	return 0;
}

/* ---- the keys ---- */

static int
read_keys(struct dkim_keys *k, const struct config *config, const char *domain,
    const char *ending)
{
	char error[CONFIG_ERROR];

	dkim_keys_close(k); /* as it was before a change */
	if (dkim_keys_read(k, config, domain, ending, error) == -1) {
		log_error("%s", error);
		return -1;
	}
	for (size_t i = 0; i < k->count; i++) {
		if (k->keys[i] == NULL) {
			return -1; /* it was said why */
		}
	}
	return 0;
}

/* ---- what is published ---- */

/* True if the DNS has the record of that key. */
static bool
is_published(struct dns *dns, const struct dkim_keys *k, size_t i)
{
	static struct dns_texts texts;
	char name[2 * DKIM_KEY_NAME + 16], why[CONFIG_ERROR];
	char public[PRIVATE_KEY_PUBLIC], theirs[PRIVATE_KEY_PUBLIC];
	struct span records[DNS_TEXTS];
	struct dkim_key key;

	snprintf(name, sizeof(name), "%s._domainkey.%s", k->names[i].selector,
	    k->names[i].domain);
	if (dns_texts(dns, name, &texts, why) != DNS_OK) {
		printf("; MISSING %s: %s\n", name, why);
		return false;
	}
	for (size_t n = 0; n < texts.count; n++) {
		records[n] =
		    (struct span){ texts.all[n].octets, texts.all[n].len };
	}
	const char *wrong = dkim_key_read(
	    records, texts.count, private_key_kind(k->keys[i]), &key);
	if (private_key_public(k->keys[i], public) == -1) {
		printf("; UNKNOWN %s: %s\n", name, unwritable);
		return false;
	}
	if (wrong == NULL &&
	    (base64_encode(key.octets, key.len, theirs, sizeof(theirs)) == -1 ||
		strcmp(public, theirs) != 0)) {
		wrong = "it is another key";
	}
	if (wrong != NULL) {
		printf("; DIFFERS %s: %s\n", name, wrong);
		return false;
	}
	printf("; OK %s\n", name);
	return true;
}

static bool
are_published(const struct config *config)
{
	struct dns *dns = dns_open(config);
	bool all = dns != NULL;

	if (dns == NULL) {
		log_error("no name server: %s", strerror(errno));
	}
	for (size_t i = 0; dns != NULL && i < next.count; i++) {
		all = is_published(dns, &next, i) && all;
	}
	dns_close(dns);
	return all;
}

/* ---- changing ---- */

/* Takes the new keys into use, or goes on where that was interrupted. */
static int
switch_keys(const struct config *config, const char *domain)
{
	static struct dkim_names old;

	if (dkim_files_switch(config, domain, &next, &old) == -1) {
		return EX_CANTCREAT;
	}
	if (old.count > 0) {
		printf("; The new keys sign from now on. Leave the records of "
		       "the old ones for 7 days,\n; until no mail that they "
		       "have signed is under way; then remove these:\n");
	}
	for (size_t i = 0; i < old.count; i++) {
		printf("; %s._domainkey.%s\n", old.selectors[i], domain);
	}
	return EX_OK;
}

static int
rotate_keys(const struct config *config, const char *domain)
{
	int made = dkim_files_make(config, domain, &next);

	if (made == -1 || read_keys(&next, config, domain, ".next") == -1) {
		return EX_CANTCREAT;
	}
	if (made == 0 && are_published(config)) {
		return switch_keys(config, domain);
	}
	printf("; Publish these beside those that are there, then type once "
	       "more:\n; smtpd --dkim %s --rotate\n",
	    domain);
	int printed = print_records(&next);
	return printed == -1 ? EX_OSERR : made > 0 ? EX_OK : EX_TEMPFAIL;
}

/* The first keys: there is none that signs. */
static int
begin_keys(const struct config *config, const char *domain)
{
	if (dkim_files_make(config, domain, &next) == -1 ||
	    read_keys(&next, config, domain, ".next") == -1) {
		return EX_CANTCREAT;
	}
	return switch_keys(config, domain);
}

bool
dkim_domain(const char *text, char out[DKIM_KEY_NAME])
{
	if (idna_domain(text, strlen(text), out, DKIM_KEY_NAME) != IDNA_OK) {
		return false;
	}
	for (char *p = out; *p != '\0'; p++) {
		*p = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
	}
	return strchr(out, '.') != NULL && address_is_domain(out);
}

/* What is to be done. */
struct order {
	const struct config *config;
	char domain[DKIM_KEY_NAME];
	bool rotate;
};

static int
make_or_change(const struct order *o)
{
	const struct config *config = o->config;
	const char *domain = o->domain;

	if (read_keys(&keys, config, domain, ".pem") == -1 ||
	    read_keys(&next, config, domain, ".next") == -1) {
		return EX_CONFIG;
	}
	int status = EX_OK;
	if (dkim_files_unfinished(config, &next)) {
		status = switch_keys(config, domain);
	} else if (keys.count == 0) {
		status = begin_keys(config, domain);
	} else if (o->rotate) {
		return rotate_keys(config, domain);
	}
	if (status != EX_OK) {
		return status;
	}
	if (read_keys(&keys, config, domain, ".pem") == -1) {
		return EX_CANTCREAT;
	}
	return print_records(&keys) == -1 ? EX_OSERR : EX_OK;
}

static int
run(void *context)
{
	signal(SIGPIPE, SIG_IGN);
	int status = make_or_change(context);

	/* What was not printed may have to be published. */
	if (fflush(stdout) == EOF || ferror(stdout)) {
		log_error("cannot print: %s", strerror(errno));
		return status == EX_OK ? EX_IOERR : status;
	}
	return status;
}

int
admin_dkim(const struct config *config, const char *text, bool rotate)
{
	struct order o = { .config = config, .rotate = rotate };
	int status;

	if (!dkim_domain(text, o.domain)) {
		log_error("not a domain: %s", text);
		return EX_USAGE;
	}
	/* The libraries that make keys end their process where there is no
	   memory, or look for a prime for ever; and whoever is killed leaves
	   nothing half done. */
	switch (process_run(run, &o, PATIENCE, &status)) {
	case PROCESS_EXITED:
		return status;
	case PROCESS_SIGNALED:
		log_error("not finished: ended by signal %d, as where there is "
			  "too little memory; type it once more",
		    status);
		break;
	case PROCESS_LATE:
		log_error("not finished in time, as where there is too little "
			  "memory; type it once more");
		break;
	case PROCESS_FAILED:
		log_error("cannot start a process: %s", strerror(errno));
		break;
	}
	return EX_OSERR;
}
