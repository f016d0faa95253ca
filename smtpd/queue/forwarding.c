/* SPDX-License-Identifier: ISC */
/*
 * Mail that aliases and ~/.forward of ours send on to other hosts goes with a
 * sender of ours (common/auth/srs.h), so that SPF passes there, and reports
 * find back.  The queue keeps the sender as it was: reports of ours go there,
 * and each try has an address that is good for as long as any.
 */
#include "common/keeper/srs_key.h"
#include "smtpd/queue/scheduler_private.h"

#include "common/log/log.h"
#include "common/log/stats.h"
#include "smtpd/route/archive.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* It is no part of the runner, so that no agent is given it by mistake. */
static struct srs_keys keys;

void
forwarding_forget(void)
{
	explicit_bzero(&keys, sizeof(keys));
}

const struct srs_keys *
forwarding_keys(void)
{
	return keys.count == 0 ? NULL : &keys;
}

/* 0, or -1 with the reason in why. */
static int
have_keys(const struct config *config, char why[CONFIG_ERROR])
{
	char out[ADDRESS_TEXT];

	if (keys.count > 0) {
		return 0;
	}
	if (srs_key_make(config, &keys) == -1) {
		int error = errno;
		forwarding_forget();
		snprintf(why, CONFIG_ERROR,
		    "cannot rewrite the sender of forwarded mail: %.300s/"
		    "srs.key: %s",
		    config->state,
		    error == EINVAL  ? "it is no key; move it away"
		    : error == EPERM ? "others can read or write it; move it "
				       "away"
				     : strerror(error));
		return -1;
	}
	/* GnuTLS is loaded while that can be done. */
	if (srs_forward(
		"a@b.example", "c.example", &keys, 0, out, sizeof(out)) == -1) {
		snprintf(why, CONFIG_ERROR,
		    "cannot rewrite the sender of forwarded mail: GnuTLS "
		    "cannot be loaded");
		return -1;
	}
	return 0;
}

void
forwarding_prepare(const struct runner *r)
{
	char why[CONFIG_ERROR];

	if (r->config->srs) {
		(void)have_keys(r->config, why); /* said when it is needed */
	}
}

/* True if we take the mail of an address. */
static bool
is_ours(const struct config *config, const char *address)
{
	const char *at = strrchr(address, '@');

	return at == NULL || config_is_ours(config, at + 1);
}

/*
 * True for an address that mail of this machine has by the key masquerade: that
 * of an account at a provider, which takes no other sender from us.
 */
static bool
is_our_mask(const struct config *config, const char *address)
{
	const char *at = strrchr(address, '@');

	for (size_t i = 0; i < config->nmasquerades; i++) {
		const char *mask = config->masquerades[i].value;
		if (strcasecmp(mask,
			mask[0] == '@' && at != NULL ? at : address) == 0) {
			return true;
		}
	}
	return false;
}

/* True if an alias or a ~/.forward of ours has named a recipient elsewhere. */
static bool
is_forwarded(const struct config *config, const struct recipient *to)
{
	return to->target == TARGET_ADDRESS && to->given[0] != '\0' &&
	       strcasecmp(to->given, to->text) != 0 &&
	       !is_ours(config, to->text);
}

bool
forwarding_is(const struct config *config, const struct mail *mail,
    const struct recipient *to)
{
	return config->srs && mail->sender[0] != '\0' &&
	       !archive_is_copy(config, to) && is_forwarded(config, to) &&
	       !is_ours(config, mail->sender) &&
	       !(mail_is_ours(mail) && is_our_mask(config, mail->sender));
}

bool
forwarding_seals(const struct config *config, const struct mail *mail,
    const struct recipient *to)
{
	/* Without auth nobody removes results that others have written in our
	   name. */
	return config->arc_seal && config->auth && !mail_is_ours(mail) &&
	       is_forwarded(config, to);
}

/* True if the next hop believes us whatever we say: a program here. */
static bool
is_at_home(const struct runner *r, const struct batch *b)
{
	struct hop hop;
	bool home = batch_hop(r, b, &hop) &&
	            (hop.unix_socket || hop.transport == TRANSPORT_LMTP);

	explicit_bzero(&hop, sizeof(hop)); /* a password may be in it */
	return home;
}

/*
 * The address that was forwarded stands for a sender that cannot be written:
 * then those hear of trouble who have set up the forwarding.
 */
static int
by_forwarder(const struct config *config, const struct recipient *to,
    char sender[ADDRESS_TEXT])
{
	int n = snprintf(sender, ADDRESS_TEXT, "%s%s%s", to->given,
	    strchr(to->given, '@') == NULL ? "@" : "",
	    strchr(to->given, '@') == NULL ? config->srs_domain : "");

	return n > 0 && n < ADDRESS_TEXT ? 0 : -1;
}

int
forwarding_sender(const struct runner *r, const struct batch *b,
    char sender[ADDRESS_TEXT], char why[CONFIG_ERROR])
{
	const struct mail *mail = &b->message->file.mail;
	const struct recipient *to = &mail->recipients[b->results[0].recipient];
	char from[ADDRESS_TEXT], by[ADDRESS_TEXT];

	sender[0] = '\0';
	if (!b->local && archive_is_copy(r->config, to)) {
		strlcpy(sender, ORDER_NULL_SENDER, ADDRESS_TEXT);
		return 0;
	}
	if (b->local || !forwarding_is(r->config, mail, to) ||
	    is_at_home(r, b)) {
		return 0;
	}
	if (have_keys(r->config, why) == -1) {
		log_error("%s: %s", mail->id, why);
		return -1;
	}
	int result = srs_forward(mail->sender, r->config->srs_domain, &keys,
	    time(NULL), sender, ADDRESS_TEXT);
	if (result == -1) {
		result = by_forwarder(r->config, to, sender);
	}
	if (result == -1) {
		snprintf(why, CONFIG_ERROR,
		    "cannot rewrite the sender of forwarded mail");
		return -1;
	}
	stats_add(STATS_SRS_OUT, 1);
	log_info("%s: srs forward <%s> -> <%s>", mail->id,
	    log_path(mail->sender, from, sizeof(from)),
	    log_path(sender, by, sizeof(by)));
	return 0;
}
