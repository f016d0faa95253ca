/* SPDX-License-Identifier: ISC */
/*
 * Makes DKIM keys, and changes them: STATE/dkim/DOMAIN/SELECTOR.pem signs,
 * SELECTOR.next is published and waits, SELECTOR.old has signed mail that is
 * still under way.
 */
#include "smtpd/admin/dkim.h"

#include "common/auth/dkim_key.h"
#include "common/auth/tags.h"
#include "common/dns/dns.h"
#include "common/io/file.h"
#include "common/log/log.h"
#include "common/text/address.h"
#include "common/text/base64.h"
#include "common/text/idna.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

enum { STRING = 255 }; /* octets of a string of a TXT record */

static struct dkim_keys keys, next;

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
			log_error("GnuTLS cannot write the public key");
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

/* ---- making ---- */

/* Writes a new file, and has it on the disk.  0 or -1 with errno. */
static int
write_file(const char *path, const char *text, size_t len)
{
	int fd =
	    open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		S_IRUSR | S_IWUSR);

	if (fd == -1) {
		return -1;
	}
	bool good = file_append(fd, text, len) == 0 && fsync(fd) == 0;
	good = close(fd) == 0 && good;
	if (!good) {
		int error = errno;
		unlink(path);
		errno = error;
	}
	return good ? 0 : -1;
}

static int
sync_directory(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int result = fd == -1 ? -1 : fsync(fd);

	if (fd != -1) {
		close(fd);
	}
	return result;
}

/* The folder of a domain, made if need be. */
static int
make_folder(
    const struct config *config, const char *domain, char path[PATH_MAX])
{
	int n = snprintf(path, PATH_MAX, "%s/dkim/%s", config->state, domain);

	if (n < 0 || n >= PATH_MAX) {
		log_error("the path of the keys is too long");
		return -1;
	}
	const size_t ends[] = { strlen(config->state),
		strlen(config->state) + strlen("/dkim"), (size_t)n };
	for (size_t i = 0; i < 3; i++) {
		char c = path[ends[i]];
		path[ends[i]] = '\0';
		mode_t mode = i == 0 ? 0755 : S_IRWXU;
		bool made = mkdir(path, mode) == 0;
		if (!made && errno != EEXIST) {
			log_error("cannot make %s: %s", path, strerror(errno));
			return -1;
		}
		if (made && i == 0 && chmod(path, mode) == -1) {
			log_error("cannot open %s to others: %s", path,
			    strerror(errno));
			return -1;
		}
		path[ends[i]] = c;
	}
	return 0;
}

/* True if any file has that selector. */
static bool
is_taken(const struct config *config, const char *domain, const char *selector)
{
	static const char *const endings[] = { ".pem", ".next", ".old" };
	char path[PATH_MAX];
	struct stat st;

	for (size_t i = 0; i < 3; i++) {
		if (dkim_key_path(config, domain, selector, endings[i], path) ==
			-1 ||
		    lstat(path, &st) == 0) {
			return true;
		}
	}
	return false;
}

/* rYYYYMM or eYYYYMM, and a letter if there is one of this month. */
static int
new_selector(const struct config *config, const char *domain,
    enum public_key_kind kind, char out[DKIM_KEY_NAME])
{
	time_t now = time(NULL);
	struct tm tm;
	char month[16];

	if (gmtime_r(&now, &tm) == NULL ||
	    strftime(month, sizeof(month), "%Y%m", &tm) == 0) {
		return -1;
	}
	for (char letter = 'a'; letter <= 'z'; letter++) {
		snprintf(out, DKIM_KEY_NAME, "%c%s%.1s",
		    kind == PUBLIC_KEY_RSA ? 'r' : 'e', month,
		    letter == 'a' ? "" : &letter);
		if (!is_taken(config, domain, out)) {
			return 0;
		}
	}
	return -1;
}

static int
make_key(const struct config *config, const char *domain,
    enum public_key_kind kind, const char *ending)
{
	char selector[DKIM_KEY_NAME], path[PATH_MAX], pem[PRIVATE_KEY_PEM];
	const char *why;

	if (new_selector(config, domain, kind, selector) == -1 ||
	    dkim_key_path(config, domain, selector, ending, path) == -1) {
		log_error(
		    "no name is left for a new key of %s this month", domain);
		return -1;
	}
	struct private_key *key = private_key_make(kind, &why);
	if (key == NULL) {
		log_error("cannot make a key: %s", why);
		return -1;
	}
	ssize_t n = private_key_pem(key, pem, sizeof(pem));
	private_key_close(key);
	int result = n == -1 ? -1 : write_file(path, pem, (size_t)n);
	explicit_bzero(pem, sizeof(pem));
	if (result == -1) {
		log_error("cannot write %s: %s", path, strerror(errno));
	}
	return result;
}

/* An RSA key, and one of Ed25519. */
static int
make_keys(const struct config *config, const char *domain, const char *ending)
{
	char folder[PATH_MAX];

	if (make_folder(config, domain, folder) == -1 ||
	    make_key(config, domain, PUBLIC_KEY_RSA, ending) == -1 ||
	    make_key(config, domain, PUBLIC_KEY_ED25519, ending) == -1) {
		return -1;
	}
	if (sync_directory(folder) == -1) {
		log_error("cannot write %s: %s", folder, strerror(errno));
		return -1;
	}
	return 0;
}

static int
read_keys(struct dkim_keys *k, const struct config *config, const char *domain,
    const char *ending)
{
	char error[CONFIG_ERROR];

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

/* ---- changing ---- */

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
	if (wrong == NULL && (private_key_public(k->keys[i], public) == -1 ||
				 base64_encode(key.octets, key.len, theirs,
				     sizeof(theirs)) == -1 ||
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

static int
rename_all(const struct config *config, const struct dkim_keys *k,
    const char *from, const char *to)
{
	char old[PATH_MAX], new[PATH_MAX];

	for (size_t i = 0; i < k->count; i++) {
		const struct dkim_name *n = &k->names[i];
		if (dkim_key_path(config, n->domain, n->selector, from, old) ==
			-1 ||
		    dkim_key_path(config, n->domain, n->selector, to, new) ==
			-1 ||
		    rename(old, new) == -1) {
			log_error("cannot rename a key of %s: %s", n->domain,
			    strerror(errno));
			return -1;
		}
	}
	return 0;
}

/* The new ones first, so that at no time there is none. */
static int
switch_keys(const struct config *config, const char *domain)
{
	char folder[PATH_MAX];

	if (make_folder(config, domain, folder) == -1 ||
	    rename_all(config, &next, ".next", ".pem") == -1 ||
	    rename_all(config, &keys, ".pem", ".old") == -1 ||
	    sync_directory(folder) == -1) {
		return EX_CANTCREAT;
	}
	printf("; The new keys sign from now on. Leave the records of the old "
	       "ones for 7 days,\n; until no mail that they have signed is "
	       "under way; then remove these:\n");
	for (size_t i = 0; i < keys.count; i++) {
		printf("; %s._domainkey.%s\n", keys.names[i].selector, domain);
	}
	return EX_OK;
}

static int
rotate_keys(const struct config *config, const char *domain)
{
	if (read_keys(&next, config, domain, ".next") == -1) {
		return EX_CONFIG;
	}
	bool fresh = next.count == 0;
	if (fresh && (make_keys(config, domain, ".next") == -1 ||
			 read_keys(&next, config, domain, ".next") == -1)) {
		return EX_CANTCREAT;
	}
	if (!fresh && are_published(config)) {
		return switch_keys(config, domain);
	}
	printf("; Publish these beside those that are there, then type once "
	       "more:\n; smtpd --dkim %s --rotate\n",
	    domain);
	int printed = print_records(&next);
	return printed == -1 ? EX_SOFTWARE : fresh ? EX_OK : EX_TEMPFAIL;
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

int
admin_dkim(const struct config *config, const char *text, bool rotate)
{
	char domain[DKIM_KEY_NAME];

	if (!dkim_domain(text, domain)) {
		log_error("not a domain: %s", text);
		return EX_USAGE;
	}
	if (read_keys(&keys, config, domain, ".pem") == -1) {
		return EX_CONFIG;
	}
	if (keys.count > 0 && rotate) {
		return rotate_keys(config, domain);
	}
	if (keys.count == 0 &&
	    (make_keys(config, domain, ".pem") == -1 ||
		read_keys(&keys, config, domain, ".pem") == -1)) {
		return EX_CANTCREAT;
	}
	return print_records(&keys) == -1 ? EX_SOFTWARE : EX_OK;
}
