/* SPDX-License-Identifier: ISC */
/* --check: certificates and their keys, and logins in the clear. */
#include "spool/check/check.h"

#include "common/tls/tls.h"
#include "common/tls/tls_keys.h"

#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { DAY = 24 * 60 * 60, WARN_DAYS = 21 };

/* One certificate, of a file; true if it is for the host name. */
static bool
check_certificate(
    struct check *c, const struct tls_keys *keys, size_t key, const char *file)
{
	struct tls_look look;
	time_t now = time(NULL);

	if (!tls_keys_look(keys, key, c->config->hostname, &look)) {
		return false;
	}
	long days = (long)((look.ends - now) / DAY);
	if (look.ends < now) {
		check_finding(c, FINDING_ERROR,
		    "the certificate in %s has expired: renew it, and replace "
		    "the file",
		    file);
	} else if (look.starts > now) {
		check_finding(c, FINDING_ERROR,
		    "the certificate in %s is not good yet, or the clock is "
		    "wrong; type: date",
		    file);
	} else {
		check_finding(c,
		    days < WARN_DAYS ? FINDING_WARNING : FINDING_OK,
		    "certificate good for %ld more days: %s", days, file);
	}
	if (look.self_signed) {
		check_finding(c, FINDING_WARNING,
		    "the certificate in %s signs itself: mail programs ask "
		    "whether to trust it, or refuse it; get one of an "
		    "authority, and name its files at tls in restante.conf; "
		    "type: certbot certonly --standalone -d %s",
		    file, c->config->hostname);
	}
	return look.names_host;
}

/* Who can read the key. */
static void
check_key_file(struct check *c, const char *file)
{
	struct stat st;

	if (stat(file, &st) == 0 && (st.st_mode & (S_IROTH | S_IWOTH)) != 0) {
		check_finding(c, FINDING_ERROR,
		    "everybody can read the key in %s; type: chmod "
		    "600 %s",
		    file, file);
	}
}

static void
check_keys(struct check *c, const struct tls_keys *keys)
{
	const struct config *config = c->config;
	bool named = false;

	for (size_t i = 0; i < tls_keys_count(keys); i++) {
		named |= check_certificate(c, keys, i, config->tls_chain[i]);
		check_key_file(c, config->tls[i]);
	}
	if (!named) {
		check_finding(c, FINDING_WARNING,
		    "no certificate is for %s, so that clients that look "
		    "refuse it: get one for that name, or set the key hostname "
		    "to the name of the certificate",
		    config->hostname);
	}
}

void
check_tls(struct check *c)
{
	const struct config *config = c->config;
	char error[CONFIG_ERROR];

	if (config->plaintext_login == PLAINTEXT_ALWAYS) {
		check_finding(c, FINDING_WARNING,
		    "plaintext-login always: passwords cross the network in "
		    "the clear; remove the line, unless a tunnel protects "
		    "them");
	}
	if (config->ntls == 0) {
		check_finding(c, FINDING_WARNING,
		    "no certificate, so no TLS: put key and chain into %s, or "
		    "set the key tls",
		    config->tls_default);
		return;
	}
	struct tls_keys *keys = tls_keys_open(config, true, error);
	struct tls_server *s =
	    keys == NULL ? NULL : tls_server_open(config, error);
	if (s == NULL) {
		check_finding(c, FINDING_ERROR, "certificate: %s", error);
	} else {
		check_keys(c, keys);
	}
	tls_server_close(s);
	tls_keys_close(keys);
}
