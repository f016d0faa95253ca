/* SPDX-License-Identifier: ISC */
/*
 * Asks name servers.  The C library's resolver does UDP; TCP, for answers that
 * are too long for that, is done here, because the library would wait for ever
 * for a server that falls silent there.
 */
#include "common/dns/dns.h"

#include "common/dns/dns_private.h"
#include "common/dns/resolver.h"
#include "common/io/deadline.h"

#include <arpa/nameser.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <resolv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
	ANSWER = NS_MAXMSG,
	TCP_LIMIT = 8000, /* ms for all of an answer by TCP */
	AUTHENTIC = 0x20, /* AD, in the fourth octet of an answer */
};

struct dns {
	struct resolver *resolver; /* asks for us; then there is no state */
	struct __res_state state;
	struct dns_address servers[MAXNS];
	int nservers;
	char text[MAXNS * DNS_SERVER_TEXT]; /* the servers, for people */
	bool believed; /* what the servers say of signatures */
	struct dns_origin origin;
	unsigned char answer[ANSWER];
};

/* ---- the servers ---- */

/* Makes it the resolver's only server.  The library keeps those of IPv6 in
   blocks of their own, after an unused place in the list of IPv4. */
static int
set_server(struct dns *d, const struct dns_address *server)
{
	res_state s = &d->state;

	for (int i = 0; i < MAXNS; i++) {
		free(s->_u._ext.nsaddrs[i]);
		s->_u._ext.nsaddrs[i] = NULL;
		s->_u._ext.nssocks[i] = -1;
	}
	memset(s->nsaddr_list, 0, sizeof(s->nsaddr_list));
	s->nscount = 1;
	s->_u._ext.nscount = 0;
	if (server->address.ss_family == AF_INET) {
		memcpy(&s->nsaddr_list[0], &server->address, server->len);
		return 0;
	}
	s->_u._ext.nsaddrs[0] = malloc(sizeof(struct sockaddr_in6));
	if (s->_u._ext.nsaddrs[0] == NULL) {
		return -1;
	}
	memcpy(s->_u._ext.nsaddrs[0], &server->address, server->len);
	s->_u._ext.nscount = 1;
	return 0;
}

/* Reads the servers back from the resolver's state. */
static void
note_servers(struct dns *d)
{
	char text[DNS_SERVER_TEXT];

	d->nservers = 0;
	d->text[0] = '\0';
	for (int i = 0; i < d->state.nscount && i < MAXNS; i++) {
		const struct sockaddr_in *v4 = &d->state.nsaddr_list[i];
		const struct sockaddr_in6 *v6 = d->state._u._ext.nsaddrs[i];
		struct dns_address *server = &d->servers[d->nservers];
		if (v4->sin_family == AF_INET) {
			memcpy(&server->address, v4, sizeof(*v4));
			server->len = sizeof(*v4);
		} else if (v6 != NULL) {
			memcpy(&server->address, v6, sizeof(*v6));
			server->len = sizeof(*v6);
		} else {
			continue;
		}
		dns_server_text(server, text);
		strlcat(d->text, d->nservers == 0 ? "" : ", ", sizeof(d->text));
		strlcat(d->text, text, sizeof(d->text));
		d->nservers++;
	}
}

/* True if nobody can change on the way what a server says. */
static bool
is_loopback(const struct dns_address *server)
{
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;

	if (server->address.ss_family == AF_INET6) {
		memcpy(&v6, &server->address, sizeof(v6));
		return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
	}
	memcpy(&v4, &server->address, sizeof(v4));
	return ntohl(v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

/*
 * Decides whether the servers' word is believed that an answer is signed (RFC
 * 6698 section A.3, RFC 4035 section 4.9.3); the library hides it otherwise.
 */
static void
believe(struct dns *d, enum dane_mode dane)
{
	bool near = d->nservers > 0;

	for (int i = 0; i < d->nservers; i++) {
		near = near && is_loopback(&d->servers[i]);
	}
	d->believed = dane == DANE_ON || (dane == DANE_AUTO && near);
	if (d->believed) {
		d->state.options |= RES_TRUSTAD;
	}
}

/* Takes its servers into use. */
static void
use_servers(struct dns *d)
{
	/* The library waits retrans << i divided by the number of servers for
	   the i-th, retry times: 10 to 12 s in all. */
	static const int retrans[MAXNS + 1] = { 5, 5, 3, 2 };

	if (d->state.nscount > MAXNS) {
		d->state.nscount = MAXNS;
	}
	d->state.retrans = retrans[d->state.nscount];
	d->state.retry = 2;
	d->state.options |= RES_USE_EDNS0 | RES_IGNTC;
	d->state.options &= ~(unsigned long)(RES_DEBUG | RES_USEVC);
	note_servers(d);
}

struct dns *
dns_open_system(void)
{
	struct dns *d = calloc(1, sizeof(*d));

	if (d == NULL || res_ninit(&d->state) != 0) {
		free(d);
		return NULL;
	}
	use_servers(d);
	return d;
}

int
dns_use(struct dns *d, const char *text)
{
	struct dns_address server;

	if (!dns_server_parse(text, &server)) {
		errno = EINVAL;
		return -1;
	}
	if (set_server(d, &server) == -1) {
		return -1;
	}
	use_servers(d);
	return 0;
}

struct dns *
dns_open(const struct config *config)
{
	struct dns *d = dns_open_system();

	if (d == NULL) {
		return NULL;
	}
	if (config->resolver[0] != '\0' && dns_use(d, config->resolver) == -1) {
		int saved = errno;
		dns_close(d);
		errno = saved;
		return NULL;
	}
	believe(d, config->dane);
	return d;
}

/* True if that says that there is no resolver, or none that answers us. */
static bool
is_absent(int error)
{
	return error == ENOENT || error == ENOTDIR || error == ENAMETOOLONG ||
	       error == ECONNREFUSED || error == EACCES;
}

struct dns *
dns_open_worker(const struct config *config)
{
	struct dns_address server;

	if (config->resolver[0] != '\0' &&
	    !dns_server_parse(config->resolver, &server)) {
		errno = EINVAL;
		return NULL;
	}
	struct resolver *resolver =
	    resolver_open(config->resolver_socket, config->resolver);
	if (resolver == NULL) {
		return is_absent(errno) ? dns_open(config) : NULL;
	}
	struct dns *d = calloc(1, sizeof(*d));
	if (d == NULL) {
		resolver_close(resolver);
		return NULL;
	}
	d->resolver = resolver;
	return d;
}

bool
dns_needs_sockets(const struct dns *d)
{
	return d != NULL && d->resolver == NULL;
}

struct resolver *
dns_resolver(const struct dns *d)
{
	return d->resolver;
}

void
dns_close(struct dns *d)
{
	if (d != NULL) {
		if (d->resolver == NULL) {
			res_nclose(&d->state);
		}
		resolver_close(d->resolver);
		free(d);
	}
}

_Static_assert(DNS_SERVERS >= MAXNS, "see dns_servers()");

size_t
dns_servers(const struct dns *d, struct dns_address servers[DNS_SERVERS])
{
	memcpy(servers, d->servers, sizeof(d->servers));
	return (size_t)d->nservers;
}

bool
dns_may_be_secure(const struct dns *d)
{
	return d->believed;
}

const struct dns_origin *
dns_origin(const struct dns *d)
{
	return &d->origin;
}

/* ---- TCP (RFC 7766) ---- */

/* Sends or receives all of it before the deadline. */
static bool
transfer(int fd, unsigned char *data, size_t len, bool out, int64_t deadline)
{
	for (size_t done = 0; done < len;) {
		ssize_t n =
		    out ? send(fd, data + done, len - done,
			      MSG_NOSIGNAL | MSG_DONTWAIT)
			: recv(fd, data + done, len - done, MSG_DONTWAIT);
		if (n > 0) {
			done += (size_t)n;
		} else if (n == 0 ||
			   (errno != EAGAIN && errno != ENOTCONN &&
			       errno != EINTR) ||
			   deadline_wait(fd, out ? POLLOUT : POLLIN, deadline,
			       false) == -1) {
			return false;
		}
	}
	return true;
}

/* Asks one server; the length of the answer, or -1. */
static int
ask_server(struct dns *d, const struct dns_address *server,
    unsigned char *query, size_t len, int64_t deadline)
{
	unsigned char head[2] = { (unsigned char)(len >> 8),
		(unsigned char)len };
	int result = -1, fd = socket(server->address.ss_family,
			     SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd == -1) {
		return -1;
	}
	int rc =
	    connect(fd, (const struct sockaddr *)&server->address, server->len);
	if ((rc == 0 || (errno == EINPROGRESS && deadline_wait(fd, POLLOUT,
						     deadline, false) == 0)) &&
	    transfer(fd, head, sizeof(head), true, deadline) &&
	    transfer(fd, query, len, true, deadline) &&
	    transfer(fd, head, sizeof(head), false, deadline)) {
		size_t size = (size_t)head[0] << 8 | head[1];
		if (transfer(fd, d->answer, size, false, deadline) &&
		    size >= NS_HFIXEDSZ &&
		    memcmp(d->answer, query, NS_INT16SZ) == 0 &&
		    (d->answer[2] & 0x02) == 0) { /* not cut even here */
			result = (int)size;
		}
	}
	close(fd);
	return result;
}

static int
ask_by_tcp(struct dns *d, const char *name, int type)
{
	unsigned char query[NS_PACKETSZ];
	int64_t deadline = deadline_now() + TCP_LIMIT;
	int n = res_nmkquery(&d->state, ns_o_query, name, ns_c_in, type, NULL,
	    0, NULL, query, sizeof(query));
	int result = -1;

	for (int i = 0; n > 0 && result == -1 && i < d->nservers; i++) {
		result =
		    ask_server(d, &d->servers[i], query, (size_t)n, deadline);
	}
	return result;
}

/* ---- questions ---- */

/* True if the answer is one to our question: by TCP anything may come. */
static bool
answers(const struct dns *d, size_t len, const char *name, int type)
{
	const unsigned char *end = d->answer + len;
	const unsigned char *p = d->answer + NS_HFIXEDSZ;
	char question[NS_MAXDNAME];

	if (len < NS_HFIXEDSZ) {
		return false;
	}
	int n = dn_expand(d->answer, end, p, question, sizeof(question));
	size_t asked = strlen(name);
	while (asked > 0 && name[asked - 1] == '.') {
		asked--;
	}
	return n > 0 && end - p - n >= NS_QFIXEDSZ &&
	       strlen(question) == asked &&
	       strncasecmp(question, name, asked) == 0 &&
	       (p[n] << 8 | p[n + 1]) == type;
}

/*
 * Asks, leaves an answer of *len octets in d->answer when DNS_OK.  Failed:
 * what people are told, with the name servers in front.
 */
static enum dns_status
ask_for_answer(
    struct dns *d, const char *name, int type, size_t *len, const char **failed)
{
	unsigned char encoded[NS_MAXCDNAME + 1];
	int64_t start = deadline_now();

	*failed = "gives no usable answer";
	memset(d->answer, 0, NS_HFIXEDSZ);
	if (d->resolver != NULL) {
		*failed = "is not asked from here";
		return DNS_TEMPORARY;
	}
	if (ns_name_pton(name, encoded, sizeof(encoded)) == -1) {
		return DNS_NONE; /* a label too long, for instance */
	}
	int n = res_nquery(
	    &d->state, name, ns_c_in, type, d->answer, sizeof(d->answer));
	if ((d->answer[2] & 0x02) != 0) {
		n = ask_by_tcp(d, name, type); /* it was truncated */
		if (n == -1) {
			*failed = "does not answer by TCP";
			return DNS_TEMPORARY;
		}
	} else if (n == -1 && d->state.res_h_errno == HOST_NOT_FOUND) {
		return DNS_NONE;
	} else if (n == -1 && d->state.res_h_errno == NO_DATA) {
		return DNS_NO_DATA;
	} else if (n == -1) {
		/* The resolver does not tell, but its patience does. */
		*failed = errno == ECONNREFUSED           ? "cannot be reached"
		          : deadline_now() - start < 1000 ? "has failed"
		                                          : "does not answer";
		return DNS_TEMPORARY;
	}
	*len = (size_t)n < sizeof(d->answer) ? (size_t)n : sizeof(d->answer);
	return answers(d, *len, name, type) ? DNS_OK : DNS_TEMPORARY;
}

/* The same, and notes where the answer comes from. */
static enum dns_status
ask_servers(
    struct dns *d, const char *name, int type, size_t *len, const char **failed)
{
	struct dns_origin *o = &d->origin;
	enum dns_status status = ask_for_answer(d, name, type, len, failed);

	memset(o, 0, sizeof(*o));
	strlcpy(o->canonical, name, sizeof(o->canonical));
	o->secure = d->believed && status != DNS_TEMPORARY &&
	            (d->answer[3] & AUTHENTIC) != 0;
	if (status == DNS_OK) {
		(void)dns_parse_alias(d->answer, *len, o->canonical);
	}
	return status;
}

static void
explain(const struct dns *d, enum dns_status status, const char *name,
    const char *types, const char *failed, char why[CONFIG_ERROR])
{
	switch (status) {
	case DNS_OK:
		why[0] = '\0';
		break;
	case DNS_NONE:
		snprintf(why, CONFIG_ERROR, "there is no domain %.255s", name);
		break;
	case DNS_NO_DATA:
		snprintf(
		    why, CONFIG_ERROR, "%.255s has no %s record", name, types);
		break;
	case DNS_TEMPORARY:
		snprintf(why, CONFIG_ERROR,
		    "the name server at %s %s for %.255s (%s)", d->text, failed,
		    name, types);
		break;
	}
}

enum dns_status
dns_mx(struct dns *d, const char *domain, struct dns_mx hosts[DNS_HOSTS],
    size_t *count, char why[CONFIG_ERROR])
{
	const char *failed;
	size_t len;
	enum dns_status status = ask_servers(d, domain, ns_t_mx, &len, &failed);

	*count = 0;
	if (status == DNS_OK) {
		status = dns_parse_mx(d->answer, len, hosts, count);
	}
	explain(d, status, domain, "MX", failed, why);
	return status;
}

enum dns_status
dns_texts(struct dns *d, const char *name, struct dns_texts *texts,
    char why[CONFIG_ERROR])
{
	const char *failed;
	size_t len;
	enum dns_status status = ask_servers(d, name, ns_t_txt, &len, &failed);

	texts->count = 0;
	if (status == DNS_OK) {
		status = dns_parse_texts(d->answer, len, texts);
	}
	explain(d, status, name, "TXT", failed, why);
	return status;
}

enum dns_status
dns_records(struct dns *d, const char *name, int type,
    bool (*each)(void *context, const char *data, size_t len), void *context,
    char why[CONFIG_ERROR])
{
	const char *failed;
	char what[32];
	size_t len;
	enum dns_status status = ask_servers(d, name, type, &len, &failed);

	if (status == DNS_OK) {
		status = dns_parse_each(d->answer, len, type, each, context);
	}
	snprintf(what, sizeof(what), "TYPE%d", type); /* RFC 3597, section 5 */
	explain(d, status, name, what, failed, why);
	return status;
}

static enum dns_status
ask_addresses(struct dns *d, const char *host, int type,
    struct dns_address addresses[DNS_ADDRESSES], size_t *count,
    const char **failed)
{
	size_t len;
	enum dns_status status = ask_servers(d, host, type, &len, failed);

	*count = 0;
	return status == DNS_OK
	           ? dns_parse_addresses(d->answer, len, type, addresses, count)
	           : status;
}

enum dns_status
dns_addresses(struct dns *d, const char *host,
    struct dns_address addresses[DNS_ADDRESSES], size_t *count,
    char why[CONFIG_ERROR])
{
	struct dns_address v4[DNS_ADDRESSES];
	const char *failed6, *failed4;
	size_t n6, n4;
	enum dns_status s6, s4, both;

	s6 = ask_addresses(d, host, ns_t_aaaa, addresses, &n6, &failed6);
	bool secure = d->origin.secure || s6 == DNS_TEMPORARY;
	s4 = ask_addresses(d, host, ns_t_a, v4, &n4, &failed4);
	/* One that nobody can tell does not count. */
	d->origin.secure = secure &&
	                   (d->origin.secure || s4 == DNS_TEMPORARY) &&
	                   (s6 != DNS_TEMPORARY || s4 != DNS_TEMPORARY);
	n6 = s6 == DNS_OK ? n6 : 0;
	n4 = s4 == DNS_OK ? n4 : 0;
	if (n6 + n4 > DNS_ADDRESSES) {
		const size_t half = DNS_ADDRESSES / 2;
		n6 = n4 < half ? DNS_ADDRESSES - n4 : n6 < half ? n6 : half;
		n4 = DNS_ADDRESSES - n6;
	}
	memcpy(addresses + n6, v4, n4 * sizeof(v4[0]));
	*count = n6 + n4;
	both = s6 == DNS_OK || s4 == DNS_OK                 ? DNS_OK
	       : s6 == DNS_TEMPORARY || s4 == DNS_TEMPORARY ? DNS_TEMPORARY
	       : s6 == DNS_NONE || s4 == DNS_NONE           ? DNS_NONE
	                                                    : DNS_NO_DATA;
	explain(d, both, host, "A or AAAA",
	    s4 == DNS_TEMPORARY ? failed4 : failed6, why);
	return both;
}
