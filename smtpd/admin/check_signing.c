/* SPDX-License-Identifier: ISC */
/* What signs our mail, and what forwarded mail is sent as. */
#include "smtpd/admin/check_private.h"

#include "common/auth/dkim_signature.h"
#include "common/keeper/dkim_keys.h"
#include "common/keeper/srs_key.h"

#include <errno.h>
#include <string.h>

/* A key that cannot be used stops mail, and is no error of others. */
static void
check_key(struct check *c, const struct dkim_name *name)
{
	char path[PATH_MAX], error[CONFIG_ERROR];

	if (name->usable == 1) {
		check_finding(c, FINDING_OK, "DKIM: %s signs the mail of %s",
		    name->selector, name->domain);
		return;
	}
	struct private_key *key =
	    dkim_key_path(
		c->config, name->domain, name->selector, ".pem", path) == -1
		? (strlcpy(error, "its name is too long", sizeof(error)), NULL)
		: dkim_key_open(path, error);
	if (key == NULL) {
		check_finding(c, FINDING_ERROR, "DKIM: %s: mail of %s waits",
		    error, name->domain);
	}
	private_key_close(key);
}

static void
check_dkim(struct check *c)
{
	static struct dkim_keys keys;
	char error[CONFIG_ERROR];

	if (c->config->dkim_sign == DKIM_SIGN_OFF) {
		return;
	}
	if (dkim_keys_read(&keys, c->config, NULL, ".pem", error) == -1) {
		/* Root's keys are nobody else's business. */
		check_finding(c,
		    errno == EACCES ? FINDING_WARNING : FINDING_ERROR,
		    "DKIM: %s", error);
		return;
	}
	for (size_t i = 0; i < keys.count; i++) {
		check_key(c, &keys.names[i]);
	}
	dkim_keys_close(&keys);
}

/* A seal needs something to say, and a key. */
static void
check_arc(struct check *c)
{
	const struct config *config = c->config;
	static struct dkim_keys keys;
	char error[CONFIG_ERROR];
	bool any = false;

	if (config->narc_trust > 0 &&
	    (!config->auth || config->dmarc == DMARC_OFF)) {
		check_finding(c, FINDING_WARNING,
		    "arc-trust is of no use without auth and dmarc");
	}
	if (!config->arc_seal) {
		return;
	}
	if (!config->auth) {
		check_finding(c, FINDING_WARNING,
		    "arc-seal: nothing is sealed, since auth is off");
	}
	if (dkim_keys_read(&keys, config, NULL, ".pem", error) == -1) {
		return; /* it was said why */
	}
	for (size_t i = 0; i < keys.count; i++) {
		any = any ||
		      dkim_is_below(config->srs_domain, keys.names[i].domain);
	}
	dkim_keys_close(&keys);
	if (!any) {
		check_finding(c, FINDING_WARNING,
		    "arc-seal: nothing is sealed, since there is no key; type: "
		    "smtpd --dkim %s",
		    config->srs_domain);
	}
}

static void
check_srs(struct check *c)
{
	const struct config *config = c->config;
	struct srs_keys keys;

	if (!config->srs) {
		return;
	}
	if (!config_is_ours_to_all(config, config->srs_domain)) {
		check_finding(c, FINDING_ERROR,
		    "srs-domain %s is none of our domains: reports on "
		    "forwarded mail would not come back",
		    config->srs_domain);
	}
	if (srs_key_read(config, &keys) == -1) {
		int error = errno;
		check_finding(c,
		    error == EACCES ? FINDING_WARNING : FINDING_ERROR,
		    "%s/srs.key, for senders of forwarded mail: %s",
		    config->state,
		    error == EINVAL  ? "it is no key: move it away"
		    : error == EPERM ? "others can read or write it: move it "
				       "away"
				     : strerror(error));
	}
	explicit_bzero(&keys, sizeof(keys));
}

void
check_signing(struct check *c)
{
	check_dkim(c);
	check_arc(c);
	check_srs(c);
}
