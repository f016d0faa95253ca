/* SPDX-License-Identifier: ISC */
/*
 * Reads DNS answers (RFC 1035 section 4.1), which anybody may have written:
 * whatever a length or a pointer says, nothing outside of the answer is read.
 */
#include "common/dns/dns.h"

#include "common/text/address.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	CHAIN = 16,     /* CNAMEs that are followed */
	RECORDS = 8192, /* of an answer that are looked at */
	PREFERENCE = 2, /* octets of an MX in front of its host */
	SERVICE = 6,    /* octets of an SRV in front of its host */
};

struct answer {
	const unsigned char *start, *end;
	const unsigned char *records;  /* the first one */
	const unsigned char *position; /* of the next one */
	unsigned count, left;
	char name[DNS_NAME]; /* what was asked for, or its canonical name */
};

struct record {
	char owner[DNS_NAME];
	unsigned type, class;
	const unsigned char *data;
	size_t len;
};

static unsigned
get16(const unsigned char *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* Reads a name at p; what comes after it, or NULL: malformed. */
static const unsigned char *
get_name(const struct answer *a, const unsigned char *p, char name[DNS_NAME])
{
	int n =
	    p < a->end ? dn_expand(a->start, a->end, p, name, DNS_NAME) : -1;

	return n < 0 ? NULL : p + n;
}

static void
rewind_records(struct answer *a)
{
	a->position = a->records;
	a->left = a->count;
}

/* Reads the header and the question; false: malformed. */
static bool
open_answer(struct answer *a, const unsigned char *answer, size_t len)
{
	if (len < NS_HFIXEDSZ || (answer[2] & 0x80) == 0 ||
	    get16(answer + 4) != 1) {
		return false;
	}
	a->start = answer;
	a->end = answer + len;
	const unsigned char *p = get_name(a, answer + NS_HFIXEDSZ, a->name);
	if (p == NULL || a->end - p < NS_QFIXEDSZ) {
		return false;
	}
	a->records = p + NS_QFIXEDSZ;
	a->count = get16(answer + 6);
	if (a->count > RECORDS) {
		a->count = RECORDS;
	}
	rewind_records(a);
	return true;
}

/* Reads the next record; false: none is left, or it is malformed. */
static bool
next_record(struct answer *a, struct record *r, bool *malformed)
{
	*malformed = false;
	if (a->left == 0) {
		return false;
	}
	a->left--;
	*malformed = true;
	const unsigned char *p = get_name(a, a->position, r->owner);
	if (p == NULL || a->end - p < NS_RRFIXEDSZ) {
		return false;
	}
	r->type = get16(p);
	r->class = get16(p + 2);
	r->len = get16(p + 8);
	r->data = p + NS_RRFIXEDSZ;
	if (r->len > (size_t)(a->end - r->data)) {
		return false;
	}
	a->position = r->data + r->len;
	*malformed = false;
	return true;
}

/* The next record of that type that belongs to the name. */
static bool
next_of(struct answer *a, unsigned type, struct record *r, bool *malformed)
{
	while (next_record(a, r, malformed)) {
		if (r->type == type && r->class == ns_c_in &&
		    strcasecmp(r->owner, a->name) == 0) {
			return true;
		}
	}
	return false;
}

/* Makes name the canonical one; false: malformed, or a loop. */
static bool
follow(struct answer *a)
{
	struct record r;
	bool malformed;

	for (int i = 0; i < CHAIN; i++) {
		rewind_records(a);
		if (!next_of(a, ns_t_cname, &r, &malformed)) {
			rewind_records(a);
			return !malformed;
		}
		/* The name may not be compressed beyond the record, but may
		   point to anywhere before it. */
		if (get_name(a, r.data, a->name) != r.data + r.len) {
			return false;
		}
	}
	return false;
}

/* What the header says: DNS_OK when there is an answer to look at. */
static enum dns_status
status_of(struct answer *a, const unsigned char *answer, size_t len)
{
	if (!open_answer(a, answer, len)) {
		return DNS_TEMPORARY;
	}
	switch (answer[3] & 0x0f) {
	case ns_r_noerror:
		return follow(a) ? DNS_OK : DNS_TEMPORARY;
	case ns_r_nxdomain:
		return DNS_NONE;
	default:
		return DNS_TEMPORARY;
	}
}

/* Keeps a host if it is among the best. */
static void
keep(struct dns_mx hosts[DNS_HOSTS], size_t *count, const struct dns_mx *mx)
{
	size_t worst = 0;

	for (size_t i = 0; i < *count; i++) {
		if (strcasecmp(hosts[i].host, mx->host) == 0) {
			if (mx->preference < hosts[i].preference) {
				hosts[i].preference = mx->preference;
			}
			return;
		}
		if (hosts[i].preference > hosts[worst].preference) {
			worst = i;
		}
	}
	if (*count < DNS_HOSTS) {
		hosts[(*count)++] = *mx;
	} else if (mx->preference < hosts[worst].preference) {
		hosts[worst] = *mx;
	}
}

enum dns_status
dns_parse_mx(const unsigned char *answer, size_t len,
    struct dns_mx hosts[DNS_HOSTS], size_t *count)
{
	struct answer a;
	struct record r;
	struct dns_mx mx;
	bool malformed, seen = false;

	*count = 0;
	enum dns_status status = status_of(&a, answer, len);
	if (status != DNS_OK) {
		return status;
	}
	while (next_of(&a, ns_t_mx, &r, &malformed)) {
		if (r.len <= PREFERENCE || get_name(&a, r.data + PREFERENCE,
					       mx.host) != r.data + r.len) {
			malformed = true;
			break;
		}
		mx.preference = get16(r.data);
		seen = true;
		/* Names that no host can have do not count. */
		if (mx.host[0] == '\0' || address_is_domain(mx.host)) {
			keep(hosts, count, &mx);
		}
	}
	if (malformed || (seen && *count == 0)) {
		*count = 0;
		return DNS_TEMPORARY;
	}
	return seen ? DNS_OK : DNS_NO_DATA;
}

static bool
read_address(const struct record *r, struct dns_address *out)
{
	memset(out, 0, sizeof(*out));
	if (r->type == ns_t_a && r->len == NS_INADDRSZ) {
		struct sockaddr_in sin = { .sin_family = AF_INET };
		memcpy(&sin.sin_addr, r->data, r->len);
		memcpy(&out->address, &sin, sizeof(sin));
		out->len = sizeof(sin);
	} else if (r->type == ns_t_aaaa && r->len == NS_IN6ADDRSZ) {
		struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };
		memcpy(&sin6.sin6_addr, r->data, r->len);
		memcpy(&out->address, &sin6, sizeof(sin6));
		out->len = sizeof(sin6);
	}
	return out->len > 0;
}

enum dns_status
dns_parse_addresses(const unsigned char *answer, size_t len, int type,
    struct dns_address addresses[DNS_ADDRESSES], size_t *count)
{
	struct answer a;
	struct record r;
	struct dns_address address;
	bool malformed, seen = false;

	enum dns_status status = status_of(&a, answer, len);
	if (status != DNS_OK) {
		return status;
	}
	while (next_of(&a, (unsigned)type, &r, &malformed)) {
		if (!read_address(&r, &address)) {
			return DNS_TEMPORARY;
		}
		seen = true;
		if (*count < DNS_ADDRESSES) {
			addresses[(*count)++] = address;
		}
	}
	/* What could be read before the damage is no worse for it. */
	return seen ? DNS_OK : malformed ? DNS_TEMPORARY : DNS_NO_DATA;
}

/* The strings of a TXT record as one; false: they do not fill it. */
static bool
read_text(const struct record *r, char *text, size_t size)
{
	size_t at = 0;

	for (size_t i = 0; i < r->len;) {
		size_t n = r->data[i++];
		if (n > r->len - i) {
			return false;
		}
		for (; n > 0; n--, i++) {
			unsigned char c = r->data[i];
			if (at + 1 < size) {
				text[at++] =
				    c >= ' ' && c < 0x7f ? (char)c : '?';
			}
		}
	}
	text[at] = '\0';
	return at > 0;
}

enum dns_status
dns_parse_text(const unsigned char *answer, size_t len, char *text, size_t size)
{
	struct answer a;
	struct record r;
	bool malformed;

	text[0] = '\0';
	enum dns_status status = status_of(&a, answer, len);
	if (status != DNS_OK) {
		return status;
	}
	if (!next_of(&a, ns_t_txt, &r, &malformed)) {
		return malformed ? DNS_TEMPORARY : DNS_NO_DATA;
	}
	if (!read_text(&r, text, size)) {
		text[0] = '\0';
		return DNS_TEMPORARY;
	}
	return DNS_OK;
}

/* Joins the strings of a TXT record; false: they do not fill it. */
static bool
join_text(const struct record *r, char *out, size_t *len)
{
	*len = 0;
	for (size_t i = 0; i < r->len;) {
		size_t n = r->data[i++];
		if (n > r->len - i) {
			return false;
		}
		size_t room = DNS_TEXT - 1 - *len;
		memcpy(out + *len, r->data + i, n < room ? n : room);
		*len += n < room ? n : room;
		i += n;
	}
	out[*len] = '\0';
	return true;
}

enum dns_status
dns_parse_texts(
    const unsigned char *answer, size_t len, struct dns_texts *texts)
{
	struct answer a;
	struct record r;
	bool malformed = false;

	texts->count = 0;
	enum dns_status status = status_of(&a, answer, len);
	while (status == DNS_OK && texts->count < DNS_TEXTS &&
	       next_of(&a, ns_t_txt, &r, &malformed)) {
		size_t i = texts->count;
		if (!join_text(&r, texts->all[i].octets, &texts->all[i].len)) {
			return DNS_TEMPORARY;
		}
		texts->count++;
	}
	if (malformed) {
		return DNS_TEMPORARY;
	}
	return status == DNS_OK && texts->count == 0 ? DNS_NO_DATA : status;
}

/* ---- any records ---- */

/* Joins the strings of a TXT record; -1: they do not fill it. */
static ssize_t
join_strings(const struct record *r, char out[DNS_RECORD])
{
	size_t at = 0;

	for (size_t i = 0; i < r->len;) {
		size_t n = r->data[i++];
		if (n > r->len - i) {
			return -1;
		}
		memcpy(out + at, r->data + i, n);
		at += n;
		i += n;
	}
	return (ssize_t)at;
}

/* Writes an SRV record (RFC 2782) as zone files have it, without a last dot. */
static ssize_t
join_service(const struct answer *a, const struct record *r, char *out)
{
	char host[DNS_NAME];

	if (r->len <= SERVICE ||
	    get_name(a, r->data + SERVICE, host) != r->data + r->len) {
		return -1;
	}
	return snprintf(out, DNS_RECORD, "%u %u %u %s", get16(r->data),
	    get16(r->data + 2), get16(r->data + 4), host);
}

/* Takes a record's data to pieces; its length, or -1: malformed. */
static ssize_t
read_data(const struct answer *a, const struct record *r, char out[DNS_RECORD])
{
	size_t skip = r->type == ns_t_mx ? PREFERENCE : 0;
	size_t address = r->type == ns_t_a      ? NS_INADDRSZ
	                 : r->type == ns_t_aaaa ? NS_IN6ADDRSZ
	                                        : 0;

	if (r->type == ns_t_txt) {
		return join_strings(r, out);
	}
	if (r->type == ns_t_srv) {
		return join_service(a, r, out);
	}
	if (address > 0) {
		memcpy(out, r->data, r->len < address ? r->len : address);
		return r->len == address ? (ssize_t)address : -1;
	}
	if (r->type != ns_t_mx && r->type != ns_t_ptr) {
		memcpy(out, r->data, r->len);
		return (ssize_t)r->len;
	}
	if (r->len <= skip ||
	    get_name(a, r->data + skip, out) != r->data + r->len) {
		return -1;
	}
	return (ssize_t)strlen(out);
}

enum dns_status
dns_parse_each(const unsigned char *answer, size_t len, int type,
    bool (*each)(void *context, const char *data, size_t len), void *context)
{
	char data[DNS_RECORD];
	struct answer a;
	struct record r;
	bool malformed, seen = false;

	enum dns_status status = status_of(&a, answer, len);
	if (status != DNS_OK) {
		return status;
	}
	while (next_of(&a, (unsigned)type, &r, &malformed)) {
		ssize_t n = read_data(&a, &r, data);
		if (n == -1 ||
		    (each != NULL && !each(context, data, (size_t)n))) {
			return DNS_TEMPORARY;
		}
		seen = true;
	}
	return malformed ? DNS_TEMPORARY : seen ? DNS_OK : DNS_NO_DATA;
}

bool
dns_parse_alias(const unsigned char *answer, size_t len, char name[DNS_NAME])
{
	char asked[DNS_NAME];
	struct answer a;

	if (!open_answer(&a, answer, len)) {
		return false;
	}
	strlcpy(asked, a.name, sizeof(asked));
	if (!follow(&a)) {
		return false;
	}
	strlcpy(name, a.name, DNS_NAME);
	return strcasecmp(asked, name) != 0;
}

/* ---- addresses of name servers ---- */

bool
dns_server_parse(const char *text, struct dns_address *out)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };
	char host[CONFIG_NAME];
	const char *port = NULL, *why = NULL;

	bool bracket = text[0] == '[';
	strlcpy(host, text + bracket, sizeof(host));
	char *end = bracket ? strchr(host, ']') : strchr(host, ':');
	if (bracket && end == NULL) {
		return false;
	}
	if (end != NULL && (bracket || strchr(end + 1, ':') == NULL)) {
		port = bracket ? end + 1 : end;
		port = *port == ':' ? port + 1 : *port == '\0' ? NULL : "";
		*end = '\0';
	}
	in_port_t number =
	    htons((in_port_t)(port == NULL ? NS_DEFAULTPORT
					   : strtonum(port, 1, 65535, &why)));
	if (why != NULL) {
		return false;
	}
	sin.sin_port = sin6.sin6_port = number;
	if (inet_pton(AF_INET, host, &sin.sin_addr) == 1) {
		memcpy(&out->address, &sin, sizeof(sin));
		out->len = sizeof(sin);
	} else if (inet_pton(AF_INET6, host, &sin6.sin6_addr) == 1) {
		memcpy(&out->address, &sin6, sizeof(sin6));
		out->len = sizeof(sin6);
	} else {
		return false;
	}
	return true;
}

void
dns_server_text(const struct dns_address *server, char text[DNS_SERVER_TEXT])
{
	struct sockaddr_in6 sin6;
	struct sockaddr_in sin;
	char host[INET6_ADDRSTRLEN];

	if (server->address.ss_family == AF_INET) {
		memcpy(&sin, &server->address, sizeof(sin));
		inet_ntop(AF_INET, &sin.sin_addr, host, sizeof(host));
		snprintf(
		    text, DNS_SERVER_TEXT, "%s:%d", host, ntohs(sin.sin_port));
	} else {
		memcpy(&sin6, &server->address, sizeof(sin6));
		inet_ntop(AF_INET6, &sin6.sin6_addr, host, sizeof(host));
		snprintf(text, DNS_SERVER_TEXT, "[%s]:%d", host,
		    ntohs(sin6.sin6_port));
	}
}
