/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ADMIN_REPORTS_PRIVATE_H
#define RESTANTE_SMTPD_ADMIN_REPORTS_PRIVATE_H

#include "smtpd/admin/reports.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A summary of reports.  Their contents are hostile: anybody may send one. */

enum {
	REPORT_PACKED = 10 * 1024 * 1024,   /* octets of one as it comes */
	REPORT_UNPACKED = 50 * 1024 * 1024, /* and of its XML */
	/* What the mails of a mailbox may unpack to together before each gets
	   what honest ones need: a hundred times what it brings. */
	REPORT_PLENTY = 512 * 1024 * 1024,
	REPORT_TIMES = 100,
	REPORT_NAME = 128,
	REPORT_WORD = 24,
	REPORT_ROWS = 2000,
	REPORT_TLS = 200,
	REPORT_SLOTS = 4096, /* a power of two, above REPORT_ROWS */
	REPORT_DOMAINS = 64,
	REPORT_ORGS = 16, /* that are named, of each domain */
	REPORT_SEEN = 8192,
	REPORT_PROBLEMS = 16,
	REPORT_WHY = 160,
};

/* Messages of one kind, from one source; texts are printable ASCII. */
struct report_row {
	uint64_t count;
	struct report_key {
		uint32_t domain; /* which one, of the sum */
		char source[INET6_ADDRSTRLEN];
		char from[REPORT_NAME];
		char done[REPORT_WORD];   /* none, quarantine, reject */
		char reason[REPORT_WORD]; /* why not what the policy says */
		uint8_t dkim, spf;        /* 1: passes, and is aligned */
		char signer[REPORT_NAME]; /* whose signature passes, or "" */
		char sender[REPORT_NAME]; /* whose SPF was asked */
		uint8_t sender_passes;
	} key;
};

/* The failed connections to a domain's servers (RFC 8460). */
struct report_tls {
	uint64_t count;
	struct report_tls_key {
		uint32_t domain;
		char policy[REPORT_WORD];     /* tlsa, sts, no-policy-found */
		char result[2 * REPORT_WORD]; /* certificate-expired ... */
		char host[REPORT_NAME];       /* of MX */
	} key;
};

/* A domain that reports are about. */
struct report_domain {
	char name[REPORT_NAME];
	char policy[REPORT_WORD]; /* of the latest report */
	int64_t begin, end;       /* of all reports, seconds since 1970 */
	uint64_t reports, passed, failed;
	uint64_t tls_reports, tls_good, tls_failed; /* connections */
	uint32_t norgs;                             /* those who report */
	char orgs[REPORT_ORGS][REPORT_NAME];
};

struct report_sum {
	uint64_t reports, twice, unvouched; /* read; the same again; of mail
	                                       that nobody vouches for */
	uint64_t left_out;                  /* messages of rows without room */
	uint64_t unsaid;                    /* problems without room */
	uint32_t ndomains, nrows, ntls, nseen, nproblems;
	struct report_domain domains[REPORT_DOMAINS];
	struct report_row rows[REPORT_ROWS];
	struct report_tls tls[REPORT_TLS];
	char problems[REPORT_PROBLEMS][REPORT_WHY];
	/* For the reader only; nobody else looks at these. */
	uint16_t slots[REPORT_SLOTS]; /* number of a row and 1, by hash */
	uint64_t seen[REPORT_SEEN];   /* hashes of reports */
	uint64_t seed[2];
};

/* ---- reports_sum.c: pure ---- */

/* False if it is not what a reader would write: its process was taken over. */
bool report_sum_valid(const struct report_sum *);

void report_problem(struct report_sum *, const char *what, const char *why);

/* Copies a text that others wrote: what is not printable ASCII becomes "?". */
void report_copy(char *out, size_t size, const char *text);

/* Does the same, in lower case. */
void report_copy_word(char *out, size_t size, const char *text);

/* Digits alone; what is above the largest becomes that. */
uint64_t report_number(const char *text);

/* The facts that a report states about itself. */
struct report_head {
	char org[REPORT_NAME], id[REPORT_NAME];
	struct report_domain domain;
};

/* The number of its domain; -1: it has been counted before, or there is no
   room. */
int report_sum_begin(struct report_sum *, const struct report_head *);
void report_sum_add(struct report_sum *, const struct report_row *);

/* False: it has been counted before. */
bool report_tls_begin(struct report_sum *, const struct report_head *);
/* The number of a domain of that report on TLS, which may have several; -1:
   there is no room.  counted: those that it was counted for so far. */
int report_tls_domain(struct report_sum *, const struct report_head *,
    bool counted[REPORT_DOMAINS]);
/* Connections are counted separately. */
void report_tls_add(struct report_sum *, const struct report_tls *);
void report_tls_count(
    struct report_sum *, uint32_t domain, uint64_t good, uint64_t failed);

/* ---- reports_xml.c: pure ---- */

/* Adds a report; NULL, or why it is none.  Then nothing of it is added. */
const char *report_read(const char *xml, size_t len, struct report_sum *);

/* ---- reports_tls.c: the same for a report on TLS, in JSON ---- */

const char *report_tls_read(const char *json, size_t len, struct report_sum *);

/* ---- reports_unpack.c: pure ---- */

/* How many octets may still be read, once unpacked, and why no more. */
struct report_bound {
	size_t left; /* at most REPORT_UNPACKED */
	const char *why;
};

/*
 * Adds the reports in an attachment or file.  room: REPORT_UNPACKED octets.
 * what: a name for it in problems, or ""; NULL: it may well be something else,
 * and that is none.  False: it is nothing of the kind, by how it begins.
 */
bool report_unpack(const char *data, size_t len, char *room,
    struct report_bound *, struct report_sum *, const char *what);

/* ---- reports_mail.c ---- */

/*
 * Reads a file of any of these kinds from fd.  data: REPORT_PACKED + 1 octets.
 * Only reads: for a process in a sandbox.  0, or -1 with errno.
 */
int report_file(
    const struct config *, int fd, char *data, char *room, struct report_sum *);

/* ---- reports_print.c ---- */

void report_print(const struct config *, const struct report_sum *);
void report_print_json(const struct report_sum *);

/* ---- reports_print_tls.c ---- */

/* Nothing if there is no report on TLS about the domain of that number. */
void report_print_tls(const struct report_sum *, uint32_t number);
void report_print_tls_json(const struct report_sum *);

#endif
