/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_AUTH_STS_H
#define RESTANTE_COMMON_AUTH_STS_H

#include "common/config/config.h"
#include "common/text/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * MTA Strict Transport Security (RFC 8461): which hosts may get the mail of a
 * domain, over TLS that proves who they are.  The DNS says that there is a
 * policy, and of which version; a web server of the domain has it.  Pure.
 */

enum {
	STS_ID = 32,          /* letters and digits of a version */
	STS_TEXT = 16 * 1024, /* octets of a policy that we read */
	STS_HOSTS = 64,       /* of a policy */
	STS_AGE = 31557600,   /* s that a policy is good for at most */
};

/* True if a TXT record of _mta-sts.DOMAIN is one of MTA-STS (section 3.1). */
bool sts_record_is(struct span text);
/* Its version, with NUL.  false: malformed. */
bool sts_record_read(struct span text, char id[STS_ID + 1]);

struct sts_policy {
	enum sts_mode mode;
	uint32_t max_age; /* s */
	size_t count;
	struct span hosts[STS_HOSTS]; /* patterns, in the text */
};

/* Reads a policy (section 3.2), which must stay as it is.  false: malformed, or
   without what it needs. */
bool sts_policy_read(struct span text, struct sts_policy *);

/* True if a mail exchanger, without a last dot, may get mail (section 4.1). */
bool sts_policy_has(const struct sts_policy *, const char *host);

/* ---- the memory of a policy, STATE/sts/DOMAIN ---- */

/* The known policy of a domain; times are seconds since 1970. */
struct sts_known {
	char id[STS_ID + 1]; /* "": there is no policy */
	uint64_t fetched;    /* when it came */
	uint64_t retry;      /* before that nobody asks the web server */
	struct span policy;  /* its text, in what was read */
};

/* Octets of the longest file. */
enum { STS_FILE = STS_TEXT + 256 };

/* Writes it; how many octets, or 0: it does not fit. */
size_t sts_known_write(const struct sts_known *, char *out, size_t size);
/* Reads it; false: malformed, or a policy that is none. */
bool sts_known_read(struct span text, struct sts_known *);

/* True if the policy still counts at that time. */
bool sts_known_counts(const struct sts_known *, uint64_t now);

#endif
