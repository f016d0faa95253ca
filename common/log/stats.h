/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_LOG_STATS_H
#define RESTANTE_COMMON_LOG_STATS_H

#include "common/config/config.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Counts of what happens, by day, in a small file below "state" that all
 * processes have mapped: the server opens it, those that it starts inherit it,
 * sandboxed ones too.  Counting never waits and never fails; without the file
 * it does nothing.  What is in the file is believed by nobody: a session that
 * has been taken over can write anything there, and that is all that it can.
 */

/* In the order of the file: new ones at the end, before STATS_COUNT. */
enum stats {
	STATS_CONNECTIONS,
	STATS_TLS,
	STATS_RECEIVED, /* messages that were taken, */
	STATS_RECEIVED_OCTETS,
	STATS_DELIVERED, /* and what became of their recipients */
	STATS_RELAYED,
	STATS_DEFERRED,
	STATS_BOUNCED,
	STATS_REJECTED_USER,
	STATS_REJECTED_RELAY,
	STATS_REJECTED_POLICY,
	STATS_REJECTED_SIZE,
	STATS_REJECTED_SYNTAX,
	STATS_REJECTED_OTHER,
	STATS_LOGIN_PLAIN,
	STATS_LOGIN_LOGIN,
	STATS_LOGIN_CRAM,
	STATS_LOGIN_SCRAM,
	STATS_LOGIN_SCRAM1,
	STATS_LOGIN_OTHER,
	STATS_FAILED_PLAIN,
	STATS_FAILED_LOGIN,
	STATS_FAILED_CRAM,
	STATS_FAILED_SCRAM,
	STATS_FAILED_SCRAM1,
	STATS_FAILED_OTHER,
	STATS_POP3_CONNECTIONS,
	STATS_POP3_TLS,
	STATS_POP3_SESSIONS, /* in which a mailbox was opened */
	STATS_POP3_RETRIEVED,
	STATS_POP3_OCTETS,
	STATS_POP3_DELETED,
	STATS_AUTH_CHECKED, /* messages of strangers */
	STATS_SPF_PASS,
	STATS_SPF_FAIL,
	STATS_DKIM_PASS, /* signatures */
	STATS_DKIM_FAIL,
	STATS_DMARC_PASS,
	STATS_DMARC_FAIL,
	STATS_DMARC_REFUSED,
	STATS_DMARC_MARKED,
	STATS_FORGED_RESULTS, /* fields that were removed */
	STATS_SIGNED,         /* messages for a next hop, by DKIM */
	STATS_SIGN_FAILED,    /* that wait for that */
	STATS_SRS_OUT,        /* senders that were rewritten, */
	STATS_SRS_IN,         /* reports that came back to them, */
	STATS_SRS_BAD,        /* and addresses that were no such sender */
	STATS_JUNK,           /* messages that were filed as junk */
	STATS_ARC_SEALED,     /* messages that we forwarded */
	STATS_ARC_TRUSTED,    /* that DMARC did not refuse for their chain */
	STATS_DANE_PROVED,    /* sessions with a host that has TLSA records, */
	STATS_DANE_FAILED,    /* and tries of which nothing came */
	STATS_STS_PROVED,     /* the same by policies of MTA-STS */
	STATS_STS_FAILED,
	STATS_FILTER_REFUSED, /* messages, by filters */
	STATS_FILTER_DISCARDED,
	STATS_FILTER_HELD,
	STATS_FILTER_FAILED,    /* times that one was not to be relied on */
	STATS_NO_POLICY_PROVED, /* sessions over TLS without such a policy, */
	STATS_NO_POLICY_FAILED, /* and tries of which nothing came */
	/* What was wrong, in the order of RFC 8460 section 4.3. */
	STATS_TLS_STARTTLS,
	STATS_TLS_HOST,
	STATS_TLS_EXPIRED,
	STATS_TLS_TRUST,
	STATS_TLS_OTHER,
	STATS_TLS_TLSA,
	STATS_TLS_DNSSEC,
	STATS_TLS_DANE,
	STATS_TLS_FETCH,
	STATS_TLS_POLICY,
	STATS_TLS_WEB,
	/* Refusals that have a reason of their own besides "policy". */
	STATS_REJECTED_LISTED,
	STATS_REJECTED_GREYLIST,
	STATS_REJECTED_DMARC,
	STATS_REJECTED_RATE,   /* too many sessions, errors or messages */
	STATS_REJECTED_ACCESS, /* by the access file */
	STATS_COUNT,
	STATS_NONE = STATS_COUNT, /* not to be counted */
};

struct stats_name {
	const char *name;          /* rejected_relay */
	const char *metric;        /* rejected; several counts may share it */
	const char *label, *value; /* reason, relay; "" if there is none */
	const char *help;          /* of the metric, for people */
};
extern const struct stats_name stats_names[STATS_COUNT];

enum {
	STATS_DAYS = 32,     /* that are kept, today among them */
	STATS_ROOM = 96,     /* counts that the file has room for */
	STATS_TOP_DAYS = 14, /* for which there are senders, */
	STATS_TOP = 24,      /* so many each */
	STATS_TOP_NAME = 96, /* octets of a domain; of a longer one the end */
};

struct stats_day {
	_Atomic uint32_t day;  /* since 1970, of the local date; 0: none yet */
	_Atomic uint32_t disk; /* MiB in use where mail is; 0: not known */
	_Atomic uint64_t counts[STATS_ROOM];
};

/*
 * The domains that strangers' mail names most on a day, in a table that does
 * not grow: where it is full, a new one takes the place of the one with the
 * lowest count and goes on from there, so that a count may be too high, and
 * none that is higher than a row's is lost.
 */
struct stats_top {
	_Atomic uint32_t day;
	_Atomic uint32_t busy; /* the second since 1970 of who writes, or 0 */
	struct stats_sender {
		uint64_t count;
		char domain[STATS_TOP_NAME];
	} senders[STATS_TOP];
};

/* The file. */
struct stats_image {
	char magic[8];
	uint32_t room, days;
	_Atomic uint64_t totals[STATS_ROOM];  /* since it was made */
	struct stats_day table[STATS_DAYS];   /* by day modulo STATS_DAYS */
	struct stats_top top[STATS_TOP_DAYS]; /* the same */
};

/* ---- counting ---- */

/*
 * Maps the file, which it makes where it is missing or nonsense; from now on
 * this process and its children count.  0, or -1 with errno.
 */
int stats_open(const struct config *);

void stats_add(enum stats, uint64_t n);

/* A message of a stranger whose sender is of that domain. */
void stats_sender(const char *domain);

/* Notes how full the disk is on which mail is kept. */
void stats_disk(const struct config *);

/* A login by the mechanism of that name; USER and PASS are "PLAIN". */
void stats_login(const char *mechanism, bool good);

/* ---- reading ---- */

/* Copies the file; 0, or -1 with errno (EINVAL: it is nonsense). */
int stats_read(const struct config *, struct stats_image *)
    __attribute__((warn_unused_result));

/* Copies the file, as does stats_read(); one that is not there has nothing. */
int stats_load(const struct config *, struct stats_image *)
    __attribute__((warn_unused_result));

/* The folder in which mailboxes are, or the queue if each has its own. */
void stats_mail_folder(const struct config *, char folder[PATH_MAX]);

/* The local date, as days since 1970. */
uint32_t stats_today(void);

/* ---- the image: for stats.c and its tests ---- */

void stats_clear(struct stats_image *);
bool stats_valid(const struct stats_image *);
void stats_count(struct stats_image *, uint32_t day, enum stats, uint64_t n);

/* When: seconds since 1970. */
void stats_top_count(
    struct stats_image *, uint32_t day, uint32_t when, const char *domain);

/*
 * Sums up the senders of some days, the last being that one: most first, at
 * most STATS_TOP.  How many there are.  Names have no control character of
 * ASCII, and need not be UTF-8.
 */
size_t stats_top_sum(const struct stats_image *, uint32_t last, uint32_t days,
    struct stats_sender sum[STATS_TOP]);

/* How much was counted on that day. */
uint64_t stats_on(const struct stats_image *, uint32_t day, enum stats);

#endif
