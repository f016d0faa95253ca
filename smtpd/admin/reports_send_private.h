/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ADMIN_REPORTS_SEND_PRIVATE_H
#define RESTANTE_SMTPD_ADMIN_REPORTS_SEND_PRIVATE_H

#include "common/auth/dmarc.h"
#include "common/config/config.h"
#include "common/dns/dns.h"
#include "common/text/bytes.h"
#include "common/text/output.h"
#include "smtpd/auth/report_note.h"

#include <stdint.h>

enum {
	OUTBOX_MAILS = 200,            /* of a day */
	OUTBOX_ROOM = 8 * 1024 * 1024, /* octets of all of them */
	OUTBOX_ADDRESS = 256,
	OUTBOX_DAY = 24 * 60 * 60,
};

/* The result of the process that looks names up and makes mails from notes. */
struct outbox {
	uint32_t count, used, left_out;
	uint32_t silent;             /* domains whose name servers were */
	char first_silent[ASK_NAME]; /* one of them */
	struct {
		char to[OUTBOX_ADDRESS]; /* an address, or an https: URI */
		uint32_t at, len;        /* of text */
	} mails[OUTBOX_MAILS];
	char text[OUTBOX_ROOM];
};

/* ---- reports_make.c: pure but for memory ---- */

/* The facts that a report states about itself. */
struct report_frame {
	const char *host, *from; /* who sends it */
	int64_t begin;           /* of the day */
	uint32_t random;         /* for its id */
	const char *domain;      /* whose policy it is about */
	const struct dmarc_record *policy;
};

/* A kind of reports that we send. */
struct report_kind {
	const char *files;  /* how the names of their notes begin: "dmarc." */
	const char *name;   /* for people */
	const char *sender; /* the local part that they come from */
	bool tls;           /* the DNS has their receivers as TLSRPT has them */
	/* The domain that a note is about; false: it is none. */
	bool (*read)(const char *line, size_t len, char domain[ASK_NAME]);
	/*
	 * Adds a mail with a report to out, or for the web the report alone.
	 * lines: notes of one domain, sorted, all of which are valid.
	 */
	void (*make)(const struct report_frame *, const struct span *lines,
	    size_t count, const char *to, struct output *out);
};

extern const struct report_kind report_dmarc;
/* ---- reports_make_tls.c ---- */
extern const struct report_kind report_tls;

/* ---- reports_make.c: what both are made of ---- */

/* Adds up to 2 KiB of text. */
void report_add(struct output *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* As a file of gzip, and as lines of base64. */
void report_add_gzip(const struct output *plain, struct output *);
void report_add_base64(const struct output *data, struct output *);
/* How many lines from the first on are the same. */
size_t report_same(const struct span *lines, size_t count);

/* ---- reports_post.c ---- */

/* True if it goes to the web. */
bool report_is_web(const char *to);

/* Sends a report to an https: URI, by a process that is confined; false: it was
   not taken, which is logged. */
bool report_post(const struct config *, struct dns *, const char *to,
    const char *data, size_t len);

#endif
