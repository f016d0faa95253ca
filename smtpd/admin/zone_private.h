/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ADMIN_ZONE_PRIVATE_H
#define RESTANTE_SMTPD_ADMIN_ZONE_PRIVATE_H

#include "common/auth/dmarc.h"
#include "common/auth/spf.h"
#include "common/auth/sts.h"
#include "common/dns/dns_ask.h"
#include "common/dns/dns_lookup.h"
#include "common/tls/tls_keys.h"
#include "smtpd/admin/dkim.h"
#include "smtpd/admin/zone.h"

#include <netinet/in.h>
#include <stddef.h>

/* The records that --dns has for a domain, and those in the DNS. */

enum {
	ZONE_ADDRESSES = 8, /* of this machine */
	ZONE_RECORDS = 2 * DKIM_KEYS + 64,
	ZONE_NAME = 2 * DKIM_KEY_NAME + 16,
	ZONE_NOTE = 400,
};

enum zone_type {
	ZONE_A,
	ZONE_AAAA,
	ZONE_PTR,
	ZONE_MX,
	ZONE_TXT,
	ZONE_SRV,
	ZONE_CNAME,
	ZONE_CAA,
	ZONE_TLSA,
	ZONE_POLICY, /* no record: a file of a web server */
	ZONE_TYPES,
};

extern const char *const zone_types[ZONE_TYPES];

/* A record; the value is as in a zone file, but without quotes. */
struct zone_record {
	enum zone_type type;
	enum zone_need {
		ZONE_NEEDED,
		ZONE_USEFUL,  /* nothing is wrong without it */
		ZONE_DEPENDS, /* to be added only by who knows that it fits */
	} need;
	char name[ZONE_NAME];
	char value[DKIM_RECORD];
	const char *note;                /* for people, or NULL */
	const struct tls_public *public; /* of a TLSA record */
};

struct zone {
	const struct config *config;
	char domain[DKIM_KEY_NAME], host[DKIM_KEY_NAME];
	size_t naddresses;
	char addresses[ZONE_ADDRESSES][INET6_ADDRSTRLEN]; /* of the host */
	bool addresses_full;    /* there are more, which are left out */
	bool addresses_unknown; /* we have none, and the DNS cannot be asked */
	size_t nkeys;           /* of DKIM */
	bool no_tlsa;           /* the keys of TLS cannot be read */
	struct tls_public certificates[CONFIG_LIST];
	/* The policy of MTA-STS, the id of its record, and where it is. */
	char policy[2 * DKIM_KEY_NAME], policy_id[STS_ID + 1];
	char policy_url[DKIM_KEY_NAME + 64];
	struct zone_record records[ZONE_RECORDS];
	size_t count;
	/* Once it was compared: answers for names of the domain, and how many
	   of these a name server that we trust has verified (DNSSEC). */
	size_t answers, secure;
};

/* ---- zone_make.c ---- */

/* A large one, freed by free(3), with all records of the domain; NULL, logged:
   that is no domain, or there is no memory; *status is the exit status. */
struct zone *zone_make(const struct config *, const char *domain, int *status);

/* Does the same with those alone that clients look for; reads no file. */
struct zone *zone_make_services(
    const struct config *, const char *domain, int *status);

/* Adds what belongs to an address of the host: its record, the name for it. */
void zone_add_address(struct zone *, const char *address);
void zone_add_pointer(struct zone *, const char *address);

/* A name without the domain: "@" for the domain itself; with a last dot if it
   is not below the domain. */
void zone_relative(const struct zone *, const char *name, char out[ZONE_NAME]);

/* ---- zone_address.c ---- */

/* Writes an address as text if the world can reach it; false: it cannot. */
bool zone_public_address(const struct sockaddr *, char text[INET6_ADDRSTRLEN]);

/* Fills in the public addresses of this machine. */
void zone_find_addresses(struct zone *);

/* ---- zone_print.c ---- */

void zone_print_file(const struct zone *);
void zone_print_records(const struct zone *); /* without what is missing */
void zone_print_web(const struct zone *);
void zone_print_json(const struct zone *);

/* ---- zone_compare.c: pure ---- */

enum zone_word {
	ZONE_OK,
	ZONE_MISSING,
	ZONE_DIFFERS,
	ZONE_EXTRA,   /* several, so that none counts */
	ZONE_ABSENT,  /* missing, and not needed */
	ZONE_UNKNOWN, /* the DNS cannot be asked now */
};

/* The findings about a record. */
struct zone_finding {
	enum zone_word word;
	size_t len;
	char found[DNS_TEXTS * 256]; /* what the DNS has, clean, in lines */
	char note[ZONE_NOTE];        /* why that is, and what to do, or "" */
};

/* Adds what the DNS has, whatever octets that are. */
void zone_found(struct zone_finding *, const char *octets, size_t len);

/* Compares TXT records of its name with a record, ZONE_TXT. */
void zone_compare_texts(const struct zone_record *, const struct dns_texts *,
    struct zone_finding *);

/* True if these are the same names, whatever case and last dot. */
bool zone_same_name(const char *, const char *);

/* ---- zone_ask.c ---- */

/* A zone that is compared with the DNS. */
struct zone_check {
	struct zone *zone;
	struct dns *dns;
	bool silent; /* no server has answered anything: ask no more */
	struct dns_lookup lookups[DNS_LOOKUPS], more;
	struct dns_texts texts;
	struct spf spf;
	struct dmarc dmarc;
	struct dns_asked asked;
	char policy_id[STS_ID + 1]; /* of the record of MTA-STS, or "" */
};

/* The number of a type, as the DNS has it. */
int zone_dns_type(enum zone_type);

/* Asks one thing more; the answer is c->more. */
enum dns_status zone_ask(struct zone_check *, const char *name, enum zone_type);

/*
 * Adds the addresses that the DNS has, and the records of their names.  A
 * machine behind a router has no public address of its own: SPF and reverse
 * names have to match those in the DNS.
 */
void zone_learn_addresses(struct zone_check *);

/*
 * False for names that the world's DNS does not have, or not as ours (RFC
 * 6761): nobody is asked about them but a name server that is configured.
 */
bool zone_is_known(const struct config *, const char *domain);

/* Runs SPF for mail of the domain from all addresses of the host, with the
   record that the DNS has.  False: some would not pass, or anybody would. */
bool zone_spf_passes(struct zone_check *, struct zone_finding *);

/* True if a domain above has a policy for the domain; says which. */
bool zone_policy_above(struct zone_check *, struct zone_finding *);

/* ---- zone_policy.c ---- */

/* Fills in the policy of MTA-STS. */
void zone_make_policy(struct zone *);

/* Writes it for a web server, in place of what is there.  0, or -1 with errno:
   the file is as before. */
int zone_write_policy(const struct zone *, const char *path);

/* Judges the policy that senders get, with the id that they find and the hosts
   in MX.  Pure. */
void zone_judge_policy(const struct zone *, const char *id, struct span text,
    const struct dns_mx *hosts, size_t count, struct zone_finding *);

/* Gets it as senders do, and judges it. */
void zone_check_policy(
    struct zone_check *, const char *id, struct zone_finding *);

/* ---- zone_judge.c ---- */

/* Compares a record with the answer for its name. */
void zone_judge(struct zone_check *, const struct zone_record *,
    const struct dns_lookup *, struct zone_finding *);

/* ---- zone_check.c ---- */

/* Compares all records, and tells of each.  0, or -1 with errno: nobody can be
   asked. */
int zone_compare(struct zone *,
    void (*tell)(
	void *context, const struct zone_record *, const struct zone_finding *),
    void *context);

/* Compares with the DNS, and prints what it finds; 0, 1 or 2. */
int zone_check(struct zone *, bool json);

#endif
