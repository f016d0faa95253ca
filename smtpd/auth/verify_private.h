/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_AUTH_VERIFY_PRIVATE_H
#define RESTANTE_SMTPD_AUTH_VERIFY_PRIVATE_H

#include "common/auth/arc.h"
#include "common/auth/dkim.h"
#include "common/auth/dmarc.h"
#include "common/auth/results.h"
#include "common/auth/spf.h"
#include "common/dns/dns_ask.h"
#include "common/dns/dns_lookup.h"
#include "smtpd/auth/author.h"
#include "smtpd/auth/verify.h"

/* The result of SPF for one of the two names. */
struct verify_spf {
	enum spf_result result;
	char domain[ASK_NAME];
	char reason[SPF_REASON];
};

/* One message that is verified. */
struct verification {
	const struct config *config;
	const struct peer *peer;
	struct verify_question question;
	int64_t started, deadline;
	struct dns *dns; /* NULL: nobody can be asked */

	int fd;
	int notes;    /* for reports, or -1 */
	size_t size;  /* of the file */
	char *header; /* its first octets, up to the body */
	size_t header_len;
	bool too_long; /* the section is, so that it has not been read */

	struct author author;
	struct verify_spf sender, helo; /* helo: SPF_NONE if not asked for */
	const char *reverse; /* the result of iprev; NULL: has no name */
	char host[ASK_NAME]; /* the name that leads back to the client */
	struct dkim *dkim;   /* NULL: no memory */
	struct arc *arc;     /* the same */

	/* These are for the author's domain whose policy decides. */
	enum dmarc_result result;
	enum dmarc_policy published, apply;
	char policy_domain[ASK_NAME], from[ASK_NAME];
	const char
	    *spared;  /* why apply is not what the domain wants, or NULL */
	bool vouched; /* by a chain whose sealers are trusted */
	bool no_author;
	bool no_mail; /* the sender's domain sends none */
	enum verify_outcome outcome;
	bool marked;
	unsigned forged;

	struct results results, received; /* received: Received-SPF, or empty */
	struct spf spf;
	struct dmarc dmarc;
	struct dns_asked records[DNS_LOOKUPS];
	struct dns_lookup lookups[DNS_LOOKUPS];
};

/* Asks for several things at once; the answers are v->records. */
void verify_ask(struct verification *, const struct ask *, size_t n);

/* The status of an answer, as DKIM and ARC have it. */
enum dkim_lookup verify_lookup(enum ask_status);

/* Looks the client's name up. */
void verify_reverse(struct verification *);

/* Runs SPF and DKIM; then DMARC, which decides. */
void verify_spf(struct verification *);
void verify_keys(struct verification *);
void verify_policy(struct verification *);

/* ---- verify_arc.c: the chain that it has come with ---- */

/* Validates it. */
void verify_chain(struct verification *);
/* True if it shows, by sealers that are trusted, that the author of v->dmarc
   vouched. */
bool verify_chain_vouches(const struct verification *);
/* True if it would, were the keys of these there, which nobody can say now. */
bool verify_chain_may_vouch(const struct verification *);
/* Adds its result. */
void verify_chain_write(struct verification *);

/* ---- verify_note.c: what a report will say of it ---- */

void verify_note(struct verification *);

/* Writes the results into v->results, and a line into the log. */
void verify_write(struct verification *);

#endif
