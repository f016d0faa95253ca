/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ADMIN_LETTER_PRIVATE_H
#define RESTANTE_SMTPD_ADMIN_LETTER_PRIVATE_H

#include "common/log/stats.h"
#include "smtpd/admin/letter.h"
#include "spool/check/check.h"

#include <stdint.h>
#include <stdio.h>
#include <time.h>

/*
 * A letter is a list of lines, which are text, HTML or rows of a page in the
 * end: so all of them have the same figures.
 */

enum {
	LETTER_LINES = 96,
	LETTER_TASKS = 6, /* that are named one by one */
	LETTER_TEXT = 400,
	LETTER_LABEL = 128,
	LETTER_ROWS = 8, /* of a table of names */
	LETTER_WEEK = 7, /* days */
	LETTER_MONTH = STATS_DAYS - 1,
};

enum letter_kind {
	LETTER_HEAD,  /* a section begins: label */
	LETTER_DAY,   /* label, received, sent */
	LETTER_WHOLE, /* the same for all days, and text about those before */
	LETTER_COUNT, /* label, received, of at most sent; text stands for it */
	LETTER_FACT,  /* label, text */
	LETTER_NOTE,  /* text */
};

struct letter_line {
	enum letter_kind kind;
	bool bad, unknown;
	char label[LETTER_LABEL], text[LETTER_TEXT];
	uint64_t received, sent;
};

/* What has to be done, and what to type for it, or "". */
struct letter_task {
	char text[LETTER_TEXT], command[LETTER_TEXT];
};

struct letter {
	const struct config *config;
	bool names;    /* people and domains may be named */
	bool asked;    /* the set-up was tested, and the DNS asked */
	bool unsure;   /* but not all could be found out */
	uint32_t last; /* the days that it is about */
	uint32_t days;
	uint32_t today;
	time_t now;
	struct stats_image stats;
	struct letter_line lines[LETTER_LINES];
	size_t count;
	struct letter_task tasks[LETTER_TASKS];
	size_t ntasks; /* all of them, also those without a place */
	size_t urgent; /* of those, what comes first */
};

/* ---- letter_lines.c ---- */

/* Adds a line with a label and a text, which is made fit to be shown.  NULL:
   there is no room. */
struct letter_line *letter_add(
    struct letter *, enum letter_kind, const char *label, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Adds a task, an urgent one before all others; what comes after "; type: " is
   the command. */
void letter_task(struct letter *, bool urgent, const char *text);

/* "12,345".  Returns text. */
enum { LETTER_NUMBER = 28 };
const char *letter_number(uint64_t, char text[LETTER_NUMBER]);

/* "412 MB".  Returns text. */
enum { LETTER_SIZE = 24 };
const char *letter_size(uint64_t octets, char text[LETTER_SIZE]);

/* A day in words.  Returns text. */
enum { LETTER_DATE = 64 };
enum letter_form {
	LETTER_SHORT,    /* Mon 23, Tue  1 */
	LETTER_SMALL,    /* 23 Nov */
	LETTER_WEEKDAY,  /* Monday 23 */
	LETTER_YEARLESS, /* Monday 23 November */
	LETTER_FULL,     /* Monday 23 November 2026 */
};
const char *letter_date(uint32_t day, enum letter_form, char text[LETTER_DATE]);

/* "Monday 23 to Sunday 29 November 2026" */
void letter_period(const struct letter *, char text[2 * LETTER_DATE + 16]);

/* What was counted in the days of the letter, or in those before it. */
uint64_t letter_sum(const struct letter *, enum stats);
uint64_t letter_sum_before(const struct letter *, enum stats);

/* "all well", "two things to do". */
void letter_verdict(const struct letter *, char text[LETTER_LABEL]);

/* "Two things to do.  Everything else is well." */
void letter_opening(const struct letter *, char text[LETTER_TEXT]);

/*
 * The number that a whole bar stands for, when those of what was received are
 * up to wide, those of what was sent up to narrow: on one scale, so that the
 * two can be compared.
 */
double letter_whole(
    const struct letter *, unsigned wide, unsigned narrow, bool sent);

/* ---- letter_facts.c, letter_health.c, letter_ask.c ---- */

/* Fills the letter in.  ask: name servers are asked, and the set-up is
   tested. */
void letter_fill(struct letter *, bool ask);

/* All refusals of the days are these. */
uint64_t letter_refusals(const struct letter *, uint32_t day);

void letter_health(struct letter *);

/*
 * The days after which a disk is full that had so much in use some days ago and
 * has now, if all goes on in this way; 0: never.
 */
uint64_t letter_days_left(
    uint64_t was, uint64_t used, uint64_t room, uint32_t ago);

/* A mailbox, or one of those that are too many to be named. */
void letter_mailboxes(struct letter *);

/* The queue, as its owner sees it; the DNS, asked without rights. */
void letter_ask_queue(struct letter *);
void letter_ask_dns(struct letter *);

/* For struct check: what is wrong is a task; what cannot be found out is not.
 */
void letter_tell(void *letter, enum finding, const char *text);

/* ---- letter_text.c, letter_html.c, letter_page.c ---- */

void letter_print_text(const struct letter *, FILE *);
void letter_print_html(const struct letter *, FILE *);
void letter_print_page(const struct letter *, FILE *);

/* Prints a text that may hold anything as HTML. */
void letter_escape(const char *text, FILE *);

/* ---- letter_send.c ---- */

/* Sends it; an exit status. */
int letter_send(const struct letter *, const struct service *, const char *to);

#endif
