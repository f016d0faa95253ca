/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_VACATION_H
#define RESTANTE_SPOOL_VACATION_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/*
 * What a user has answered while away, and who has been answered: the files
 * vacation and vacation.seen in the user's directory (restante-spool(5)).  For
 * processes that have become the owner.
 */

enum {
	VACATION_DAY = 10, /* characters of 2031-12-31 */
	VACATION_SUBJECT = 200,
	VACATION_TEXT = 32 * 1024,
	VACATION_SENDERS = 4096,           /* that are remembered */
	VACATION_A_DAY = 100,              /* answers */
	VACATION_AGAIN = 7 * 24 * 60 * 60, /* s until a sender is answered again
	                                    */
};

struct vacation {
	char from[VACATION_DAY + 1], until[VACATION_DAY + 1]; /* or "" */
	char subject[VACATION_SUBJECT + 1];                   /* or "" */
	char text[VACATION_TEXT + 1];
	size_t len;
};

/* True if the text is a day such as 2031-12-31.  Pure. */
bool vacation_is_day(const char *text);

/*
 * Reads the text of the file.  false: it is none, or has a control character
 * in its subject, or a NUL.  Pure.
 */
bool vacation_parse(const char *text, size_t len, struct vacation *);

/* True if answers are sent on that day, as "2031-12-31".  Pure. */
bool vacation_is_on(const struct vacation *, const char *day);

/* True if there is such a file: then mail takes the way by the queue. */
bool vacation_exists(const char *directory);

/* 0, or -1 with errno; EINVAL: it is damaged. */
int vacation_read(const char *directory, struct vacation *)
    __attribute__((warn_unused_result));

/* Commit point: 0, it is durable, and nobody counts as answered; or -1. */
int vacation_write(const char *directory, const struct vacation *)
    __attribute__((warn_unused_result));

/* Removes both files.  0, also if there are none; or -1 with errno. */
int vacation_remove(const char *directory) __attribute__((warn_unused_result));

enum vacation_turn { VACATION_ANSWER, VACATION_ENOUGH, VACATION_TROUBLE };

/*
 * Notes that a sender is answered now, unless that was so lately, or the day
 * has had its answers.  The oldest of too many senders is forgotten.  TROUBLE:
 * errno; who cannot be noted is not answered.
 */
enum vacation_turn vacation_take(
    const char *directory, const char *sender, time_t now);

#endif
