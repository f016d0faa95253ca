/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_JOB_REQUESTS_H
#define RESTANTE_SMTPD_JOB_REQUESTS_H

#include "common/config/config.h"
#include "common/job/peer.h"
#include "common/names/names.h"
#include "common/text/address.h"
#include "spool/mail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The requests of smtpd's sessions to workers, besides logins and deliveries:
 * the payloads and answers of common/job/job.h's requests.
 */

/*
 * REQUEST_RCPT: what a session cannot find out itself about a recipient here.
 * One worker answers it, in this order: is there such a user, does the message
 * fit into the mailbox, has the client to wait.  A session asks only for what
 * has to be asked for: most recipients cost no request.
 */

/* The question. */
enum rcpt_ask {
	RCPT_LOOKUP = 1,   /* whole, then user: is there such an account? */
	RCPT_QUOTA = 2,    /* has that user's mailbox room for the message? */
	RCPT_GREYLIST = 4, /* may the client send that mail now? */
	RCPT_OR_ALIAS = 8, /* if there is no such account it is an alias */
	RCPT_REPORT = 16,  /* if not that, rcpt may be the sender of mail that
	                      was forwarded, and this a report on it */
	RCPT_ASKS = 31,    /* all of them */
};

struct rcpt_question {
	uint64_t size;             /* of the message, by SIZE; 0: unknown */
	uint32_t ask;              /* bits of enum rcpt_ask */
	char whole[USER_NAME + 1]; /* with an extension; "": there is none */
	char user[USER_NAME + 1];  /* without; "": this is an alias */
	char sender[ADDRESS_TEXT]; /* for RCPT_GREYLIST; "": the null path */
	char rcpt[ADDRESS_TEXT];   /* the same, and for RCPT_REPORT */
};

enum rcpt_result {
	RCPT_OK,
	RCPT_NO,        /* no such user */
	RCPT_NO_REPORT, /* the address takes nothing but reports */
	RCPT_TOO_BIG,   /* the message alone is larger than the quota */
	RCPT_FULL,      /* the mailbox has no room for it now */
	RCPT_GREY,      /* greylisted: not yet */
	RCPT_NEXT_HOP,  /* the next hop refuses it: session->policy.said */
	RCPT_SILENT,    /* the next hop cannot be asked */
	RCPT_TEMPORARY, /* nobody can say; the log tells why */
};

struct rcpt_answer {
	uint32_t result;          /* enum rcpt_result */
	uint32_t found;           /* of RCPT_LOOKUP: */
	uint32_t greylist_failed; /* which is logged; mail is let through */
};

enum rcpt_found {
	RCPT_FOUND_USER,
	RCPT_FOUND_WHOLE,
	RCPT_FOUND_ALIAS,
	RCPT_FOUND_SENDER, /* by RCPT_REPORT */
};

/* ---- REQUEST_DELIVER: the envelope as text ---- */

/* The most recipients of a message; user: of one of ours.  Pure. */
unsigned recipients_most(const struct config *, enum role, bool user);

/* ---- REQUEST_DNSBL: lists in the DNS are asked about the client ---- */

enum { DNSBL_TEXT = 116 };

/* Comes with STATUS_OK: a list has the client. */
struct dnsbl_answer {
	uint32_t list;         /* of the configuration */
	char text[DNSBL_TEXT]; /* what the list says, printable, or "" */
};

/* ---- REQUEST_VERIFY: who vouches for a stranger's message ---- */

struct verify_question {
	uint64_t head; /* octets of our own fields on top of the body file */
	char id[32];   /* of the message, for the log */
	char helo[ADDRESS_DOMAIN + 1];
	char sender[ADDRESS_TEXT]; /* "": the null path */
	uint32_t spared;           /* enum verify_spared: it is never refused */
	uint32_t exempt; /* 1: of policy-exempt: nothing but its signatures */
};

enum verify_spared {
	VERIFY_SPARED_NOT,
	VERIFY_SPARED_POSTMASTER, /* for postmaster or abuse alone */
	VERIFY_SPARED_ACCESS,     /* by a rule; not marked either */
};

enum verify_outcome {
	VERIFY_ACCEPT,
	VERIFY_AUTHOR, /* From is missing, double, or names nobody */
	VERIFY_POLICY, /* DMARC of domain refuses it */
	VERIFY_SENDER, /* domain sends no mail, says its SPF record */
	VERIFY_HEADER, /* its header section is too long to be looked at */
};

/* Comes with STATUS_OK. */
struct verify_answer {
	uint32_t outcome; /* enum verify_outcome */
	uint32_t marked;  /* 1: it says X-Spam-Flag now */
	uint32_t spare;
	uint64_t head; /* octets of our own fields on top now */
	char domain[ADDRESS_DOMAIN + 1]; /* whose policy it is, or "" */
};

/* ---- REQUEST_FILTER: what one filter makes of a message ---- */

enum {
	FILTER_LINE = 512,
	FILTER_RCPTS = 1024, /* recipients that a filter can delete */
	FILTER_ADDED = 800,  /* octets of those that it adds */
	/* ms for all filters together: clients wait for ten minutes. */
	FILTER_PATIENCE = 9 * 60 * 1000,
};

/* Comes before the text of mail_head(). */
struct filter_question {
	uint64_t head;     /* as above; filters do not see these fields */
	uint32_t filter;   /* of the configuration */
	uint32_t patience; /* ms for all of it */
	char helo[ADDRESS_DOMAIN + 1];
	char tls[64];    /* version and cipher, or "" */
	char method[24]; /* of the login, or "" */
};

enum filter_outcome {
	FILTER_ACCEPT,
	FILTER_REFUSE, /* with line */
	FILTER_DISCARD,
	FILTER_FAILED, /* the message is as it was */
	FILTER_HEADER, /* its header section is too long to be looked at */
};

/* Comes with STATUS_OK.  The body file is as the filter wants it. */
struct filter_answer {
	uint32_t outcome;    /* enum filter_outcome */
	uint32_t marked;     /* 1: as spam */
	uint32_t new_sender; /* 1: there is one */
	uint32_t added_len;
	char line[FILTER_LINE];            /* 550 5.7.1 text */
	char reason[MAIL_REASON + 1];      /* it is to be held; "": it is not */
	char sender[ADDRESS_TEXT];         /* "": the null path */
	uint8_t deleted[FILTER_RCPTS / 8]; /* bits, by number */
	char added[FILTER_ADDED];          /* strings with NUL */
};

/* ---- REQUEST_NEXT_HOP: would the next hop take mail for this recipient? ----
 */

struct next_hop_question {
	uint32_t user;           /* 1: of ours, whose mail "deliver-by" has */
	char text[ADDRESS_TEXT]; /* the address; or the user's name */
};

enum next_hop_result {
	NEXT_HOP_TAKES,
	NEXT_HOP_REFUSES, /* for good, with line */
	NEXT_HOP_LATER,   /* for now, with line */
	NEXT_HOP_SILENT,  /* it cannot be asked, and nothing is known */
};

enum { NEXT_HOP_LINE = 192 };

/* Comes with STATUS_OK. */
struct next_hop_answer {
	uint32_t result;          /* enum next_hop_result */
	uint32_t unknown;         /* 1: it has no such recipient */
	char line[NEXT_HOP_LINE]; /* "550 5.1.1 text", printable, or "" */
};

/* ---- REQUEST_FLUSH: the argument of ETRN (RFC 1985), NUL ended ---- */

/* True if a payload is a domain that ends with NUL; "@": subdomains, too. */
bool etrn_valid(const void *payload, size_t size);

/* True if a client may ask for the mail of such a domain.  Pure. */
bool etrn_allowed(const struct config *, const char *domain);

#endif
