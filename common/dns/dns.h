/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_DNS_DNS_H
#define RESTANTE_COMMON_DNS_DNS_H

#include "common/config/config.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/*
 * The domain name system by the C library's resolver (res_nquery), answers
 * parsed here.  dns_open() reads files; after that only sockets are needed, so
 * that a sandboxed process can ask.  Names are absolute, search lists do not
 * count, and no name takes much more than 20 s.
 */

enum {
	DNS_NAME = 256,
	DNS_HOSTS = 32,     /* of an MX answer that are tried */
	DNS_ADDRESSES = 16, /* of one host */
	DNS_SERVERS = 3,    /* name servers */
};

enum dns_status {
	DNS_OK,
	DNS_NONE,      /* the name does not exist (NXDOMAIN) */
	DNS_NO_DATA,   /* it does, without such a record */
	DNS_TEMPORARY, /* SERVFAIL, no answer, a lie */
};

struct dns_mx {
	unsigned preference;
	char host[DNS_NAME]; /* "" is the root: null MX, RFC 7505 */
};

struct dns_address {
	struct sockaddr_storage address; /* port 0 */
	socklen_t len;
};

struct dns;

/* The key resolver of the configuration (an address, "192.0.2.1:53" or
   "[2001:db8::1]:53"), else resolv.conf.  NULL: errno, EINVAL: the key. */
struct dns *dns_open(const struct config *);
void dns_close(struct dns *);

/*
 * Does the same for a process that asks only by dns_look_up(), and may have no
 * network.  It asks the resolver (resolver.h), if there is one that accepts
 * questions from this user; NULL: there is, but it cannot be asked now.  This
 * is decided here, once; dns_needs_sockets() returns the decision, also for
 * NULL.
 */
struct dns *dns_open_worker(const struct config *);
bool dns_needs_sockets(const struct dns *);

/* For the resolver: opens the DNS with resolv.conf; then sets a server from
   the key resolver.  0, or -1 with errno. */
struct dns *dns_open_system(void);
int dns_use(struct dns *, const char *server)
    __attribute__((warn_unused_result));

/* The origin of the last answer. */
struct dns_origin {
	/* It is signed (DNSSEC), by the word of name servers that the key dane
	   lets us believe: this also holds for what there is not. */
	bool secure;
	char canonical[DNS_NAME]; /* the name at the end of its aliases */
};
const struct dns_origin *dns_origin(const struct dns *);

/* True if an answer may be called secure at all. */
bool dns_may_be_secure(const struct dns *);

/* Fills in the name servers, with their ports; how many. */
size_t dns_servers(const struct dns *, struct dns_address servers[DNS_SERVERS]);

/* The DNS_HOSTS best hosts, each once, in no order.  why: for people, when not
   DNS_OK. */
enum dns_status dns_mx(struct dns *, const char *domain,
    struct dns_mx hosts[DNS_HOSTS], size_t *count, char why[CONFIG_ERROR]);

/* AAAA, then A records.  DNS_OK: at least one; both are asked, and if there
   are too many, each kind gets half of the room. */
enum dns_status dns_addresses(struct dns *, const char *host,
    struct dns_address addresses[DNS_ADDRESSES], size_t *count,
    char why[CONFIG_ERROR]);

enum { DNS_TEXTS = 16, DNS_TEXT = 2048 };

/* TXT records, each with its strings joined, as they are. */
struct dns_texts {
	size_t count;
	struct {
		size_t len;
		char octets[DNS_TEXT]; /* with NUL; what does not fit is cut */
	} all[DNS_TEXTS];
};

/* Looks up the TXT records of a name. */
enum dns_status dns_texts(
    struct dns *, const char *name, struct dns_texts *, char why[CONFIG_ERROR]);

/* Calls each for every record of that type, as dns_parse_each(). */
enum dns_status dns_records(struct dns *, const char *name, int type,
    bool (*each)(void *context, const char *data, size_t len), void *context,
    char why[CONFIG_ERROR]);

/* ---- pure ---- */

/*
 * Reads the MX records of an answer, at the end of its CNAMEs.  DNS_TEMPORARY:
 * malformed, not an answer, or the server says that it has failed.
 */
enum dns_status dns_parse_mx(const unsigned char *answer, size_t len,
    struct dns_mx hosts[DNS_HOSTS], size_t *count);
/* Adds the A or AAAA records (type) of an answer. */
enum dns_status dns_parse_addresses(const unsigned char *answer, size_t len,
    int type, struct dns_address addresses[DNS_ADDRESSES], size_t *count);
/* Reads the first TXT record of an answer, as much of it as fits; what is not
   printable ASCII becomes "?". */
enum dns_status dns_parse_text(
    const unsigned char *answer, size_t len, char *text, size_t size);

/* Reads all TXT records, DNS_TEXTS at most. */
enum dns_status dns_parse_texts(
    const unsigned char *answer, size_t len, struct dns_texts *);

enum { DNS_RECORD = 65536 }; /* octets that the longest record may have */

/*
 * Calls each for every record of that type (TXT: its strings, joined; A, AAAA:
 * the address; MX, PTR: the name; SRV: "priority weight port host"; others: as
 * they are).  NULL: it is enough to know that there are some.  DNS_TEMPORARY
 * also if it returns false.
 */
enum dns_status dns_parse_each(const unsigned char *answer, size_t len,
    int type, bool (*each)(void *context, const char *data, size_t len),
    void *context);

/* True if the name that was asked for is an alias (CNAME), and the name at the
   end of the chain. */
bool dns_parse_alias(
    const unsigned char *answer, size_t len, char name[DNS_NAME]);

/* Reads the address of a name server: "192.0.2.1", "192.0.2.1:53",
   "2001:db8::1", "[2001:db8::1]:53". */
bool dns_server_parse(const char *text, struct dns_address *);

enum { DNS_SERVER_TEXT = INET6_ADDRSTRLEN + 16 };

/* Writes it in the form with a port. */
void dns_server_text(const struct dns_address *, char text[DNS_SERVER_TEXT]);

#endif
