/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_JOB_RESIDENT_H
#define RESTANTE_COMMON_JOB_RESIDENT_H

#include "common/job/channel.h"
#include "common/job/peer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A resident: a worker that stays when its job is done, for the next jobs of
 * the same kind about the same thing.  It has become the owner of that, and is
 * confined to it, so that it could do no others.  Over a SOCK_SEQPACKET pair
 * the server sends it a struct resident_job and what it announces, when it has
 * one; it answers each in its own time by a struct resident_result, and ends
 * when the other end is closed.  With EX_OK it has answered all that it took.
 */

/*
 * The number for what a job is about, by a secret of the server: nobody finds a
 * name with the number of another.  Never 0.
 */
enum { RESIDENT_SECRET = 32 };
uint64_t resident_key(const uint8_t secret[RESIDENT_SECRET], const char *name);

/* Octets of a head, and of a text, that go to a resident; more go to a worker
   of their own, who is given the file. */
enum { RESIDENT_HEAD = 8 * 1024, RESIDENT_TEXT = 16 * 1024 };

struct resident_job {
	uint64_t ticket; /* the server's */
	uint32_t head;   /* octets of the request's payload, which follows, */
	uint32_t text;   /* and of the message's text after that */
	struct peer peer;
};

/* Followed by the data of the request's answer, if it has some. */
struct resident_result {
	uint64_t ticket;
	uint32_t status; /* enum status */
	uint32_t other;  /* 1: another worker has to do that */
};

/* What the worker for a request may do when it stays. */
struct stay_rule {
	size_t jobs;    /* at most; 0: it never stays */
	size_t at_once; /* jobs that wait for it */
	int life;       /* ms: what it knew of names may be old then */
	int idle;       /* ms without a job */
	/* From the first job on, which it answers like the others; else a job
	   that is like one of the last second makes a resident. */
	bool from_first;
	/* Nobody's jobs but strangers': what users send is counted by who has
	   the right to. */
	bool strangers;
};

/* By enum request_kind; the same for both daemons. */
extern const struct stay_rule stay_rules[REQUESTS];

#endif
