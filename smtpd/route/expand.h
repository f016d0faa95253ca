/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ROUTE_EXPAND_H
#define RESTANTE_SMTPD_ROUTE_EXPAND_H

#include "common/auth/srs.h"
#include "common/names/aliases.h"
#include "spool/mail.h"

/*
 * Expands the address that a client named to the recipients: follows aliases
 * and :include: lists, bounded in loops and depth.  Runs in a worker as root,
 * which reads :include: files and trusts them as far as their owner and mode
 * allow.
 */

enum { EXPAND_DEPTH = 20, EXPAND_TARGETS = 100000 };

struct expand {
	const struct config *config;
	const struct names *names;
	const struct aliases *aliases;
	/* Files that aliases include, as they were read before; NULL: they are
	   read when they are met.  See target.h. */
	const struct lists *lists;
	/* What signed the senders of forwarded mail, for reports that come
	   back to them; NULL: STATE/srs.key is read. */
	const struct srs_keys *srs;
	/* Called with each step in words, for -bt; may be NULL. */
	void (*trace)(void *context, unsigned depth, const char *text);
	void *context;
};

enum expanded {
	EXPANDED_OK,
	EXPANDED_NONE,      /* no such user here */
	EXPANDED_TEMPORARY, /* could not read something; logged */
	/* A loop, too deep, or lists with nobody in them: logged; temporary,
	   too. */
	EXPANDED_BROKEN,
	EXPANDED_HELD, /* spam for other hosts alone, and there is no mailbox */
};

/*
 * Adds to mail what the recipient expands to, each target once: TARGET_USER
 * for users here, TARGET_ADDRESS for others, files and commands with their
 * owner (key "alias-owner"; not started as root: "", everything is ours).  A
 * "\user" has that user as owner: it goes straight into the mailbox.  A target
 * at our domains that is no user stays an address, for the queue to return.  On
 * any failure nothing is added.  An address of another domain is added as it
 * is; but a message that is marked as spam goes to none that a list names: if
 * that leaves nobody, the mailbox of its name keeps it. The targets inherit
 * given, orcpt and notify (RFC 3461 section 5.2.7).
 */
enum expanded expand_recipient(const struct expand *, const struct recipient *,
    struct mail *) __attribute__((warn_unused_result));

/*
 * Finds where a report to the sender of mail that we have forwarded goes;
 * SRS_UNKNOWN: the secret cannot be read, which is logged.
 */
enum srs_back expand_rewritten(
    const struct expand *, const char *text, char out[ADDRESS_TEXT]);

/*
 * Adds the targets of user's .forward, whose text this is: files and commands
 * belong to owner, that of the mailbox, :include: is not allowed, "\user" or
 * the user's own address is the mailbox and is not forwarded again (owner: the
 * user), and so is a text without targets.  For local/.
 */
enum expanded expand_forward(const struct expand *, const char *user,
    const char *owner, const char *text, size_t len, const struct recipient *,
    struct mail *) __attribute__((warn_unused_result));

/*
 * True if an address of ours is that user's: the user's name, or an alias that
 * leads there and to nobody else.  Reads no file and asks nobody.
 */
bool expand_is_user(
    const struct expand *, const struct address *, const char *user);

#endif
